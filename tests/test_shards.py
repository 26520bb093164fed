"""Several exporters that share the tasks of one upstream, against one that watches them all."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from builders import KEY, Clock, at, at_work, config_text, samples
from exporter import app
from exporter.config import ConfigError, ConfigFile, parse
from exporter.model import Shard
from exporter.poller.share import owner
from exporter.simulator.app import build_simulator
from exporter.simulator.fleets import big_fleet
from exporter.simulator.tasks import FROZEN, Behaviour, SimTask
from exporter.simulator.world import Account, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from exporter.ledger import Entry
    from exporter.store.book import Key

START = at("2024-06-10 11:30:20Z")
FETCHED = "screenshotmax_task_last_fetch_timestamp_seconds"
Found = dict[str, float]


class Shards:
    """A simulator, and before it a group of exporters: `total` shards, each `replicas` times; all on one clock."""

    def __init__(
        self, clock: Clock, tasks: Iterable[SimTask], *, total: int = 1, replicas: int = 1, **config: str
    ) -> None:
        self.clock = clock
        self.world = World(clock=clock.now, sleep=asyncio.sleep)
        self.account = self.world.add_account(Account(name="main", access_key=KEY), tasks)
        self.config = parse(config_text(**config), name="config.yaml", directory=Path())
        self.shards = [Shard(ordinal, total) for _ in range(replicas) for ordinal in range(total)]
        self.entries: list[dict[Key, Entry]] = [{} for _ in self.shards]
        self.houses: list[app.House] = []

    def build(self, shard: Shard, number: int, **built_with: Any) -> app.House:
        wire = httpx.ASGITransport(build_simulator(self.world))
        return app.build(
            self.config, now=self.clock.now, host=f"exporter-{number}", transport=wire, shard=shard, **built_with
        )

    @asynccontextmanager
    async def polling(self, **built_with: Any) -> AsyncIterator[list[httpx.AsyncClient]]:
        """All of them at work, with a client for each; `entries` holds their ledgers afterwards."""
        self.houses = [
            self.build(shard, number, entries=self.entries[number], **built_with)
            for number, shard in enumerate(self.shards)
        ]
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(at_work(house)) for house in self.houses]
            await asyncio.sleep(1)
            yield clients
        self.entries = [house.store.book.entries for house in self.houses]

    def asked(self) -> list[float]:
        """When upstream was asked, in seconds from the start."""
        return [(seen.at - START).total_seconds() for seen in self.world.seen]


async def scrape(clients: Sequence[httpx.AsyncClient]) -> list[Found]:
    return [samples((await client.get("/metrics")).text) for client in clients]


def of_tasks(found: Found) -> Found:
    return {name: value for name, value in found.items() if name.startswith("screenshotmax_task_")}


def ids(found: Found) -> set[str]:
    return {re.findall(r'task_id="(\d+)"', name)[0] for name in of_tasks(found)}


def total_of(found: Iterable[Found], name: str) -> float:
    return sum(each[f'{name}{{account="main"}}'] for each in found)


def hourly(task_id: int, **changes: Any) -> SimTask:
    facts = {"name": f"Task {task_id}", "crontab": "0 * * * *", "created_at": at("2024-05-01 00:00Z")}
    return SimTask(id=task_id, **facts | {"runs": 900, "last_run_at": at("2024-06-10 11:00:14Z")} | changes)


def a_mixed_fleet(count: int) -> list[SimTask]:
    """Of every schedule and state, and none whose run begins in the seconds in which the shards poll one by one."""
    tasks = big_fleet(count, seed=5, now=START)
    for number, task in enumerate(tasks):
        task.behaviour = FROZEN if number % 10 == 3 else Behaviour(lag=timedelta(seconds=10))
        task.enabled = number % 15 != 7
        if number % 40 == 11:
            task.crontab = "99 * * * *"
    return tasks


def test_four_shards_together_are_one_exporter() -> None:
    """Of 1,000 tasks each is on one shard; every series of theirs is as one exporter has it, and the sums are its."""
    clock = Clock(START)
    whole = Shards(clock, a_mixed_fleet(1000))
    four = Shards(clock, a_mixed_fleet(1000), total=4)

    async def main() -> None:
        async with whole.polling() as one, four.polling() as parts:
            await clock.until(at("2024-06-10 12:03:40Z"))
            (expected,), found = await scrape(one), await scrape(parts)
        assert [1] * 1000 == list(Counter(each for part in found for each in ids(part)).values())
        assert [0, 1, 2, 3] == [part["screenshotmax_exporter_shard_ordinal"] for part in found]
        assert {4} == {part["screenshotmax_exporter_total_shards"] for part in found}
        merged = {name: value for part in found for name, value in of_tasks(part).items()}
        same = {name: value for name, value in of_tasks(expected).items() if not name.startswith(FETCHED)}
        assert same == {name: value for name, value in merged.items() if not name.startswith(FETCHED)}
        assert max(abs(merged[name] - value) for name, value in of_tasks(expected).items()) < 5
        assert {"ok", "due", "missed", "disabled", "unknown"} <= {
            name.partition('state="')[2].partition('"')[0]
            for name, value in merged.items()
            if value and "_state{" in name
        }
        assert 1000 == total_of(found, "screenshotmax_tasks") == total_of([expected], "screenshotmax_tasks")
        assert 4 == total_of(found, "screenshotmax_up")
        assert all(200 < part['screenshotmax_tasks{account="main"}'] < 300 for part in found)

    clock.run(main())
    minutes = [[seen.at.second for seen in four.world.seen if seen.at.minute == minute] for minute in range(31, 60)]
    assert {4} == {len(set(seconds)) for seconds in minutes} == {len(seconds) for seconds in minutes}
    assert all(2 <= second < 7 for seconds in minutes for second in seconds)


@pytest.mark.parametrize(
    ("ceiling", "poll", "listed", "busiest"),
    [
        (16, "{interval: 15s}", None, 16),  # each shard takes its four a minute
        (16, "{interval: 120s, fetch: each}", range(1, 21), 14),  # 8, 6, 3 and 3 ids; the first round is at once
    ],
)
def test_together_they_keep_to_the_ceiling_of_the_account(
    ceiling: int, poll: str, listed: Iterable[int] | None, busiest: int
) -> None:
    """However they are fetched, and from the first round on, no 60 s hold more requests of all shards than allowed."""
    tasks = "all" if listed is None else list(listed)
    shards = Shards(
        Clock(START),
        [hourly(number) for number in range(1, 21)],
        total=4,
        api=f'{{base_url: "http://127.0.0.1:1", requests_per_minute: {ceiling}}}',
        poll=poll,
        accounts=f"[{{name: main, access_key: {KEY}, tasks: {tasks}}}]",
    )

    async def main() -> None:
        async with shards.polling() as clients:
            await asyncio.sleep(600)
            assert 20 == total_of(await scrape(clients), "screenshotmax_tasks")

    shards.clock.run(main())
    asked = shards.asked()
    assert busiest == max(sum(start <= one < start + 60 for one in asked) for start in asked)
    assert busiest <= ceiling


def test_max_tasks_is_the_accounts() -> None:
    """Of too many the lowest ids are kept, whoever owns them, and the sum of those dropped is right."""
    clock, tasks = Clock(START), [hourly(number) for number in range(1, 101)]
    shards = Shards(clock, tasks, total=3, poll="{interval: 60s, max_tasks: 60}")

    async def main() -> None:
        async with shards.polling() as clients:
            found = await scrape(clients)
        assert {str(number) for number in range(1, 61)} == {each for part in found for each in ids(part)}
        assert (60, 40) == (total_of(found, "screenshotmax_tasks"), total_of(found, "screenshotmax_tasks_dropped"))

    clock.run(main())


def test_a_listed_id_shows_on_its_own_shard_only() -> None:
    """Also before it is fetched, and when it does not exist; a shard without any of them does not know the account."""
    listed = [7001, 7002, 404]
    accounts = f"[{{name: main, access_key: {KEY}, tasks: {listed}}}]"
    shards = Shards(Clock(START), [hourly(7001), hourly(7002)], total=8, accounts=accounts)
    busy = {owner("main", str(task_id), total=8) for task_id in listed}
    assert len(busy) < 8

    async def main() -> None:
        async with shards.polling() as clients:
            await asyncio.sleep(600)
            for ordinal, (client, found) in enumerate(zip(clients, await scrape(clients), strict=True)):
                assert {str(each) for each in listed if owner("main", str(each), total=8) == ordinal} == ids(found)
                assert (ordinal in busy) == any('account="main"' in name for name in found)
                assert [200, 200] == [(await client.get(path)).status_code for path in ("/-/healthy", "/-/ready")]
            texts = [(await client.get("/metrics")).text for client in clients]
            assert 1 == len({re.findall("# HELP screenshotmax_task_.*", text)[0] for text in texts})

    shards.clock.run(main())
    assert {"/v1/tasks/7001", "/v1/tasks/7002", "/v1/tasks/404"} == {seen.path for seen in shards.world.seen}
    gaps = [later - earlier for earlier, later in pairwise(sorted(shards.asked()))]
    assert 3 * 11 == len(gaps) + 1


def test_a_reload_keeps_the_shard(tmp_path: Path) -> None:
    """What it adds is shared out as everything is; one that leaves a shard too little is refused as a whole."""
    file = tmp_path / "config.yaml"
    file.write_text(config_text())
    opened = ConfigFile(file)
    reloading = app.Reloading(file=opened, content=opened.read(), by_request=True)
    shards = Shards(Clock(START), [hourly(number) for number in range(1, 41)], total=3)
    shards.world.add_account(Account(name="second", access_key="second-key"), [hourly(n) for n in range(50, 90)])
    second = f"[{{name: main, access_key: {KEY}, tasks: all, exclude: [1]}}, {{name: second, access_key: second-key, tasks: all}}]"

    async def main() -> None:
        async with shards.polling(reloading=reloading) as clients:
            before = [ids(found) for found in await scrape(clients)]
            file.write_text(config_text(accounts=second))
            assert [200] * 3 == [(await client.post("/-/reload")).status_code for client in clients]
            await asyncio.sleep(90)
            after = await scrape(clients)
            assert [each - {"1"} for each in before] == [{one for one in ids(part) if int(one) < 50} for part in after]
            assert 40 == sum(part['screenshotmax_tasks{account="second"}'] for part in after)
            file.write_text(config_text(api='{base_url: "http://127.0.0.1:1", requests_per_minute: 5}'))
            answer = await clients[0].post("/-/reload")
            told = "account main: requests_per_minute: 5 for 3 shards: found 1 for each, expected at least 2"
            assert (500, f"failed to reload config: {file}: {told}") == (answer.status_code, answer.text.strip())
            (kept,) = await scrape(clients[:1])
            assert (ids(after[0]), 0) == (ids(kept), kept["screenshotmax_exporter_config_last_reload_successful"])

    shards.clock.run(main())


def test_two_replicas_of_a_shard_agree_and_ask_twice() -> None:
    """Every verdict and count is the same on both; the requests are those of twice as many shards."""
    shards = Shards(Clock(START), a_mixed_fleet(100), total=2, replicas=2)

    async def main() -> None:
        async with shards.polling() as clients:
            await shards.clock.until(at("2024-06-10 12:15:40Z"))
            found = [of_tasks(each) for each in await scrape(clients)]
        for one, other in ((found[0], found[2]), (found[1], found[3])):
            assert one.keys() == other.keys()
            assert {FETCHED} >= {name.partition("{")[0] for name in one if one[name] != other[name]}

    shards.clock.run(main())
    assert 4 * 46 == len(shards.world.seen)  # a round at the start and one in each of 45 minutes


MISSED, COUNTED = "screenshotmax_task_missed_run{", "screenshotmax_task_expected_runs_total{"


def by_id(found: Iterable[Found], family: str) -> dict[str, float]:
    return {
        re.findall(r'task_id="(\d+)"', name)[0]: value
        for each in found
        for name, value in each.items()
        if name.startswith(family)
    }


def test_another_number_of_shards_gives_no_false_miss() -> None:
    """From three to four and back: only what has stopped is missed, counts of what stays go on, of what moved begin anew."""
    clock, tasks = Clock(START), [hourly(number) for number in range(1, 81)]
    stopped = {"5", "50", "70"}
    for number in stopped:
        tasks[int(number) - 1].behaviour = FROZEN
    three, four = Shards(clock, tasks, total=3), Shards(clock, (), total=4)
    four.world = three.world
    moved = {str(n) for n in range(1, 81) if owner("main", str(n), total=4) == 3}
    assert 10 < len(moved) < 30

    async def play(shards: Shards, until: str) -> list[Found]:
        async with shards.polling() as clients:
            found = await scrape(clients)
            while clock.now() < at(until):
                assert stopped >= {key for key, value in by_id(found, MISSED).items() if value}
                await asyncio.sleep(240)
                found = await scrape(clients)
        assert stopped == {key for key, value in by_id(found, MISSED).items() if value}
        return found

    async def main() -> None:
        counted = by_id(await play(three, "2024-06-10 14:30Z"), COUNTED)
        assert {3} == set(counted.values())
        four.entries = [*three.entries, {}]
        counted = by_id(await play(four, "2024-06-10 16:30Z"), COUNTED)
        assert {2} == {counted[each] for each in moved}
        assert {5} == {value for each, value in counted.items() if each not in moved}
        three.entries = four.entries[:3]
        counted = by_id(await play(three, "2024-06-10 18:30Z"), COUNTED)
        assert {7} == set(counted.values())

    clock.run(main())


@pytest.mark.parametrize("copied", [False, True], ids=["new", "copied"])
def test_what_was_edited_but_has_not_run_wants_its_ledger(*, copied: bool) -> None:
    """On a shard that is new to such a task it is missed until it runs, there only; a copy of the ledger avoids it."""
    tasks = [hourly(number) for number in range(1, 41)]
    one, two = Shards(Clock(START), tasks), Shards(Clock(START), (), total=2)
    two.clock, two.world = one.clock, one.world
    edited, resumed = tasks[:20], tasks[20:30]  # the last ten are left as they are
    for task in resumed:
        task.enabled, task.last_run_at = False, at("2024-06-10 07:00:14Z")
    moved = {str(task.id) for task in tasks if owner("main", str(task.id), total=2) == 1}

    async def main() -> None:
        async with one.polling():
            for task in edited:
                task.edit({"crontab": "20 * * * *"}, one.clock.now())  # its 11:20 has passed, so it was never owed
            for task in resumed:
                task.edit({"enabled": True}, one.clock.now())
            await asyncio.sleep(600)
        two.entries = [*one.entries, *one.entries] if copied else [*one.entries, {}]
        async with two.polling() as clients:
            for until, not_run in (("11:45", [*edited, *resumed]), ("12:05", edited), ("12:25", [])):
                await one.clock.until(at(f"2024-06-10 {until}Z"))
                verdicts = by_id(await scrape(clients), MISSED)
                wrong = set() if copied else {str(task.id) for task in not_run} & moved
                assert {str(task.id): float(str(task.id) in wrong) for task in tasks} == verdicts

    assert 5 < len(moved & {str(task.id) for task in edited}) < 15
    assert 2 < len(moved & {str(task.id) for task in resumed}) < 8
    one.clock.run(main())


def test_a_copy_of_the_ledger_takes_everything_along() -> None:
    """From one exporter to many, each with a copy of its ledger: no count begins anew, and no edit is forgotten."""
    clock, tasks = Clock(START), [hourly(number, behaviour=FROZEN) for number in range(1, 41)]
    whole, five = Shards(clock, tasks), Shards(clock, (), total=5)
    five.world = whole.world

    async def main() -> None:
        async with whole.polling():
            for task in tasks:
                task.edit({"crontab": "20 * * * *"}, clock.now())  # its 11:20 has passed, so it was never owed
            await asyncio.sleep(600)
        five.entries = whole.entries * 5
        async with five.polling() as clients:
            found = await scrape(clients)
            assert {0} == set(by_id(found, MISSED).values())
            await clock.until(at("2024-06-10 12:30Z"))
            found = await scrape(clients)
        assert dict.fromkeys(map(str, range(1, 41)), 1.0) == by_id(found, MISSED)
        assert {1} == set(by_id(found, COUNTED).values())

    clock.run(main())


def test_too_many_shards_for_the_ceiling_do_not_start() -> None:
    """The house is not built, with the sentence that a reload would give."""
    shards = Shards(Clock(START), ())
    with pytest.raises(ConfigError, match="requests_per_minute: 60 for 31 shards: found 1 for each"):
        shards.build(Shard(0, 31), 0)
