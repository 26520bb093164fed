"""What one last_run cannot tell: runs expected, observed, missed and extra, from the differences between polls.

Pure: an entry and a good poll's facts in, the next entry out. The rule is told in docs/verdicts.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from exporter.model import FUTURE_MARGIN, RunCounts

if TYPE_CHECKING:
    from exporter.model import Expectation, Fires, Task, Window

Epoch = tuple[str | bool | None, ...]
"""Crontab, timezone and enabled: a change of any of them begins a new epoch."""

_INSTANT = timedelta.resolution
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_WINDOW = timedelta(hours=26)  # a zone that crosses the date line repeats a whole day


@dataclass(frozen=True, slots=True)
class Plan:
    """What an enabled task with a valid schedule is held to."""

    fires: Fires
    expected: Expectation


@dataclass(frozen=True, slots=True)
class Entry:
    """One task's account of its runs, over all epochs since it was first seen."""

    first_seen_at: datetime
    seen_at: datetime  # when the newest good poll's request started
    epoch: Epoch  # the newest usable value of each
    observed_since_at: datetime | None = None  # when this epoch was first seen; None: it may be as old as the task
    counted_at: datetime | None = None  # the newest poll whose facts could be counted; None: no baseline yet
    horizon_at: datetime | None = None  # mandatory fires with an earlier `earliest` are resolved
    last_run_at: datetime | None = None
    runs: int | None = None
    spare: int = 0  # runs that may still come for fires too near the epoch's beginning to be owed
    optional: int = 0  # runs that may still come for fires that only some clock-change conventions perform
    counts: RunCounts = field(default_factory=RunCounts)


def follow(entry: Entry | None, task: Task, *, fetched_at: datetime) -> Entry:
    """The entry with the epoch that a good poll shows; a new epoch has no baseline yet.

    A field that was unusable for one poll begins no epoch: its newest usable value stands. A history that was cleared
    begins one.
    """
    now = (task.crontab, task.timezone, task.enabled)
    if entry is None:
        return Entry(first_seen_at=fetched_at, seen_at=fetched_at, epoch=now)
    epoch = tuple(old if new is None else new for old, new in zip(entry.epoch, now, strict=True))
    edited = any(old is not None and old != new for old, new in zip(entry.epoch, epoch, strict=True))
    if edited or _cleared(entry, task):
        return replace(entry, seen_at=fetched_at, epoch=epoch, observed_since_at=fetched_at, counted_at=None)
    return replace(entry, seen_at=fetched_at, epoch=epoch)


def _cleared(entry: Entry, task: Task) -> bool:
    """Whether upstream has forgotten the runs that we know of: what they answered stays answered."""
    return (
        entry.last_run_at is not None
        and task.last_run_at is None
        and task.runs == 0
        and not (task.implausible or "last_run" in task.bad_fields)
    )


def count(
    entry: Entry, task: Task, plan: Plan | None, *, fetched_at: datetime, quiet_at: datetime | None = None
) -> Entry:
    """The entry with the runs and fires between its newest counted poll and this one.

    `quiet_at` is the newest poll since then that had the same facts and was not counted (see quiet_until).

    `plan` is None when the task owes nothing (disabled) or nobody can say what it owes (an invalid schedule). Facts
    that cannot be trusted leave the entry as it is: the next good poll spans the gap.
    """
    if not _trusted(task, fetched_at):
        return entry
    if entry.counted_at is None or (task.runs or 0) < (entry.runs or 0):
        entry = _baseline(entry, task, plan, fetched_at)
    else:
        entry = _difference(entry, task, plan, fetched_at, quiet_at=quiet_at)
    return replace(entry, counted_at=fetched_at, runs=task.runs, last_run_at=task.last_run_at)


def quiet_until(entry: Entry, plan: Plan | None) -> datetime | None:
    """Before when a poll with the same facts leaves the entry as it is; None: however long."""
    if entry.spare or entry.optional:
        return _BEGINNING
    if plan is None or entry.horizon_at is None:
        return None
    fire = next(plan.fires.mandatory(entry.horizon_at), None)
    return None if fire is None else fire.latest_at + plan.expected.grace


def _trusted(task: Task, fetched_at: datetime) -> bool:
    """Whether the facts tell how often it ran, until when, and by which schedule, if any."""
    if task.runs is None or task.implausible or task.enabled is None or "last_run" in task.bad_fields:
        return False
    if task.enabled and (task.crontab is None or task.timezone is None):
        return False
    if task.last_run_at is None:
        return task.runs == 0
    return task.last_run_at <= fetched_at + FUTURE_MARGIN


def _baseline(entry: Entry, task: Task, plan: Plan | None, fetched_at: datetime) -> Entry:
    """Begin to count here: what was owed before, nobody knows (a first poll, a new epoch, a reset of `runs`)."""
    if plan is None:
        return replace(entry, horizon_at=None, spare=0, optional=0)
    unresolved = (
        fire
        for fire in plan.fires.mandatory(_earliest_open(task, plan, fetched_at))
        if not _resolved(fire, task, plan.expected, fetched_at)
    )
    spare, horizon_at = 0, None
    for fire in unresolved:
        if fire.earliest_at >= plan.expected.base_at:
            horizon_at = fire.earliest_at
            break
        spare += 1
    return replace(entry, horizon_at=horizon_at, spare=spare, optional=_open_optional(task, plan, fetched_at))


def _difference(
    entry: Entry, task: Task, plan: Plan | None, fetched_at: datetime, *, quiet_at: datetime | None
) -> Entry:
    """Close the fires that this poll resolves against the rise of `runs`."""
    observed = (task.runs or 0) - (entry.runs or 0)
    if plan is None:
        extra = observed if task.enabled is False else 0
        return replace(entry, counts=entry.counts + RunCounts(observed=observed, extra=extra))
    resolved, horizon_at = _resolve(entry.horizon_at, task, plan, fetched_at)
    unowed = max(0, observed - resolved)
    optional = entry.optional + _newly_optional(entry, task, plan, fetched_at, quiet_at)
    by_convention = min(unowed, optional)
    spared = min(unowed - by_convention, entry.spare)
    extra = unowed - by_convention - spared
    return replace(
        entry,
        horizon_at=horizon_at,
        spare=_open_spare(task, plan, fetched_at, most=entry.spare - spared),
        optional=min(optional - by_convention, _open_optional(task, plan, fetched_at)),
        counts=entry.counts + RunCounts(resolved, observed, max(0, resolved - observed), extra),
    )


def _earliest_open(task: Task, plan: Plan, fetched_at: datetime) -> datetime:
    """No fire before this can still be answered in time."""
    open_at = fetched_at - plan.expected.grace
    if plan.fires.optional(open_at - _LONGEST_WINDOW, fetched_at + _LONGEST_WINDOW):
        open_at -= _LONGEST_WINDOW  # clocks change about then, so that a fire may be long
    return max(task.created_at or _BEGINNING, open_at)


def _open_spare(task: Task, plan: Plan, fetched_at: datetime, *, most: int) -> int:
    """How many fires too near the epoch's beginning may still be answered in time, and are not yet: at most `most`."""
    if not most or fetched_at >= plan.expected.base_at + plan.expected.grace + _LONGEST_WINDOW:
        return 0
    fires = plan.fires.mandatory(_earliest_open(task, plan, fetched_at))
    near = takewhile(lambda fire: fire.earliest_at < plan.expected.base_at, fires)
    return min(most, sum(fire.latest_at + plan.expected.grace > fetched_at for fire in near))


def _seen_to(last_run_at: datetime | None, fetched_at: datetime, plan: Plan) -> datetime:
    """Up to when fires may have been answered by a run that a poll saw."""
    return max(last_run_at or fetched_at, fetched_at) + plan.expected.early


def _newly_optional(entry: Entry, task: Task, plan: Plan, fetched_at: datetime, quiet_at: datetime | None) -> int:
    """How many optional fires have come up since the newest counted poll, but for those that a quiet one saw expire."""
    since_at = _seen_to(entry.last_run_at, entry.counted_at or fetched_at, plan)
    up = plan.fires.optional(since_at, _seen_to(task.last_run_at, fetched_at, plan))
    return sum(quiet_at is None or fire.latest_at + plan.expected.grace > quiet_at for fire in up)


def _open_optional(task: Task, plan: Plan, fetched_at: datetime) -> int:
    """How many of the optional fires that have come up may still be performed in time."""
    up = plan.fires.optional(
        fetched_at - plan.expected.grace - _LONGEST_WINDOW, _seen_to(task.last_run_at, fetched_at, plan)
    )
    return sum(fire.latest_at + plan.expected.grace > fetched_at for fire in up)


def _resolve(horizon_at: datetime | None, task: Task, plan: Plan, fetched_at: datetime) -> tuple[int, datetime | None]:
    """How many fires from the horizon on are resolved, and the new horizon; a long absence is not walked through."""
    if horizon_at is None:
        return 0, None
    until_at = max(fetched_at - plan.expected.grace, (task.last_run_at or _BEGINNING) + plan.expected.early)
    count, horizon_at = plan.fires.skim(horizon_at, until_at)
    for fire in plan.fires.mandatory(horizon_at):
        if not _resolved(fire, task, plan.expected, fetched_at):
            break
        count, horizon_at = count + 1, fire.earliest_at + _INSTANT
    return count, horizon_at


def _resolved(fire: Window, task: Task, expected: Expectation, fetched_at: datetime) -> bool:
    """A fire is resolved when its run is seen, or when its deadline has passed on the evidence."""
    seen = task.last_run_at is not None and fire.earliest_at <= task.last_run_at + expected.early
    return seen or fire.latest_at + expected.grace <= fetched_at
