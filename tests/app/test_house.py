"""A house in which another configuration takes the place of the one before, under polls and scrapes."""

from __future__ import annotations

import asyncio
import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from builders import KEY, Clock, Scene, a_task, asking, at, config_text, samples
from exporter import app
from exporter.config import ConfigError, ConfigFile, parse
from exporter.judge import expect
from exporter.simulator.faults import Fault, Kind
from exporter.simulator.tasks import FROZEN, Behaviour, SimTask
from log_lines import written

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import FrameType
    from typing import Any

    from exporter.model import Secret

UPSTREAM = 'api: {base_url: "http://127.0.0.1:1"}'
MAIN, SECOND = f"name: main, access_key: {KEY}", "name: second, access_key: second-key"
SHOP = 'account="main",task_id="7001",task_name="Shop"'
MOST_BLOCKS = 500  # of memory, which as many reloads may add, as the pretend upstream keeps a record


def hourly(task_id: int, name: str = "Shop", **changes: Any) -> SimTask:
    facts = {"created_at": at("2024-05-01 00:00Z"), "last_run_at": at("2024-06-10 11:00:14Z"), "runs": 900}
    return SimTask(id=task_id, name=name, crontab="0 * * * *", **facts | changes)


def accounts(*each: str) -> str:
    return f"[{', '.join('{' + one + '}' for one in each)}]"


async def load(scene: Scene, *each: str, **changes: str) -> None:
    text = config_text(accounts=accounts(*each), **changes)
    await scene.house.apply(parse(text, name="config.yaml", directory=Path()))


def play(
    scenario: Callable[[Scene, httpx.AsyncClient], Coroutine[None, None, None]], *each: str, **built_with: Any
) -> str:
    """The scenario over a house that polls these accounts from 11:30:20 on; what was logged."""
    scene = Scene(
        Clock(at("2024-06-10 11:30:20Z")),
        config_text(accounts=accounts(*each)),
        [hourly(7001), hourly(7002, "Blog")],
        **built_with,
    )
    scene.add_account("second", "second-key", [hourly(8001)])

    async def main() -> None:
        async with scene.polling() as client:
            await scenario(scene, client)

    with written(level="error") as lines:
        scene.clock.run(main())
    return lines.getvalue()


async def scrape(client: httpx.AsyncClient) -> dict[str, float]:
    return samples((await client.get("/metrics")).text)


def of(found: dict[str, float], account: str) -> dict[str, float]:
    return {name: value for name, value in found.items() if f'account="{account}"' in name}


def test_an_account_that_is_the_same_is_polled_on() -> None:
    """A reload that changes only the others costs it no request, no second of its rhythm, no series and no count."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        await scene.clock.until(at("2024-06-10 12:10:30Z"))
        before, seen = await scrape(client), len(scene.world.seen)
        await load(scene, MAIN, SECOND)
        after = await scrape(client)
        assert of(before, "main") == of(after, "main")
        assert 1 == after[f"screenshotmax_task_observed_runs_total{{{SHOP}}}"]
        await scene.clock.until(at("2024-06-10 12:11:30Z"))
        assert 1 + 2 == len(scene.world.seen) - seen  # the second's first round is at once

    play(scenario, MAIN)


def test_what_went_takes_its_series_along() -> None:
    """Account, listed task, excluded task: gone at the next scrape, while what stays is untouched."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        assert of(await scrape(client), "second")
        await load(scene, f"{MAIN}, exclude: [7002]")
        found = await scrape(client)
        assert not of(found, "second")
        assert [] == [name for name in found if "7002" in name]
        assert 1 == found['screenshotmax_tasks{account="main"}']
        await load(scene, f"{MAIN}, tasks: [7002]")
        found = await scrape(client)
        assert [] == [name for name in found if "7001" in name]
        assert 1 == found['screenshotmax_task_state{account="main",state="unknown",task_id="7002",task_name=""}']

    play(scenario, MAIN, SECOND)


def test_a_late_answer_for_what_went_is_dropped() -> None:
    """A request that is under way when its account goes brings nothing back, however it ends."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.world.faults.add(Fault(kind=Kind.LATENCY, seconds=5), account="second")
        await scene.clock.until(at("2024-06-10 11:31:08Z"))  # within the five seconds of a round's request
        seen = len(scene.world.seen)
        await load(scene, MAIN)
        await scene.clock.until(at("2024-06-10 12:00:00Z"))
        assert not of(await scrape(client), "second")
        assert 28 == len(scene.world.seen) - seen  # the minutes till then

    assert "" == play(scenario, MAIN, SECOND)


def test_a_new_tolerance_holds_at_once_and_costs_no_evidence() -> None:
    """The verdict follows the new grace at the next scrape, on the evidence and the counts that were there."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.account.task(7001).behave(FROZEN, scene.clock.now())
        await scene.clock.until(at("2024-06-10 12:20:30Z"))
        missed, counted = (
            f"screenshotmax_task_missed_run{{{SHOP}}}",
            f"screenshotmax_task_expected_runs_total{{{SHOP}}}",
        )
        before = await scrape(client)
        assert (1, 1) == (before[missed], before[counted])
        scene.world.faults.add(Fault(status=503))
        await load(scene, MAIN, missed_run="{grace: 45m}")
        after = await scrape(client)
        assert (0, 1) == (after[missed], after[counted])
        assert (
            before[f"screenshotmax_task_last_fetch_timestamp_seconds{{{SHOP}}}"]
            == after[f"screenshotmax_task_last_fetch_timestamp_seconds{{{SHOP}}}"]
        )
        scene.world.faults.clear()
        await scene.clock.until(at("2024-06-10 12:47:30Z"))
        assert 1 == (await scrape(client))[missed]

    play(scenario, MAIN)


def test_what_a_new_tolerance_takes_is_worked_out_before_it_holds() -> None:
    """By the reload, task by task; so the first report under it, which nobody can interrupt, need not."""
    found: list[str] = []

    def note(frame: FrameType, event: str, _detail: object) -> None:
        if event == "call" and frame.f_code is expect.__code__:
            found.append("worked out")

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        before = scene.house.report()
        scene.world.faults.add(Fault(status=503))
        sys.setprofile(note)
        try:
            await load(scene, MAIN, missed_run="{grace: 45m}")
            assert ["worked out"] * 2 == found
            after = scene.house.report()
        finally:
            sys.setprofile(None)
        assert ["worked out"] * 2 == found
        assert [timedelta(minutes=45)] * 2 == [task.expectation.grace for task in after.tasks]
        assert [timedelta(minutes=6)] * 2 == [task.expectation.grace for task in before.tasks]

    play(scenario, MAIN)


def test_another_server_is_another_world() -> None:
    """Evidence from one address says nothing of the tasks at another; the counts go on."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        await scene.clock.until(at("2024-06-10 12:10:30Z"))
        scene.world.faults.add(Fault(status=503))
        await load(scene, MAIN, api='{base_url: "http://127.0.0.1:2"}')
        assert not [name for name in await scrape(client) if name.startswith("screenshotmax_task_")]
        scene.world.faults.clear()
        await scene.clock.until(at("2024-06-10 12:11:30Z"))
        assert 1 == (await scrape(client))[f"screenshotmax_task_observed_runs_total{{{SHOP}}}"]

    play(scenario, MAIN)


def test_once_ready_a_new_account_takes_nothing_away() -> None:
    """Readiness stays when a reload adds an account whose first poll is still to come; that account is polled at once."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.world.faults.add(Fault(kind=Kind.HANG), account="second")
        await load(scene, MAIN, SECOND)
        found = await scrape(client)
        assert 0 == found['screenshotmax_up{account="second"}']
        assert 200 == (await client.get("/-/ready")).status_code
        assert 200 == (await client.get("/-/healthy")).status_code
        scene.world.faults.clear()
        await asyncio.sleep(90)
        assert 1 == (await scrape(client))['screenshotmax_up{account="second"}']

    play(scenario, MAIN)


def test_a_reload_lifts_a_block() -> None:
    """Whoever has paid the bill need not wait out an hour's Retry-After."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.world.faults.add(Fault(status=429, retry_after="3600"), account="main")
        await scene.clock.until(at("2024-06-10 11:32:00Z"))
        blocked = 'screenshotmax_api_blocked_until_timestamp_seconds{account="main"}'
        assert at("2024-06-10 12:31Z").timestamp() <= (await scrape(client))[blocked]
        scene.world.faults.clear()
        await load(scene, MAIN)
        assert blocked not in await scrape(client)
        await asyncio.sleep(10)
        assert 1 == (await scrape(client))['screenshotmax_up{account="main"}']

    play(scenario, MAIN)


def test_no_storm_of_reloads_exceeds_the_ceiling_or_grows_anything() -> None:
    """A thousand changes of an account within minutes: never more requests a minute than allowed, nothing left behind."""
    blocks = {}

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        tasks, began_at = len(asyncio.all_tasks()), scene.clock.now()
        for number in range(1000):
            if number in {500, 999}:
                gc.collect()
                blocks[number] = sys.getallocatedblocks()
            lenience = f"missed_run: {{grace: {number % 50 + 1}m}}"
            await load(scene, f"{MAIN}, {lenience}, api: {{requests_per_minute: 30}}")
            await asyncio.sleep(0.3)
        asked = [one.at.timestamp() for one in scene.world.seen if one.at >= began_at]
        assert 30 == max(sum(start <= one < start + 60 for one in asked) for start in asked)
        await asyncio.sleep(120)
        assert tasks == len(asyncio.all_tasks())
        found = await scrape(client)
        assert 1 == found['screenshotmax_up{account="main"}']
        assert 0 == found[f"screenshotmax_task_missed_run{{{SHOP}}}"]

    play(scenario, MAIN)
    assert blocks[999] - blocks[500] < MOST_BLOCKS


def test_a_thousand_reloads_of_the_same_file_are_nothing() -> None:
    """No request, no verdict that wavers, no count, no rhythm lost, nothing that grows: nobody can tell that they were."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        await scene.clock.until(at("2024-06-10 12:10:30Z"))
        before, seen, blocks = await scrape(client), len(scene.world.seen), {}
        for number in range(1000):
            await load(scene, MAIN)
            if number in {500, 999}:
                gc.collect()
                blocks[number] = sys.getallocatedblocks()
        assert (before, seen) == (await scrape(client), len(scene.world.seen))
        assert blocks[999] - blocks[500] < MOST_BLOCKS
        await scene.clock.until(at("2024-06-10 12:20:30Z"))
        assert 10 == len(scene.world.seen) - seen

    play(scenario, MAIN)


@pytest.mark.parametrize("by_request", [True, False])
def test_reloading_over_http(tmp_path: Path, by_request: bool) -> None:
    """From the file by POST to /metrics, /config and HELP; a bad file changes only the gauges and the answer."""
    file = tmp_path / "config.yaml"
    file.write_text(config_text(accounts=accounts(MAIN)))
    opened = ConfigFile(file)
    reloading = app.Reloading(file=opened, content=opened.read(), by_request=by_request)
    good, good_at = (
        f"screenshotmax_exporter_config_last_reload_{end}" for end in ("successful", "success_timestamp_seconds")
    )

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        await scene.clock.until(at("2024-06-10 11:40:00Z"))
        assert (1, at("2024-06-10 11:30:20Z").timestamp()) == (
            (await scrape(client))[good],
            (await scrape(client))[good_at],
        )
        if not by_request:
            assert 403 == (await client.post("/-/reload")).status_code
            return
        file.write_text("accounts: []\n")
        refused = await client.post("/-/reload")
        assert (500, f"failed to reload config: {file}:1: accounts:") == (
            refused.status_code,
            refused.text[: len(str(file)) + 38],
        )
        found = await scrape(client)
        assert (0, at("2024-06-10 11:30:20Z").timestamp()) == (found[good], found[good_at])
        assert of(found, "main")
        file.write_text(config_text(accounts=accounts(SECOND), poll="{interval: 2m}"))
        accepted = await client.post("/-/reload")
        assert (200, "") == (accepted.status_code, accepted.text)
        found, text = await scrape(client), (await client.get("/metrics")).text
        assert (1, at("2024-06-10 11:40:00Z").timestamp()) == (found[good], found[good_at])
        assert (False, True) == (bool(of(found, "main")), bool(of(found, "second")))
        assert ("Polled every 2m." in text, "Polled every 1m." in text) == (True, False)
        shown = (await client.get("/config")).text
        assert ("name: second" in shown, "second-key" in shown, "<secret>" in shown) == (True, False, True)

    play(scenario, MAIN, reloading=reloading)


def test_a_poll_loop_that_ends_ends_the_process() -> None:
    """A dead poller behind a live web server would be the worst failure: the account is named, the exit code is 1."""
    scene = Scene(Clock(at("2024-06-10 11:30:20Z")), config_text(accounts=accounts(MAIN, SECOND)), [])

    async def main() -> int:
        async def kill() -> None:
            await asyncio.sleep(5)
            next(task for task in asyncio.all_tasks() if task.get_name() == "poller of second").cancel()
            await asyncio.Event().wait()

        return await app.live_or_die(servers={}, loops=scene.house.loops() | {"killer": kill()})

    with written(level="error") as lines:
        assert 1 == scene.clock.run(main())
    assert 'msg="A poll loop has ended" account=second' in lines.getvalue()
    assert "task=pollers" in lines.getvalue()


def test_the_ledger_counts_by_the_configured_tolerance() -> None:
    """A run within its grace is neither missed nor extra, whether the grace was there from the start or came by a reload."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.account.task(7001).behave(Behaviour(lag=timedelta(minutes=20)), scene.clock.now())
        await scene.clock.until(at("2024-06-10 15:30:30Z"))
        counts = [f"screenshotmax_task_{name}_runs_total{{{SHOP}}}" for name in ("expected", "missed", "extra")]
        assert [4, 0, 0] == [(await scrape(client))[name] for name in counts]
        scene.account.task(7001).behave(Behaviour(lag=timedelta(minutes=50)), scene.clock.now())
        await load(scene, MAIN, missed_run="{grace: 55m}")
        await scene.clock.until(at("2024-06-10 18:55:30Z"))
        assert [0, 0] == [(await scrape(client))[name] for name in counts[1:]]

    play(scenario, f"{MAIN}, missed_run: {{grace: 45m}}")


def test_the_ledger_follows_a_new_tolerance_though_nothing_is_new() -> None:
    """A run that is missing is counted by the grace in force, not when that of before would have ended."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.account.task(7001).behave(FROZEN, scene.clock.now())
        await scene.clock.until(at("2024-06-10 12:10:30Z"))
        missed = f"screenshotmax_task_missed_runs_total{{{SHOP}}}"
        assert 0 == (await scrape(client))[missed]
        await load(scene, MAIN, missed_run="{grace: 5m}")
        await asyncio.sleep(120)
        assert 1 == (await scrape(client))[missed]

    play(scenario, f"{MAIN}, missed_run: {{grace: 45m}}")


def test_a_reload_of_a_changed_account_lifts_its_block_too() -> None:
    """Its new loop asks at once, and nothing says that it keeps still."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.world.faults.add(Fault(status=429, retry_after="3600"), account="main")
        await scene.clock.until(at("2024-06-10 11:32:00Z"))
        scene.world.faults.clear()
        await load(scene, MAIN, missed_run="{grace: 5m}")
        await asyncio.sleep(1)
        found = await scrape(client)
        assert 1 == found['screenshotmax_up{account="main"}']
        assert 'screenshotmax_api_blocked_until_timestamp_seconds{account="main"}' not in found

    play(scenario, MAIN)


def test_no_probe_sees_the_middle_of_a_reload() -> None:
    """While loops are being ended, liveness and scrapes answer as before, and no bug is counted."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.world.faults.add(Fault(kind=Kind.HANG), account="second")
        await scene.clock.until(at("2024-06-10 11:31:08Z"))
        reloading = asyncio.create_task(load(scene, MAIN))
        while not reloading.done():
            assert 200 == (await client.get("/-/healthy")).status_code
            assert 200 == (await client.get("/metrics")).status_code
            await asyncio.sleep(0)
        await reloading

    assert "" == play(scenario, MAIN, SECOND)


def test_readiness_waits_for_a_poll_that_has_finished() -> None:
    """A first round that a reload breaks off has told nothing."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        await load(scene, f"{MAIN}, missed_run: {{grace: 5m}}")
        assert 503 == (await client.get("/-/ready")).status_code
        scene.world.faults.clear()
        await asyncio.sleep(60)
        assert 200 == (await client.get("/-/ready")).status_code

    clock = Clock(at("2024-06-10 11:30:20Z"))
    scene = Scene(clock, config_text(accounts=accounts(MAIN)), [hourly(7001)])
    scene.world.faults.add(Fault(kind=Kind.HANG))

    async def main() -> None:
        async with scene.polling() as client:
            await scenario(scene, client)

    clock.run(main())


@pytest.mark.parametrize("name", ["main", "new"])
def test_a_key_that_cannot_be_read_is_refused(name: str) -> None:
    """The old configuration stays in force, its polls unbroken and its keys in use, whether the account is new or not."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        with pytest.raises(ConfigError, match=rf"account {name}: access_key_file .*gone cannot be read"):
            await load(scene, SECOND, f"name: {name}, access_key_file: gone")
        await asyncio.sleep(120)
        found = await scrape(client)
        assert 1 == found['screenshotmax_up{account="main"}']
        assert 1 == found['screenshotmax_access_key_readable{account="main"}']
        assert not of(found, "second")
        assert not of(found, "new")

    assert "" == play(scenario, MAIN)


def test_another_key_is_told_of_at_once(tmp_path: Path) -> None:
    """A reload to a key that can be read ends what was said of the one before it."""
    path = tmp_path / "key"
    path.write_text(KEY)

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        path.unlink()
        await asyncio.sleep(90)
        assert 0 == (await scrape(client))['screenshotmax_access_key_readable{account="main"}']
        await load(scene, MAIN)
        assert 1 == (await scrape(client))['screenshotmax_access_key_readable{account="main"}']

    play(scenario, f"name: main, access_key_file: {path}")


@pytest.mark.parametrize(
    ("third", "refusal"), [("access_key_file: gone", ConfigError), (f"access_key: {KEY}-that-no-log-takes", OSError)]
)
def test_a_reload_that_fails_leaves_nothing_open(third: str, refusal: type[Exception]) -> None:
    """Whatever it fails of: what was opened for accounts that would have come is closed again, and they alone."""
    closed = []

    class Wire(httpx.MockTransport):
        async def aclose(self) -> None:
            closed.append(self)

    def note(secret: Secret) -> None:
        if secret.reveal().endswith("takes"):
            raise OSError

    async def main() -> None:
        parsed = [
            parse(config_text(accounts=accounts(*each)), name="config.yaml", directory=Path())
            for each in ([MAIN], [MAIN, SECOND, f"name: third, {third}"])
        ]
        wire = Wire(lambda _: httpx.Response(200))
        house = app.build(
            parsed[0], now=Clock(at("2024-06-10 12:00Z")).now, host="test-host", transport=wire, note=note
        )
        with pytest.raises(refusal):
            await house.apply(parsed[1])
        assert 2 == len(closed)
        await house.aclose()

    asyncio.run(main())


def test_a_bug_in_another_thread_is_counted_in_the_event_loop() -> None:
    """The store is written in one thread only: while that stands still nothing is counted, though a family broke."""
    scene, counted = Scene(Clock(at("2024-06-10 11:30:20Z")), config_text(), []), list[dict[str, int]]()
    scene.house.store.record_task("main", a_task(created_at="not an instant"), fetched_at=scene.clock.now())
    before = dict(scene.house.store.internal_errors)

    class Waiting(asyncio.SelectorEventLoop):
        """Stands still while a thread works."""

        def run_in_executor(self, _executor: Any, work: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
            done = self.create_future()
            with ThreadPoolExecutor(1) as pool:
                done.set_result(pool.submit(work, *args).result())
            counted.append(dict(scene.house.store.internal_errors))
            return done

    async def main() -> None:
        async with asking(scene.house) as client:
            assert "screenshotmax_task_created_timestamp_seconds{" not in (await client.get("/metrics")).text
        assert 1 == scene.house.store.internal_errors["scrape"]

    with written(level="error") as lines, asyncio.Runner(loop_factory=Waiting) as runner:
        runner.run(main())
    assert "scrape" not in before | counted[0]
    assert 1 == lines.getvalue().count("where=scrape")


def test_what_a_list_said_goes_with_the_list() -> None:
    """Dropped tasks are none when ids are listed, and an id that was never fetched is none of all."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        assert 1 == (await scrape(client))['screenshotmax_tasks_dropped{account="main"}']
        scene.world.faults.add(Fault(status=503))
        await load(scene, f"{MAIN}, tasks: [7001, 7009]")
        found = await scrape(client)
        assert 0 == found['screenshotmax_tasks_dropped{account="main"}']
        assert [name for name in found if 'task_id="7009"' in name]
        await load(scene, MAIN)
        assert not [name for name in await scrape(client) if 'task_id="7009"' in name]

    play(scenario, f"{MAIN}, poll: {{max_tasks: 1}}")


def test_exclusion_and_order_hold_before_the_next_poll() -> None:
    """With upstream down, an excluded task is gone at once, and accounts stand as the configuration has them."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.world.faults.add(Fault(status=503))
        await load(scene, SECOND, f"{MAIN}, exclude: [7002]")
        found = await scrape(client)
        assert not [name for name in found if 'task_id="7002"' in name]
        assert [name for name in found if 'task_id="7001"' in name]
        ups = [name for name in found if name.startswith("screenshotmax_up")]
        assert ['screenshotmax_up{account="second"}', 'screenshotmax_up{account="main"}'] == ups

    play(scenario, MAIN, SECOND)


def test_no_budget_comes_of_going_and_coming_back() -> None:
    """An account that reloads take out and put back has the requests of one minute only."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        ids = list(range(7001, 7010))
        limited = f"{MAIN}, tasks: {ids}, api: {{requests_per_minute: 12}}"
        began_at = scene.clock.now()
        for _ in range(10):
            await load(scene, limited)
            await asyncio.sleep(1)
            await load(scene, SECOND)
            await asyncio.sleep(1)
        of_main = [one for one in scene.world.seen if one.at >= began_at and one.path.startswith("/v1/tasks/7")]
        assert 12 >= len(of_main) > 1

    play(scenario, SECOND)
