"""A small judge over the exporter's schedule and judge, sound as it stands, and broken on purpose in its children.

What a world cannot tell from the sound one, it does not test.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from croniter import croniter

from exporter.judge import expect, judge
from exporter.model import Expectation, Problem, Reason, State, Window
from exporter.schedule import Schedule, Schedules
from world.eyes import STALE_AFTER, Memory, Shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from exporter.model import Fires, Policy, Task

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Epoch:
    what: tuple[str | None, str | None, bool | None]
    since_at: datetime | None


class Small:
    """Facts of the newest good poll, epochs, and the judge; no ledger."""

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self._policies = policies
        self._get = Schedules().get
        self._facts: dict[str, tuple[Task, datetime]] = {}
        self._epochs: dict[str, Epoch] = {}
        self._before: dict[str, Epoch] = {}
        self._skewed = False

    def polled(self, tasks: list[Task], *, fetched_at: datetime, seconds: float, skew: timedelta) -> None:
        self._before = dict(self._epochs)
        self._skewed = False
        for task in tasks:
            what, old = (task.crontab, task.timezone, task.enabled), self._epochs.get(task.id)
            if old is None or old.what != what:
                self._epochs[task.id] = Epoch(what, fetched_at if old else None)
            self._facts[task.id] = (task, fetched_at)

    def failed(self, reason: Reason, *, skew: timedelta | None) -> None:
        self._skewed |= reason is Reason.CLOCK_SKEW

    def restart(self, memory: Memory) -> None:
        self._epochs = {Memory.KEPT: self._epochs, Memory.CUT: self._before, Memory.LOST: {}}[memory]
        self._facts, self._skewed = {}, False

    def shown(self, now: datetime) -> Mapping[str, Shown]:
        return {task_id: self._shown(task, fetched_at, now) for task_id, (task, fetched_at) in self._facts.items()}

    def _shown(self, task: Task, fetched_at: datetime, now: datetime) -> Shown:
        schedule = self._get(task.crontab or "", task.timezone or "")
        assert isinstance(schedule, Schedule)
        expected = self.expected(task, schedule, fetched_at, now)
        verdict = judge(task, expected, fetched_at=self.evidence_at(fetched_at, now), now=now, stale_after=STALE_AFTER)
        return Shown(None if self._skewed and verdict.state is not State.DISABLED else verdict.missed)

    def expected(self, task: Task, schedule: Schedule, fetched_at: datetime, now: datetime) -> Expectation | Problem:
        return expect(task, self.fires(schedule), self.policy(task), observed_since_at=self.since_at(task))

    def evidence_at(self, fetched_at: datetime, now: datetime) -> datetime:
        return fetched_at

    def since_at(self, task: Task) -> datetime | None:
        return self._epochs[task.id].since_at

    def policy(self, task: Task) -> Policy:
        return self._policies[task.id]

    def fires(self, schedule: Schedule) -> Fires:
        return schedule


class NoGrace(Small):
    """Calls a run missed the instant its fire passes."""

    def policy(self, task: Task) -> Policy:
        return replace(self._policies[task.id], grace=timedelta())


class NoEarly(Small):
    """Takes no run before its fire for an answer."""

    def policy(self, task: Task) -> Policy:
        return replace(self._policies[task.id], early=timedelta())


class NoEpochs(Small):
    """Judges fires from before an edit, a pause or a resume."""

    def since_at(self, task: Task) -> datetime | None:
        return None


class StaleEvidence(Small):
    """Takes the newest answer for the present, however old it is."""

    def evidence_at(self, fetched_at: datetime, now: datetime) -> datetime:
        return now


class LatestFire(Small):
    """Judges the latest fire, not the first that is unanswered."""

    def expected(self, task: Task, schedule: Schedule, fetched_at: datetime, now: datetime) -> Expectation | Problem:
        sound = super().expected(task, schedule, fetched_at, now)
        assert isinstance(sound, Expectation)
        latest_at = schedule.previous_fire(now)
        if sound.fire is None or latest_at is None or latest_at < sound.fire.earliest_at:
            return sound
        return replace(sound, fire=Window(latest_at, latest_at), deadline_at=latest_at + sound.grace)


@dataclass(frozen=True)
class _Fires:
    """Another way to fires, with the sound schedule's tolerances."""

    schedule: Schedule

    @property
    def auto_grace(self) -> timedelta:
        return self.schedule.auto_grace

    @property
    def auto_early(self) -> timedelta:
        return self.schedule.auto_early

    def optional(self, after: datetime, until: datetime) -> int:
        return 0


@dataclass(frozen=True)
class _AwareFires(_Fires):
    text: str

    def mandatory(self, start: datetime) -> Iterator[Window]:
        local = start.astimezone(self.schedule.zone) - _SECOND
        for found in croniter(self.text, local).all_next(datetime):
            at = found.astimezone(UTC)
            if at >= start:
                yield Window(at, at)


@dataclass(frozen=True)
class _NaiveFires(_Fires):
    text: str

    def mandatory(self, start: datetime) -> Iterator[Window]:
        local = start.astimezone(self.schedule.zone).replace(tzinfo=None) - timedelta(hours=4)
        for found in croniter(self.text, local).all_next(datetime):
            one, two = (found.replace(tzinfo=self.schedule.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
            if one >= start:
                yield Window(one, max(one, two))


class AwareCroniter(Small):
    """Gives croniter aware datetimes, which it reads wrongly when clocks change."""

    def expected(self, task: Task, schedule: Schedule, fetched_at: datetime, now: datetime) -> Expectation | Problem:
        fires = _AwareFires(schedule, task.crontab)
        return expect(task, fires, self.policy(task), observed_since_at=self.since_at(task))


class SkippedIsMandatory(Small):
    """Demands a run for a wall time that the clock jumped over."""

    def expected(self, task: Task, schedule: Schedule, fetched_at: datetime, now: datetime) -> Expectation | Problem:
        fires = _NaiveFires(schedule, task.crontab)
        return expect(task, fires, self.policy(task), observed_since_at=self.since_at(task))
