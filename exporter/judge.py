"""Was a run missed? A pure function of facts and one `now`; the rule is told with examples in docs/verdicts.md.

A miss needs evidence whose request began at or after the deadline, so an outage can never create one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from exporter.model import FUTURE_MARGIN, Expectation, Problem, State, Verdict

if TYPE_CHECKING:
    from exporter.model import Fires, Policy, Task

CREATE_MARGIN = timedelta(seconds=60)  # a fire within the minute of a creation or an edit may belong to either side
MOST_MISSED = 1_000
MOST_RECENT = 32
_LONGEST_REPEAT = timedelta(hours=3)  # a fire's earliest instant may lie this far before its latest
_LOOK_BACK = (_LONGEST_REPEAT + timedelta(minutes=10), timedelta(days=2))
_INSTANT = timedelta.resolution
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

# Fields without which nothing can be said of a task's runs.
_NEEDED = frozenset({"enabled", "crontab", "timezone", "last_run"})


@dataclass(frozen=True, slots=True)
class Missed:
    """How many fires in a row have been missed, and where to go on counting when newer evidence comes."""

    count: int
    next_at: datetime
    recent: tuple[datetime, ...] = ()  # the newest of them, oldest first
    shown_at: datetime | None = None  # evidence from before this does not show the newest of them; None: there is none


def expect(task: Task, fires: Fires, policy: Policy, *, observed_since_at: datetime | None) -> Expectation:
    """The first mandatory fire that the task's last run has not answered, and its deadline.

    `observed_since_at` is when this schedule or enablement was first seen; None when it may be as old as the task.
    """
    grace = fires.auto_grace if policy.grace is None else policy.grace
    early = fires.auto_early if policy.early is None else policy.early
    base_at = max(task.created_at or _BEGINNING, observed_since_at or _BEGINNING) + CREATE_MARGIN
    start_at = base_at
    if task.last_run_at is not None and task.last_run_at + early >= base_at:
        start_at = task.last_run_at + early + _INSTANT
    fire = next(iter(fires.mandatory(start_at)), None)
    deadline_at = None if fire is None else fire.latest_at + grace
    return Expectation(grace=grace, early=early, base_at=base_at, fire=fire, deadline_at=deadline_at)


def judge(
    task: Task,
    expected: Expectation | Problem,
    *,
    fetched_at: datetime,
    now: datetime,
    stale_after: timedelta,
) -> Verdict:
    """The verdict. `expected` may be the schedule's problem; `fetched_at` is when the request started.

    A miss comes with `consecutive` None: counting is count_missed's. Stricter than the bare rule in one point:
    evidence older than `stale_after` gives no verdict even before the deadline.
    """
    if task.enabled is False:
        return Verdict(State.DISABLED, "the task is disabled", consecutive=0)
    if problem := _unusable(task):
        return unknown(problem, _WHY_UNUSABLE[problem])
    if isinstance(expected, Problem):
        return unknown(expected, "the schedule cannot be judged")
    if task.last_run_at is not None and task.last_run_at > max(now, fetched_at) + FUTURE_MARGIN:
        return unknown(Problem.IMPLAUSIBLE, "the last run lies more than 5 minutes in the future")
    if now - fetched_at > stale_after:
        return _against(expected, State.UNKNOWN, "the newest evidence is older than stale_after", Problem.STALE)
    return _judge_fire(task, expected, evidence_at=min(fetched_at, now), now=now)


def _judge_fire(task: Task, expected: Expectation, *, evidence_at: datetime, now: datetime) -> Verdict:
    fire, deadline_at = expected.fire, expected.deadline_at
    if fire is not None and deadline_at is not None:
        if evidence_at >= deadline_at:
            return _against(expected, State.MISSED, "evidence from after the deadline shows no run for the fire")
        if now >= deadline_at:
            return _against(expected, State.DUE, "the deadline has passed, but the evidence is from before it")
        if now >= fire.earliest_at:
            return _against(expected, State.DUE, "the fire has passed, its deadline has not")
    if task.last_run_at is None:
        return _against(expected, State.NEVER_RAN, "it never ran, and it did not have to yet")
    return _against(expected, State.OK, "the last run answers every fire so far")


_WHY_UNUSABLE = {
    Problem.BAD_FIELD: "a field that the verdict needs is missing or unusable",
    Problem.IMPLAUSIBLE: "the last run is no plausible instant, or is missing although runs were counted",
}


def _unusable(task: Task) -> Problem | None:
    """Why the task's facts allow no verdict, whatever its schedule."""
    if task.enabled is None or task.crontab is None or task.timezone is None or task.bad_fields & _NEEDED:
        return Problem.BAD_FIELD
    if task.implausible or (task.last_run_at is None and (task.runs or 0) > 0):
        return Problem.IMPLAUSIBLE
    if task.last_run_at is None and (task.created_at is None or "runs" in task.bad_fields):
        return Problem.BAD_FIELD
    return None


def unknown(problem: Problem, rule: str) -> Verdict:
    return Verdict(State.UNKNOWN, rule, problems=(problem,))


def _against(expected: Expectation, state: State, rule: str, *problems: Problem) -> Verdict:
    consecutive = None if state in (State.MISSED, State.UNKNOWN) else 0
    return Verdict(
        state,
        rule,
        problems=problems,
        fire=expected.fire,
        deadline_at=expected.deadline_at,
        consecutive=consecutive,
    )


def count_missed(fires: Fires, expectation: Expectation, *, until: datetime, since: Missed | None = None) -> Missed:
    """Mandatory fires from the expected one on with latest + grace <= until, at most MOST_MISSED.

    `since` is another answer for the same expectation: the count goes on from there where `until` is no earlier than
    what it counted.
    """
    if expectation.fire is None:
        return Missed(0, until)
    if since is None or (since.shown_at is not None and since.shown_at > until):
        since = Missed(0, expectation.fire.earliest_at)
    count, next_at, shown_at = since.count, since.next_at, since.shown_at
    recent = deque(since.recent, maxlen=MOST_RECENT)
    for fire in fires.mandatory(next_at):
        next_at = fire.earliest_at
        if count >= MOST_MISSED or fire.latest_at + expectation.grace > until:
            break
        count, shown_at = count + 1, fire.latest_at + expectation.grace
        recent.append(fire.earliest_at)
    return Missed(count, next_at, tuple(recent), shown_at)


def lateness(task: Task, fires: Fires, expectation: Expectation) -> timedelta | None:
    """Last run minus the fire it answers, signed; None when it answers none of this epoch's fires.

    A run answers a fire from `early` before its earliest to `grace` after its latest instant; of two, the nearer.
    """
    if task.last_run_at is None:
        return None
    # The nearest fire is mostly near: a grace of days need not be walked through from its beginning.
    furthest = expectation.grace + _LONGEST_REPEAT
    for back in (*(span for span in _LOOK_BACK if span < furthest), furthest):
        found = _nearest(task.last_run_at, fires, expectation, back)
        if found is not None:
            return found
    return None


def _nearest(ran_at: datetime, fires: Fires, expectation: Expectation, back: timedelta) -> timedelta | None:
    best: timedelta | None = None
    for fire in fires.mandatory(ran_at - back):
        if fire.earliest_at - expectation.early > ran_at:
            break
        if fire.latest_at + expectation.grace >= ran_at and fire.earliest_at >= expectation.base_at - CREATE_MARGIN:
            distances = (ran_at - fire.earliest_at, ran_at - fire.latest_at)
            best = min((gap for gap in (best, *distances) if gap is not None), key=abs)
    return best
