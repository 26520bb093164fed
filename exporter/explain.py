"""Why a task has its verdict: one frozen value for the verb, the page and the JSON, so that these cannot disagree.

Pure: the report, the policy and its sources are handed in, and a schedule never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from exporter.judge import MOST_MISSED
from exporter.model import State
from exporter.schedule import Schedule, zone_changes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from exporter.config import PolicySources, Source
    from exporter.model import AccountReport, Policy, Report, TaskReport, Window
    from exporter.schedule import ClockChange, Schedules

MOST_FIRES = 10  # of those missed in a row, the newest
MOST_TIMES = 5  # of those that one clock change skips or repeats
_NEAR = timedelta(days=1)


class Convention(StrEnum):
    """What a cron may do with a wall time that a clock change skips (the first three) or repeats."""

    SKIP = "skip"
    AFTER_GAP = "after_gap"
    SHIFTED = "shifted"
    FIRST = "first"
    SECOND = "second"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Answer:
    """When one convention runs a task whose wall time is skipped or repeated."""

    convention: Convention
    runs_at: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class ChangedTime:
    """A wall time of the schedule, naive and local, that a clock change skips or repeats."""

    wall: datetime
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class NearChange:
    """A clock change within a day of a fire that matters. The wall times in [first, end) are skipped or repeated."""

    changed_at: datetime
    first: datetime
    end: datetime
    skips: bool
    times: tuple[ChangedTime, ...]  # the schedule's own, at most MOST_TIMES
    affected: int  # how many there are


@dataclass(frozen=True, slots=True)
class Lenience:
    """Grace or early: how much, where it was given, and whether it was derived from the period."""

    source: Source
    auto: bool
    span: timedelta | None  # None: auto, and no valid schedule to derive it from


@dataclass(frozen=True, slots=True)
class Turn:
    """What the verdict may become next: from `at` on, or with a poll that shows a run at or after `run_from_at`."""

    state: State
    at: datetime | None = None
    run_from_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that a verdict rests on, at the report's instant."""

    at: datetime
    account: AccountReport
    task: TaskReport
    zone: ZoneInfo | None  # the task's; None while it is not known
    period: timedelta | None
    grace: Lenience
    early: Lenience
    stale_after: timedelta
    stale_at: datetime | None  # when the evidence will be older than that
    answered_at: datetime | None  # the fire that the last run answers
    missed_fires_at: tuple[datetime, ...]  # the newest of those missed in a row, oldest first
    changes: tuple[NearChange, ...]
    turns: tuple[Turn, ...]


def explain(
    report: Report, known: TaskReport, *, policy: Policy, sources: PolicySources, schedules: Schedules
) -> Explanation:
    """The explanation of one of the report's tasks. `policy` and `sources` are that task's."""
    schedule = _schedule(known, schedules)
    expected = known.expectation
    stale_at = None if known.fetched_at is None else known.fetched_at + policy.stale_after
    return Explanation(
        at=report.at,
        account=next(account for account in report.accounts if account.name == known.account),
        task=known,
        zone=schedule.zone if schedule else None,
        period=schedule.period if schedule else None,
        grace=Lenience(sources.grace, policy.grace is None, expected.grace if expected else policy.grace),
        early=Lenience(sources.early, policy.early is None, expected.early if expected else policy.early),
        stale_after=policy.stale_after,
        stale_at=stale_at,
        answered_at=_answered(known),
        missed_fires_at=known.missed_fires_at[-MOST_FIRES:],
        changes=tuple(_changes(known, schedule)) if schedule else (),
        turns=tuple(_turns(known, stale_at)),
    )


def _schedule(known: TaskReport, schedules: Schedules) -> Schedule | None:
    if known.task is None or known.task.crontab is None or known.task.timezone is None:
        return None
    schedule = schedules.get(known.task.crontab, known.task.timezone)
    return schedule if isinstance(schedule, Schedule) else None


def _answered(known: TaskReport) -> datetime | None:
    if known.task is None or known.task.last_run_at is None or known.lateness is None:
        return None
    return known.task.last_run_at - known.lateness


def _changes(known: TaskReport, schedule: Schedule) -> Iterator[NearChange]:
    """The clock changes within a day of the fire judged, the previous or the next one."""
    fire = known.verdict.fire
    judged = (fire.earliest_at, fire.latest_at) if fire else ()
    fires = [at for at in (*judged, known.previous_fire_at, known.next_fire_at) if at is not None]
    found: dict[datetime, ClockChange] = {}
    for at in fires:
        span = (at - _NEAR, at + _NEAR)
        found |= {change.changed_at: change for change in zone_changes(schedule.zone, *span)}
        found |= {change.changed_at: change for change in schedule.clock_changes(*span)}
    for _, change in sorted(found.items()):
        yield _near(change)


def _near(change: ClockChange) -> NearChange:
    times = tuple(ChangedTime(wall, _answers(change, wall)) for wall in change.fires[:MOST_TIMES])
    return NearChange(change.changed_at, change.first, change.end, change.skips, times, len(change.fires))


def _answers(change: ClockChange, wall: datetime) -> tuple[Answer, ...]:
    later = change.changed_at + (wall - change.first)
    if change.skips:
        return (
            Answer(Convention.SKIP, ()),
            Answer(Convention.AFTER_GAP, (change.changed_at,)),
            Answer(Convention.SHIFTED, (later,)),
        )
    first = change.changed_at - (change.end - wall)
    return (
        Answer(Convention.FIRST, (first,)),
        Answer(Convention.SECOND, (later,)),
        Answer(Convention.BOTH, (first, later)),
    )


def _turns(known: TaskReport, stale_at: datetime | None) -> Iterator[Turn]:
    """What time and polls can make of the verdict; nothing that time alone brings while disabled or unknown."""
    verdict, expected = known.verdict, known.expectation
    if verdict.state in (State.DISABLED, State.UNKNOWN) or expected is None:
        return
    if verdict.state is State.MISSED:
        yield Turn(State.OK, run_from_at=_ending(known, expected.early))
    elif verdict.fire is not None:
        yield from _ahead(verdict.state, verdict.fire, deadline_at=verdict.deadline_at, early=expected.early)
    yield Turn(State.UNKNOWN, at=stale_at)


def _ahead(state: State, fire: Window, *, deadline_at: datetime | None, early: timedelta) -> Iterator[Turn]:
    answers_from_at = fire.earliest_at - early
    if state is not State.DUE:
        yield Turn(State.DUE, at=fire.earliest_at, run_from_at=answers_from_at)
    yield Turn(State.MISSED, at=deadline_at, run_from_at=answers_from_at)


def _ending(known: TaskReport, early: timedelta) -> datetime | None:
    """The earliest run that would answer every fire missed so far; None where not all of them were counted."""
    capped = (known.verdict.consecutive or 0) >= MOST_MISSED
    return None if capped or not known.missed_fires_at else known.missed_fires_at[-1] - early
