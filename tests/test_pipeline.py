"""Scenario by scenario, from configuration to /metrics over the simulator, without a socket and without waiting."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from builders import KEY, Clock, Scene, at, config_text, samples
from exporter.simulator.faults import Fault, Kind
from exporter.simulator.fleets import page_sample, sdk_sample
from exporter.simulator.tasks import FROZEN, Behaviour, SimTask

if TYPE_CHECKING:
    import httpx

NAMED = 'account="main",task_id="7001",task_name="Shop front"'
MISSED = f"screenshotmax_task_missed_run{{{NAMED}}}"
RUNS = f"screenshotmax_task_runs{{{NAMED}}}"
UP = 'screenshotmax_up{account="main"}'


def hourly(**changes) -> SimTask:
    """An hourly task that has run so far; its automatic grace is six minutes."""
    facts = {"id": 7001, "name": "Shop front", "crontab": "0 * * * *", "created_at": at("2024-05-01 00:00Z")}
    return SimTask(**facts | {"runs": 900, "last_run_at": at("2024-06-10 11:00:14Z")} | changes)


async def scrape(client: httpx.AsyncClient) -> dict[str, float]:
    answer = await client.get("/metrics")
    assert 200 == answer.status_code
    return samples(answer.text)


def state(shown: dict[str, float], task_id: str = "7001") -> str:
    """The one state of a task that is 1."""
    mine = {name: value for name, value in shown.items() if name.startswith("screenshotmax_task_state{")}
    (found,) = [name for name, value in mine.items() if value == 1 and f'task_id="{task_id}"' in name]
    return found.partition('state="')[2].partition('"')[0]


def play(scenario, *tasks: SimTask, start: str = "2024-06-10 11:30:20Z", **config: str) -> None:
    """Run a scenario on a clock of its own that begins at `start`."""
    clock = Clock(at(start))
    scene = Scene(clock, config_text(**config), tasks or [hourly()])

    async def main() -> None:
        async with scene.polling() as client:
            await scenario(scene, client)

    clock.run(main())


def test_a_miss_appears_within_grace_and_eight_seconds_and_clears_when_the_task_runs() -> None:
    """The list poll just after the minute proves the miss; the next run ends it."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.account.task(7001).behave(Behaviour(stops_at=at("2024-06-10 11:30Z")), scene.clock.now())
        await scene.clock.until(at("2024-06-10 12:05:59Z"))
        assert ("due", 0.0) == (state(await scrape(client)), (await scrape(client))[MISSED])
        await scene.clock.until(at("2024-06-10 12:06:08Z"))
        assert ("missed", 1.0) == (state(await scrape(client)), (await scrape(client))[MISSED])
        await scene.clock.until(at("2024-06-10 12:59:00Z"))
        scene.account.task(7001).behave(Behaviour(), scene.clock.now())
        await scene.clock.until(at("2024-06-10 13:01:08Z"))
        assert ("ok", 901.0) == (state(await scrape(client)), (await scrape(client))[RUNS])

    play(scenario)


def test_an_outage_before_the_deadline_creates_no_miss() -> None:
    """Down before the deadline: due, then unknown after stale_after, up 0, alive; nothing is ever called missed."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.account.task(7001).behave(FROZEN, scene.clock.now())
        await scene.clock.until(at("2024-06-10 12:05:30Z"))
        scene.world.faults.add(Fault(status=503))
        seen = []
        for minute in range(6, 59):
            await scene.clock.until(at(f"2024-06-10 12:{minute:02}:30Z"))
            shown = await scrape(client)
            assert 0 == shown[UP]
            assert 1 != shown.get(MISSED)
            seen.append(state(shown))
            assert 200 == (await client.get("/-/healthy")).status_code
        # The newest good evidence began at 12:05:02 or some seconds later; stale_after is 15 minutes.
        assert ["due"] * 14 == seen[:14]
        assert {"unknown"} == set(seen[15:])
        shown = await scrape(client)
        assert 900 == shown[RUNS]
        assert 1 == shown[f'screenshotmax_task_problem{{account="main",reason="stale",{NAMED.partition(",")[2]}}}']
        assert not any(name.startswith("screenshotmax_task_last_run_age_seconds") for name in shown)
        assert 50 < shown['screenshotmax_poll_failures_total{account="main",reason="http_5xx"}']

    play(scenario)


def test_a_proven_miss_is_held_through_an_outage_until_it_is_stale() -> None:
    """An outage neither creates an alarm nor resolves a true one at once."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.account.task(7001).behave(FROZEN, scene.clock.now())
        await scene.clock.until(at("2024-06-10 12:10:30Z"))
        scene.world.faults.add(Fault(status=500))
        await scene.clock.until(at("2024-06-10 12:25:00Z"))
        assert "missed" == state(await scrape(client))
        await scene.clock.until(at("2024-06-10 12:25:30Z"))
        assert "unknown" == state(await scrape(client))
        scene.world.faults.clear()
        await scene.clock.until(at("2024-06-10 12:26:30Z"))
        assert "missed" == state(await scrape(client))

    play(scenario)


@pytest.mark.parametrize(
    ("start", "instants"),
    [
        ("2025-04-28 09:29:30Z", [("2025-04-28 09:33:30Z", "ok"), ("2025-04-28 10:34:30Z", "ok")]),
        (
            "2025-05-28 09:30:00Z",
            [
                ("2025-05-28 09:33:30Z", "ok"),
                ("2025-05-28 09:34:30Z", "due"),
                ("2025-05-28 10:33:59Z", "due"),
                ("2025-05-28 10:34:09Z", "missed"),
            ],
        ),
    ],
)
def test_the_vendors_page_sample_is_not_missed_before_its_next_deadline(
    start: str, instants: list[tuple[str, str]]
) -> None:
    """Its last run lies 274 s before the fire of its day: that fire is answered, the next is due a month later."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        for instant, expected in instants:
            await scene.clock.until(at(instant))
            assert expected == state(await scrape(client), "5650820808835072")

    play(scenario, page_sample(), start=start)


def test_the_two_step_sample_moves_as_published() -> None:
    """Two days later runs is higher by the two fires between, and the age is that of the new run."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        named = 'account="main",task_id="5678133109850112",task_name="Test CRON"'
        assert 16 == (await scrape(client))[f"screenshotmax_task_runs{{{named}}}"]
        scene.account.add(sdk_sample(later=True))
        await scene.clock.until(at("2025-05-30 13:26:16Z"))
        shown = await scrape(client)
        assert 18 == shown[f"screenshotmax_task_runs{{{named}}}"]
        assert 60 == shown[f"screenshotmax_task_last_run_age_seconds{{{named}}}"]
        assert 16 == shown[f"screenshotmax_task_last_run_lateness_seconds{{{named}}}"]
        assert "ok" == state(shown, "5678133109850112")

    play(scenario, sdk_sample(), start="2025-05-28 13:26:00Z", poll="{interval: 10m, stale_after: 1h}")


def test_an_edit_and_a_pause_are_no_false_alarm() -> None:
    """A task moved to an hour that has just passed, and one resumed after a pause, owe only what comes after."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        task = scene.account.task(7001)
        task.behave(FROZEN, scene.clock.now())
        task.edit({"crontab": "20 * * * *"}, scene.clock.now())
        await scene.clock.until(at("2024-06-10 12:15:00Z"))
        assert "ok" == state(await scrape(client))
        task.edit({"enabled": False}, scene.clock.now())
        await scene.clock.until(at("2024-06-10 12:50:00Z"))
        assert ("disabled", 0) == (state(await scrape(client)), (await scrape(client))[MISSED])
        task.edit({"enabled": True}, scene.clock.now())
        await scene.clock.until(at("2024-06-10 13:19:00Z"))
        assert "ok" == state(await scrape(client))
        await scene.clock.until(at("2024-06-10 13:26:10Z"))
        assert "missed" == state(await scrape(client))

    play(scenario)


def test_a_deleted_task_is_gone_and_a_new_one_there_at_the_next_poll() -> None:
    """The list is the truth: what it no longer holds has no series left."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        assert MISSED in await scrape(client)
        del scene.account.tasks["7001"]
        scene.account.add(hourly(id=7002, name="New"))
        await scene.clock.until(at("2024-06-10 11:31:08Z"))
        text = (await client.get("/metrics")).text
        assert 'task_id="7001"' not in text
        assert 'task_name="New"' in text
        assert 1 == samples(text)['screenshotmax_tasks{account="main"}']

    play(scenario)


def test_a_listed_id_that_answers_404_is_withdrawn_at_the_second() -> None:
    """The first 404 keeps the facts, the second withdraws them; the other tasks and the account are untouched."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        await scene.clock.until(at("2024-06-10 11:31:00Z"))
        del scene.account.tasks["7001"]
        await scene.clock.until(at("2024-06-10 11:32:00Z"))
        first = await scrape(client)
        assert (900, 0, 1) == (first[RUNS], first[f"screenshotmax_task_fetch_success{{{NAMED}}}"], first[UP])
        await scene.clock.until(at("2024-06-10 11:33:00Z"))
        second = await scrape(client)
        assert RUNS not in second
        nameless = 'task_id="7001",task_name=""'
        assert 0 == second[f'screenshotmax_task_fetch_success{{account="main",{nameless}}}']
        assert 1 == second[f'screenshotmax_task_problem{{account="main",reason="not_found",{nameless}}}']
        assert ("unknown", "ok", 1) == (state(second), state(second, "7002"), second[UP])

    play(
        scenario,
        hourly(),
        hourly(id=7002, name="Other"),
        accounts=f"[{{name: main, access_key: {KEY}, tasks: [7001, 7002]}}]",
    )


def test_listed_ids_are_spread_over_the_interval_and_ten_are_one_list() -> None:
    """Up to nine ids are asked one by one, evenly; from ten on one list poll a minute serves them all."""
    for count, paths in ((9, [f"/v1/tasks/{7000 + number}" for number in range(9)]), (10, ["/v1/tasks"])):
        ids = [7000 + number for number in range(count)]

        async def scenario(scene: Scene, client: httpx.AsyncClient, paths=paths, count=count) -> None:
            await scene.clock.until(at("2024-06-10 11:40:20Z"))
            asked = [seen for seen in scene.world.seen if seen.at >= at("2024-06-10 11:31:20Z")]
            minute = [seen for seen in asked if seen.at < at("2024-06-10 11:32:20Z")]
            assert paths == [seen.path for seen in minute]
            gaps = {round((later.at - earlier.at).total_seconds(), 3) for earlier, later in pairwise(asked)}
            assert {round(60 / len(paths), 3)} == gaps
            assert count == (await scrape(client))['screenshotmax_tasks{account="main"}']

        tasks = [hourly(id=number) for number in ids] + [hourly(id=1, name="Not listed")]
        play(scenario, *tasks, accounts=f"[{{name: main, access_key: {KEY}, tasks: {ids}}}]")


def test_a_wrong_key_says_so_and_a_rotated_one_heals_without_restart(tmp_path) -> None:
    """401 is the account's trouble; the key file is read again for the next poll."""
    key_file = tmp_path / "key"
    key_file.write_text("old-key\n")

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        shown = await scrape(client)
        assert (0, 1) == (shown[UP], shown['screenshotmax_poll_failures_total{account="main",reason="http_401"}'])
        key_file.write_text(f"{KEY}\n")
        await scene.clock.until(at("2024-06-10 11:31:08Z"))
        assert 1 == (await scrape(client))[UP]

    play(scenario, accounts=f"[{{name: main, access_key_file: {key_file}, tasks: all}}]")


def test_accounts_never_wait_for_one_another() -> None:
    """One account hangs for its whole deadline; the other's polls keep to their seconds."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        await scene.clock.until(at("2024-06-10 11:35:20Z"))
        hung = scene.world.accounts["main"]
        scene.world.faults.add(Fault(kind=Kind.HANG), account=hung.name)
        await scene.clock.until(at("2024-06-10 11:45:30Z"))
        shown = await scrape(client)
        assert (0, 1) == (shown[UP], shown['screenshotmax_up{account="second"}'])
        assert 10 == shown['screenshotmax_poll_failures_total{account="main",reason="timeout"}']
        good = [seen.at for seen in scene.world.seen if seen.status == 200 and seen.at > at("2024-06-10 11:36Z")]
        assert 10 == len(good) == sum(2 <= instant.second < 7 for instant in good)

    clock = Clock(at("2024-06-10 11:30:20Z"))
    accounts = f"[{{name: main, access_key: {KEY}, tasks: all}}, {{name: second, access_key: second-key, tasks: all}}]"
    scene = Scene(clock, config_text(accounts=accounts), [hourly()])
    scene.add_account("second", "second-key", [hourly(id=8001)])

    async def main() -> None:
        async with scene.polling() as client:
            await scenario(scene, client)

    clock.run(main())


@pytest.mark.parametrize(
    ("fault", "pause_minutes"),
    [
        (Fault(status=429, retry_after="600"), 10),
        (Fault(status=429, retry_after_date_seconds=600), 10),
        (Fault(status=429, retry_after="1000000"), 60),
        (Fault(status=503, retry_after="600"), 10),
        (Fault(status=423), 5),
    ],
)
def test_a_refusal_is_obeyed(fault: Fault, pause_minutes: int) -> None:
    """No request goes out before the time that upstream asked for, at most an hour, and the metric says until when."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        await scene.clock.until(at("2024-06-10 11:30:50Z"))
        scene.world.faults.add(fault, account="main")
        await scene.clock.until(at("2024-06-10 11:31:10Z"))
        refused_at = scene.world.seen[-1].at
        shown = await scrape(client)
        until = shown['screenshotmax_api_blocked_until_timestamp_seconds{account="main"}'] - refused_at.timestamp()
        assert pause_minutes * 60 == pytest.approx(until, abs=1)
        scene.world.faults.clear(account="main")
        count = len(scene.world.seen)
        await scene.clock.until(at("2024-06-10 12:40:00Z"))
        assert pause_minutes * 60 <= (scene.world.seen[count].at - refused_at).total_seconds() + 1

    play(scenario)


TO_1970, TO_2106 = -477_179, 715_841  # hours from June 2024


@pytest.mark.parametrize("hours", [1, -1, 24, -24, -24 * 365, TO_1970, TO_2106])
def test_a_step_of_the_own_clock_gives_no_false_miss(hours: int) -> None:
    """While our clock and the API's disagree, no verdict is given; when they agree again, the right one is."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        await scene.clock.until(at("2024-06-10 11:40:30Z"))
        assert "ok" == state(await scrape(client))
        scene.world.clock = lambda: scene.clock.now() - scene.clock.step
        scene.clock.step = timedelta(hours=hours)
        for _ in range(30):
            shown = await scrape(client)
            assert 1 != shown.get(MISSED)
            await scene.sleep(20)
        assert "unknown" == state(await scrape(client))
        skew = (await scrape(client))['screenshotmax_api_clock_skew_seconds{account="main"}']
        assert -hours * 3600 == pytest.approx(skew, abs=2)
        scene.clock.step = timedelta()
        await scene.sleep(130)
        assert "ok" == state(await scrape(client))

    play(scenario)


@pytest.mark.parametrize(
    "start", ["1970-01-01 00:00:00Z", "1970-01-01 00:14:50Z", "2038-01-19 03:14:00Z", "2106-02-07 06:28:00Z"]
)
def test_a_start_with_a_clock_that_is_decades_off_gives_no_verdict(start: str) -> None:
    """While it is, no verdict and no internal error; once the clock is right, the right verdict is there."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        for _ in range(20):
            shown = await scrape(client)
            assert MISSED not in shown
            assert ("unknown", 0) == (state(shown), shown[UP])
            assert 200 == (await client.get("/")).status_code
            await scene.sleep(60)
        assert 0 < shown['screenshotmax_poll_failures_total{account="main",reason="clock_skew"}']
        scene.clock.step = at("2024-06-10 11:50:30Z") - scene.clock.now()
        await scene.sleep(130)
        shown = await scrape(client)
        assert ("ok", 1) == (state(shown), shown[UP])
        assert 0 == sum(value for name, value in shown.items() if "internal_errors_total" in name)

    clock = Clock(at(start))
    scene = Scene(clock, config_text(accounts=f"[{{name: main, access_key: {KEY}, tasks: [7001]}}]"), [hourly()])
    off = at("2024-06-10 11:30:20Z") - clock.now()
    scene.world.clock = lambda: scene.clock.now() - scene.clock.step + off

    async def main() -> None:
        async with scene.polling() as client:
            await scenario(scene, client)

    clock.run(main())


def test_a_task_that_upstream_spells_oddly_harms_only_itself() -> None:
    """Wrong types, another schedule dialect, an absent field: one task unknown, the neighbour judged."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        for wire in ({"enabled": "false"}, {"crontab": 5}, {"timezone": ["UTC"]}, {"last_run": 1718017214000}):
            scene.account.task(7001).shown = dict(wire)
            await scene.sleep(60)
            shown = await scrape(client)
            assert ("unknown", "ok") == (state(shown), state(shown, "7002"))
            assert MISSED not in shown
        scene.account.task(7001).shown = {}
        await scene.sleep(60)
        assert "ok" == state(await scrape(client))

    play(scenario, hourly(), hourly(id=7002, name="Other"))


def test_a_task_that_one_list_lacks_is_not_judged_on_its_old_schedule() -> None:
    """Edited, then absent from one valid list, then back: fires from before the edit are still not judged."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        task = scene.account.task(7001)
        task.edit({"crontab": "20 11 * * *"}, scene.clock.now())
        await scene.sleep(120)
        assert "ok" == state(await scrape(client))
        del scene.account.tasks["7001"]
        await scene.sleep(60)
        assert not any(NAMED in name for name in await scrape(client))
        scene.account.add(task)
        await scene.sleep(60)
        assert "ok" == state(await scrape(client))

    play(scenario, hourly(crontab="0 15 * * *", last_run_at=at("2024-06-09 15:00:14Z")))


def test_a_caches_copy_is_no_evidence_of_a_miss() -> None:
    """The task ran; a copy from before its run, served after the deadline with its Age, changes nothing."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        await scene.clock.until(at("2024-06-10 11:59:30Z"))
        copy = (await scene.ask_upstream("/v1/tasks")).content
        await scene.clock.until(at("2024-06-10 12:02:00Z"))
        assert 901 == (await scrape(client))[RUNS]
        for headers in ((("Age", "420"),), ()):
            scene.world.faults.add(Fault(kind=Kind.BODY, body=copy, headers=headers), account="main")
            await scene.clock.until(at("2024-06-10 12:08:30Z"))
            shown = await scrape(client)
            assert ("ok", 901, 1) == (state(shown), shown[RUNS], shown[UP])
            scene.world.faults.clear(account="main")

    play(scenario)


def test_a_caches_copy_under_a_fast_clock_is_no_evidence_of_a_miss() -> None:
    """A cache that writes its own Date, under a clock that is fast by just the Age, looks like one that keeps it."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.world.clock = lambda: scene.clock.now() - scene.clock.step
        await scene.clock.until(at("2024-06-10 11:59:30Z"))
        copy = (await scene.ask_upstream("/v1/tasks")).content
        scene.clock.step = timedelta(seconds=540)
        scene.world.faults.add(Fault(kind=Kind.BODY, body=copy, headers=(("Age", "540"),)), account="main")
        for _ in range(18):
            await scene.sleep(30)
            shown = await scrape(client)
            assert (0, 1) == (shown.get(MISSED, 0), shown[UP])

    play(scenario)


def test_an_outage_after_a_clock_that_was_set_back_creates_no_miss() -> None:
    """Evidence dated by a clock that was an hour ahead grows no younger while that hour comes round again."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        scene.world.date_header = False
        scene.world.clock = lambda: scene.clock.now() - scene.clock.step
        scene.account.task(7001).behave(FROZEN, scene.clock.now())
        scene.clock.step = timedelta(hours=1)
        await scene.sleep(90)
        scene.world.faults.add(Fault(status=503))
        scene.clock.step = timedelta()
        for _ in range(120):
            await scene.sleep(30)
            assert 1 != (await scrape(client)).get(MISSED)
        assert "unknown" == state(await scrape(client))

    play(scenario)
