"""Saving as the pollers go: once a round, off the event loop, and nothing lost when it fails."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from builders import Clock, Scene, a_task, at, config_text, samples
from exporter.simulator.tasks import FROZEN, SimTask
from exporter.store.file import LedgerFile, read_entries
from log_lines import written
from store.disks import Broken, execute, full_disk
from store.entries import an_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import httpx

    from exporter.ledger import Entry
    from exporter.store.book import Key

START = at("2024-06-10 11:30:20Z")
NAMED = 'account="main",task_id="7001",task_name="Shop front"'
OBSERVED, MISSED = (f"screenshotmax_task_{what}_runs_total{{{NAMED}}}" for what in ("observed", "missed"))
RECOVERIES = "screenshotmax_exporter_ledger_recoveries_total"
LEDGER_ERRORS = 'screenshotmax_exporter_internal_errors_total{where="ledger"}'
HOURLY = ("main", "7001")


def hourly(**changes) -> SimTask:
    facts = {"id": 7001, "name": "Shop front", "crontab": "0 * * * *", "created_at": at("2024-05-01 00:00Z")}
    return SimTask(**facts | {"runs": 900, "last_run_at": at("2024-06-10 11:00:14Z")} | changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def play(scenario, path: Path, *tasks: SimTask, start: datetime = START) -> list[str]:
    """Run a scenario with a ledger, end in good order, and give the log's lines."""
    clock = Clock(start)
    with written(level="debug") as lines:
        file = LedgerFile(path, now=clock.now)
        scene = Scene(clock, config_text(), tasks or [hourly()], ledger_file=file)

        async def main() -> None:
            async with scene.polling() as client:
                await scenario(scene, client)

        clock.run(main())
    return lines.getvalue().splitlines()


async def scrape(client: httpx.AsyncClient) -> dict[str, float]:
    return samples((await client.get("/metrics")).text)


async def ten_minutes(scene: Scene, _client: httpx.AsyncClient) -> None:
    await scene.sleep(600)


def test_each_round_with_news_is_saved_once(path: Path) -> None:
    """After each round the file holds what the memory does; a round that told nothing new writes nothing."""

    async def scenario(scene: Scene, _client: httpx.AsyncClient) -> None:
        for minute in range(100):
            assert scene.house.store.book.entries == read_entries(path), minute
            await scene.sleep(60)
        assert 901 < read_entries(path)[HOURLY].runs

    lines = play(scenario, path)
    polled, saves = (sum(text in line for line in lines) for text in ("msg=Polled", 'msg="Ledger saved" tasks=1'))
    assert 100 < polled
    assert 3 <= saves <= 10


def test_counts_go_on_over_a_restart(path: Path) -> None:
    """Every run of the hours between two lives is counted at the first poll of the second; without a ledger, none."""
    task = hourly()
    play(ten_minutes, path, task)
    for later, there in ((path, 3), (path.with_name("other.db"), 0)):

        async def scenario(scene: Scene, client: httpx.AsyncClient, there: int = there) -> None:
            shown = await scrape(client)
            assert (there, 0) == (shown[OBSERVED], shown[MISSED])

        play(scenario, later, task, start=at("2024-06-10 14:30:20Z"))


def test_a_miss_of_the_downtime_is_counted(path: Path) -> None:
    """What did not run while nobody looked is missed, although the last run answers the last fire."""
    task = hourly()
    play(ten_minutes, path, task)

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        assert (1, 2) == ((await scrape(client))[OBSERVED], (await scrape(client))[MISSED])

    once = hourly(runs=901, last_run_at=at("2024-06-10 14:00:14Z"))
    play(scenario, path, once, start=at("2024-06-10 14:30:20Z"))


def test_an_edit_during_the_downtime_is_no_false_alarm(path: Path) -> None:
    """Moved to a minute that has just passed, a task owes nothing before its first poll; without a ledger it would."""
    play(ten_minutes, path)
    edited = hourly(crontab="20 * * * *", runs=903, last_run_at=at("2024-06-10 14:00:14Z"))
    edited.behave(FROZEN, at("2024-06-10 14:00Z"))
    for later, there in ((path, 0), (path.with_name("other.db"), 1)):

        async def scenario(scene: Scene, client: httpx.AsyncClient, there: int = there) -> None:
            assert there == (await scrape(client))[f"screenshotmax_task_missed_run{{{NAMED}}}"]

        play(scenario, later, edited, start=at("2024-06-10 14:30:20Z"))


def test_a_full_disk_stops_nothing_and_loses_nothing(path: Path) -> None:
    """It is told once, polling goes on, no bug is counted, and with room again all is saved, told once too."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        before = read_entries(path)
        with full_disk(path):
            await scene.sleep(7200)
            assert before == read_entries(path)
        assert (2, 0) == ((await scrape(client))[OBSERVED], (await scrape(client))[LEDGER_ERRORS])
        await scene.clock.until(at("2024-06-10 14:02:30Z"))
        assert scene.house.store.book.entries == read_entries(path)

    # One task has its news early in the two hours, the others all the time.
    busy = [hourly(id=number, crontab="* 11-13 * * *") for number in range(8000, 8080)]
    lines = play(scenario, path, hourly(id=7002, crontab="45 11 * * *"), hourly(), *busy)
    told = [line.partition(" level=error ")[2] for line in lines if "level=error" in line]
    fault = f"storage path '{path}': disk I/O error"  # what the limit's EFBIG becomes; ENOSPC would be `disk is full`
    assert [f'msg="Ledger not saved" reason="{fault}" tasks=80'] == told
    assert 1 == sum('msg="Ledger saved again" tasks=82' in line for line in lines)


@pytest.mark.parametrize(
    ("disaster", "recoveries"),
    [
        (lambda path: execute(path, "DROP TABLE entries"), 1),
        (lambda path: [each.unlink() for each in path.parent.glob("ledger.db*")], 0),
        (lambda path: path.with_name("x").write_text("x") and path.with_name("x").rename(path), 1),
    ],
    ids=["damaged", "removed", "replaced"],
)
def test_a_ledger_that_breaks_in_use_is_written_anew(
    path: Path, disaster: Callable[[Path], object], recoveries: int
) -> None:
    """The next save finds it, and writes all that is known into a new one, also of tasks that are gone."""

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        del scene.account.tasks["7002"]
        await scene.sleep(120)
        disaster(path)
        await scene.sleep(3600)
        assert {HOURLY, ("main", "7002")} == set(read_entries(path))
        assert (recoveries, 0) == ((await scrape(client))[RECOVERIES], (await scrape(client))[LEDGER_ERRORS])

    lines = play(scenario, path, hourly(), hourly(id=7002))
    assert 1 == sum("Ledger set aside; a new one begins" in line for line in lines)
    assert 0 == sum("Ledger not saved" in line for line in lines)


def test_damage_found_at_the_start_is_counted(path: Path) -> None:
    """The metric says that a ledger was set aside, from the first scrape on."""
    path.write_text("no ledger\n" * 1000)

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        assert 1 == (await scrape(client))[RECOVERIES]

    play(scenario, path)


def seen(when: str) -> Entry:
    return an_entry(seen_at=at(when), counted_at=at(when))


AGES = {
    ("main", "1"): seen("2024-03-12 11:30:19Z"),  # 90 days before START, and a second
    ("main", "2"): seen("2024-03-12 11:30:25Z"),
    ("gone", "3"): seen("2023-01-01 00:00Z"),
    ("gone", "4"): seen("2024-06-01 00:00Z"),
}


def saved(path: Path, entries: Mapping[Key, Entry]) -> None:
    file = LedgerFile(path, now=lambda: START)
    file.save(entries)
    file.close()


def test_tasks_that_are_gone_are_forgotten_after_90_days(path: Path) -> None:
    """A second less keeps a task's entry; the file forgets with the memory."""
    saved(path, AGES)

    async def scenario(scene: Scene, _client: httpx.AsyncClient) -> None:
        assert {("main", "2"), ("gone", "4"), HOURLY} == set(read_entries(path)) == set(scene.house.store.book.entries)

    play(scenario, path)


def test_a_clock_that_was_set_expires_nothing(path: Path) -> None:
    """A year ahead of the API no poll is believed, and nothing is forgotten."""
    saved(path, AGES)

    async def scenario(scene: Scene, client: httpx.AsyncClient) -> None:
        await scene.sleep(600)
        assert set(AGES) == set(read_entries(path))

    def ahead(scene: Scene) -> None:
        scene.world.clock = lambda: scene.clock.now() - timedelta(days=366)

    clock = Clock(START + timedelta(days=366))
    scene = Scene(clock, config_text(), [hourly()], ledger_file=LedgerFile(path, now=clock.now))
    ahead(scene)

    async def main() -> None:
        async with scene.polling() as client:
            await scenario(scene, client)

    clock.run(main())


def test_what_came_after_the_last_round_is_saved_at_the_end(path: Path) -> None:
    """An orderly end saves what an unfinished round has told."""

    async def scenario(scene: Scene, _client: httpx.AsyncClient) -> None:
        scene.house.store.record_task("main", a_task(id="5"), fetched_at=scene.clock.now())
        assert ("main", "5") not in read_entries(path)

    play(scenario, path)
    assert ("main", "5") in read_entries(path)


def test_a_bug_in_saving_is_counted_and_loses_nothing() -> None:
    """The polling goes on, the metric tells, and the next round saves what could not be saved."""
    clock, broken = Clock(START), Broken(3)
    scene = Scene(clock, config_text(), [hourly()], ledger_file=broken)

    async def main() -> None:
        async with scene.polling() as client:
            await scene.clock.until(at("2024-06-10 11:32:30Z"))
            assert (3, {}) == ((await scrape(client))[LEDGER_ERRORS], broken.written)
            await scene.sleep(60)
            assert (3, {HOURLY}) == ((await scrape(client))[LEDGER_ERRORS], set(broken.written))

    with written() as lines:
        clock.run(main())
    assert 'msg="Ledger not closed" reason="storage path \'x\': Input/output error"' in lines.getvalue()


def test_without_a_file_the_memory_is_bounded_all_the_same() -> None:
    """Entries of tasks that are gone expire where nothing is saved, too."""
    clock = Clock(START)
    scene = Scene(clock, config_text(), [hourly()], entries=AGES)

    async def main() -> None:
        async with scene.polling():
            assert {("main", "2"), ("gone", "4"), HOURLY} == set(scene.house.store.book.entries)

    clock.run(main())
