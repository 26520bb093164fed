"""What one last_run cannot tell: runs expected, observed, missed and extra, from the differences between polls.

Pure: an entry and a good poll's facts in, the next entry out. The rule is told in docs/verdicts.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from exporter.model import RunCounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.model import Expectation, Fires, Task, Window

Epoch = tuple[str | bool | None, ...]
"""Crontab, timezone and enabled: a change of any of them begins a new epoch."""

_INSTANT = timedelta.resolution
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
    counts: RunCounts = field(default_factory=RunCounts)


def follow(entry: Entry | None, task: Task, *, fetched_at: datetime) -> Entry:
    """The entry with the epoch that a good poll shows; a new epoch has no baseline yet.

    A field that was unusable for one poll begins no epoch: its newest usable value stands.
    """
    now = (task.crontab, task.timezone, task.enabled)
    if entry is None:
        return Entry(first_seen_at=fetched_at, seen_at=fetched_at, epoch=now)
    epoch = tuple(old if new is None else new for old, new in zip(entry.epoch, now, strict=True))
    if any(old is not None and old != new for old, new in zip(entry.epoch, epoch, strict=True)):
        return replace(entry, seen_at=fetched_at, epoch=epoch, observed_since_at=fetched_at, counted_at=None, spare=0)
    return replace(entry, seen_at=fetched_at, epoch=epoch)


def count(entry: Entry, task: Task, plan: Plan | None, *, fetched_at: datetime) -> Entry:
    """The entry with the runs and fires between its newest counted poll and this one.

    `plan` is None when the task owes nothing (disabled) or nobody can say what it owes (an invalid schedule). Facts
    that cannot be trusted leave the entry as it is: the next good poll spans the gap.
    """
    if task.runs is None or task.enabled is None or not _plausible(task):
        return entry
    if entry.counted_at is None or entry.runs is None or task.runs < entry.runs:
        entry = _baseline(entry, task, plan, fetched_at)
    else:
        entry = _difference(entry, task, plan, fetched_at, observed=task.runs - entry.runs)
    return replace(entry, counted_at=fetched_at, runs=task.runs, last_run_at=task.last_run_at)


def quiet_until(entry: Entry, plan: Plan | None) -> datetime | None:
    """Before when a poll with the same facts leaves the entry as it is; None: however long."""
    if plan is None or entry.horizon_at is None:
        return None
    fire = next(plan.fires.mandatory(entry.horizon_at), None)
    return None if fire is None else fire.latest_at + plan.expected.grace


def _plausible(task: Task) -> bool:
    missing = task.last_run_at is None and task.runs != 0
    return not (task.implausible or missing or "last_run" in task.bad_fields)


def _baseline(entry: Entry, task: Task, plan: Plan | None, fetched_at: datetime) -> Entry:
    """Begin to count here: what was owed before, nobody knows (a first poll, a new epoch, a reset of `runs`)."""
    if plan is None:
        return replace(entry, horizon_at=None, spare=0)
    spare = 0
    for fire in plan.fires.mandatory(fetched_at - plan.expected.grace - _LONGEST_WINDOW):
        if _resolved(fire, task, plan.expected, fetched_at):
            continue
        if fire.earliest_at >= plan.expected.base_at:
            return replace(entry, horizon_at=fire.earliest_at, spare=spare)
        spare += 1
    return replace(entry, horizon_at=None, spare=spare)


def _difference(entry: Entry, task: Task, plan: Plan | None, fetched_at: datetime, *, observed: int) -> Entry:
    """Close the fires that this poll resolves against the rise of `runs`."""
    if plan is None:
        extra = observed if task.enabled is False else 0
        return replace(entry, counts=entry.counts + RunCounts(observed=observed, extra=extra))
    resolved = list(_resolved_from(entry.horizon_at, task, plan, fetched_at))
    unowed = max(0, observed - len(resolved) - _optional(entry, task, plan))
    spared = min(unowed, entry.spare) if _near_the_beginning(task, plan.expected) else 0
    counts = RunCounts(len(resolved), observed, max(0, len(resolved) - observed), unowed - spared)
    return replace(
        entry,
        horizon_at=resolved[-1].earliest_at + _INSTANT if resolved else entry.horizon_at,
        spare=entry.spare - spared,
        counts=entry.counts + counts,
    )


def _near_the_beginning(task: Task, expected: Expectation) -> bool:
    return task.last_run_at is not None and task.last_run_at <= expected.base_at + expected.grace


def _resolved_from(start: datetime | None, task: Task, plan: Plan, fetched_at: datetime) -> Iterator[Window]:
    if start is None:
        return
    for fire in plan.fires.mandatory(start):
        if not _resolved(fire, task, plan.expected, fetched_at):
            return
        yield fire


def _resolved(fire: Window, task: Task, expected: Expectation, fetched_at: datetime) -> bool:
    """A fire is resolved when its run is seen, or when its deadline has passed on the evidence."""
    seen = task.last_run_at is not None and fire.earliest_at <= task.last_run_at + expected.early
    return seen or fire.latest_at + expected.grace <= fetched_at


def _optional(entry: Entry, task: Task, plan: Plan) -> int:
    """How many runs since the last counted one may have been made by a convention that not every scheduler has."""
    before_at = entry.last_run_at or entry.counted_at
    if task.last_run_at is None or before_at is None:
        return 0
    return plan.fires.optional(before_at + plan.expected.early, task.last_run_at + plan.expected.early)
