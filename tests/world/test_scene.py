"""A smaller world through the whole exporter: configuration, HTTP, polls each minute, ledger file, /metrics."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest

from builders import KEY, Clock, Scene, config_text, samples
from exporter import app
from exporter.simulator.faults import Fault, Kind
from exporter.simulator.tasks import FROZEN, SimTask
from exporter.store.file import LedgerFile
from world.calendar import HOUR, MINUTE
from world.chance import a_life
from world.eyes import Memory, Shown
from world.fleets import Era, day
from world.life import Life, moment
from world.truth import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

LOOK_SECONDS = 20  # after each minute; the round of that minute has ended by then
TASKS = 12
FAULTS = (Fault(status=503), Fault(kind=Kind.HANG), Fault(status=502, html=True))


def sim_task(life: Life, at: int) -> SimTask:
    """The task as upstream has it at an instant; it does nothing of itself, for the life says when it runs."""
    told = life.task_at(at)
    return SimTask(
        id=int(life.task_id),
        name=f"Task {life.task_id}",
        created_at=told.created_at,
        crontab=told.crontab,
        timezone=told.timezone,
        enabled=told.enabled,
        last_run_at=told.last_run_at,
        runs=told.runs,
        behaviour=FROZEN,
    )


def configured(lives: list[Life]) -> str:
    """A configuration that has each life's own tolerances."""
    spans = ({"id": one.task_id, "grace": one.grace, "early": one.early} for one in lives)
    overrides = [
        {key: f"{value}s" if isinstance(value, int) else value for key, value in each.items() if value is not None}
        for each in spans
        if (each["grace"], each["early"]) != (None, None)
    ]
    account = {"name": "main", "access_key": KEY, "tasks": "all", "overrides": overrides}
    return config_text(accounts=json.dumps([account]))


class World:
    """Twelve lives, an exporter that polls them, and a witness of each."""

    def __init__(self, zone: str, change: int, path: Path) -> None:
        self._rng = Random(zone)
        era = Era((zone,), change - 9 * HOUR, change + 6 * HOUR, busy=True)
        self.start = era.begin + 3 * HOUR  # all have been created by then
        self.end = era.end
        self.lives = [a_life(self._rng, era, str(7000 + number)) for number in range(TASKS)]
        self._witnesses = {life.task_id: Witness(life) for life in self.lives}
        self.clock = Clock(moment(self.start))
        self._path = path
        tasks = [sim_task(life, self.start) for life in self.lives]
        self._scene = Scene(self.clock, configured(self.lives), tasks, ledger_file=self._ledger())
        self.verdicts = self.shown = self.taken = 0

    def _ledger(self) -> LedgerFile:
        return LedgerFile(self._path, now=self.clock.now)

    def run(self) -> None:
        """Half of it, a restart with the ledger, the other half."""
        happenings = sorted(self._happenings(), key=lambda one: one[0])
        middle = len(happenings) // 2

        async def main() -> None:
            await self._live(happenings[:middle])
            self._scene.house = app.build(
                self._scene.config,
                now=self.clock.now,
                host="test-host",
                transport=self._scene.wire,
                ledger_file=self._ledger(),
            )
            for witness in self._witnesses.values():
                witness.restart(Memory.KEPT)
            await self._live(happenings[middle:])

        self.clock.run(main())

    async def _live(self, happenings: list[tuple[int, Callable[[], None] | None]]) -> None:
        async with self._scene.polling() as client:
            for at, happen in happenings:
                if moment(at) > self.clock.now():
                    await self.clock.until(moment(at))
                if happen is not None:
                    happen()
                else:
                    await self._look(client, scrape=not at // MINUTE % 30)

    def _happenings(self) -> Iterator[tuple[int, Callable[[], None] | None]]:
        """What is done to upstream and when; None is a look at the exporter."""
        yield from ((at + LOOK_SECONDS, None) for at in range(self.start + MINUTE, self.end, MINUTE))
        for life in self.lives:
            task = self._scene.account.task(life.task_id)
            yield from ((run.at, self._run(task, run.at)) for run in life.runs if self.start < run.at < self.end)
            for setting in life.settings:
                if self.start < setting.since < self.end:
                    yield setting.since, self._edit(task, setting)
            yield from ((at, self._reset(task, runs)) for at, runs in life.resets if self.start < at < self.end)
        for fault in FAULTS:
            since = self._rng.randrange(self.start, self.end)
            yield since, lambda fault=fault: self._scene.world.faults.add(fault)
            yield since + self._rng.randrange(HOUR), self._scene.world.faults.clear

    @staticmethod
    def _run(task: SimTask, at: int) -> Callable[[], None]:
        return lambda: task.run_once(moment(at))

    def _edit(self, task: SimTask, setting) -> Callable[[], None]:
        changes = dict(zip(("crontab", "timezone", "enabled"), setting.epoch, strict=True))
        return lambda: task.edit(changes, self.clock.now())

    @staticmethod
    def _reset(task: SimTask, runs: int) -> Callable[[], None]:
        return lambda: setattr(task, "runs", runs)

    async def _look(self, client: httpx.AsyncClient, *, scrape: bool) -> None:
        report = self._scene.house.report()
        for at in self._polls():
            self.taken += 1
            for witness in self._witnesses.values():
                witness.polled(at, at)
        for task in report.tasks:
            shown = Shown(task.verdict.missed, task.verdict.consecutive, task.counts)
            self._compare(self._witnesses[task.task_id], shown, report.at.timestamp())
        if scrape:
            assert self._flags(report) == await _scraped(client)

    def _polls(self) -> list[float]:
        """When upstream has given a good answer since this was last asked; answers take no time here."""
        seen = [one.at.timestamp() for one in self._scene.world.seen if one.status == 200]
        self._scene.world.seen.clear()
        return seen

    def _compare(self, witness: Witness, shown: Shown, now: float) -> None:
        must = witness.must_show(now)
        told = "\n".join([f"task {witness.life.task_id} at {moment(int(now))}", *witness.life.history(int(now))])
        self.verdicts += 1
        self.shown += shown.missed is True
        assert must.missed == shown.missed, told
        assert not must.missed or must.consecutive == shown.consecutive, told
        assert shown.counts is None or witness.memo is None or witness.memo.bounds.hold(shown.counts), told

    @staticmethod
    def _flags(report) -> dict[str, float]:
        return {one.task_id: one.verdict.missed for one in report.tasks if one.verdict.missed is not None}


async def _scraped(client: httpx.AsyncClient) -> dict[str, float]:
    shown = samples((await client.get("/metrics")).text)
    found = {name: value for name, value in shown.items() if name.startswith("screenshotmax_task_missed_run{")}
    return {name.partition('task_id="')[2].partition('"')[0]: value for name, value in found.items()}


@pytest.mark.parametrize(("zone", "begin"), [("Asia/Gaza", "2024-04-01"), ("Europe/London", "2024-10-01")])
def test_the_whole_exporter_is_never_wrong(zone: str, begin: str, tmp_path: Path) -> None:
    """Twelve hours round a clock change: every minute each flag, count and counter is what the world's truth demands."""
    (change,) = Era((zone,), day(begin), day(begin) + 60 * 24 * HOUR).changes(zone)[:1]
    world = World(zone, change, tmp_path / "ledger.db")

    world.run()

    assert world.verdicts > 8_000
    assert world.shown > 200
    assert world.taken > 500
