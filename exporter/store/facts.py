"""What is known of one account and of one task, and what an answer or a failure makes of it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING

from exporter.model import AccountReport, Histogram, Reason

if TYPE_CHECKING:
    from datetime import datetime

    from exporter.ledger import Entry
    from exporter.model import Task
    from exporter.store.outlook import Outlook

DOUBTED_FOR = timedelta(minutes=15)
GONE_AFTER = 2  # one 404 may be a mistake of the edge; the second in a row withdraws the task's series
_BOUNDS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, inf)


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """One task as the newest good poll saw it, and how its newest fetch went."""

    task_id: str
    fetch_success: bool = False  # also before the first fetch
    task: Task | None = None
    fetched_at: datetime | None = None  # the evidence: when the request started, less the answer's Age
    fetched_seconds: float | None = None  # the same on the monotonic clock
    skewed: bool = False  # the newest answer's Date and our clock disagreed too much to take it as evidence
    entry: Entry | None = None  # of the ledger; None before the first good poll
    outlook: Outlook | None = None  # of the task; there whenever the task is
    not_found: int = 0  # 404s in a row


@dataclass(slots=True)
class AccountFacts:
    """One account: how it is watched, how its polls went, and its tasks."""

    name: str
    interval: timedelta = timedelta()
    listed: tuple[str, ...] | None = None  # the configured ids; None: all that upstream has
    facts: dict[str, TaskFacts] = field(default_factory=dict)
    up: bool = False
    polled: bool = False
    good_in_round: bool = False
    newest_failure: tuple[Reason, str] | None = None  # its reason and detail
    tasks: int | None = None
    dropped: int = 0
    last_success_at: datetime | None = None
    list_seconds: float | None = None  # of the newest list's evidence
    polls: int = 0
    failures: Counter[Reason] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    durations: list[int] = field(default_factory=lambda: [0] * len(_BOUNDS_SECONDS))
    durations_sum_seconds: float = 0.0
    blocked_until_at: datetime | None = None
    key_readable: bool = True
    clock_skew: timedelta | None = None

    def observe(self, *, code: str, seconds: float, skew: timedelta | None) -> None:
        """Tally one request."""
        self.requests[code] += 1
        self.durations[bisect_left(_BOUNDS_SECONDS, seconds)] += 1
        self.durations_sum_seconds += seconds
        if skew is not None:
            self.clock_skew = skew

    def report(self) -> AccountReport:
        counts = accumulate(self.durations)
        failure = self.newest_failure if self.newest_failure and not self.up else (None, "")
        return AccountReport(
            name=self.name,
            interval=self.interval,
            up=self.up,
            polled=self.polled,
            last_reason=failure[0],
            last_detail=failure[1],
            tasks=self.tasks,
            dropped=self.dropped,
            last_success_at=self.last_success_at,
            polls=self.polls,
            failures=dict(self.failures),
            requests=dict(self.requests),
            durations=Histogram(tuple(zip(_BOUNDS_SECONDS, counts, strict=True)), self.durations_sum_seconds),
            blocked_until_at=self.blocked_until_at,
            key_readable=self.key_readable,
            clock_skew=self.clock_skew,
        )


def is_older(seconds: float | None, known_seconds: float | None) -> bool:
    """Whether evidence is from before what is known, both on the monotonic clock; not where either is unknown."""
    return seconds is not None and known_seconds is not None and seconds < known_seconds


def is_a_copy(before: TaskFacts, task: Task, *, fetched_at: datetime, seconds: float | None) -> bool:
    """Whether an answer is from before what is known already, as a cache at the edge may give it.

    Its Age may say so; without one, a last run and a count that have both gone back do, unless they keep saying it.
    """
    if before.task is None or before.fetched_at is None:
        return False
    if is_older(seconds, before.fetched_seconds):
        return True
    known, told = (before.task.last_run_at, before.task.runs), (task.last_run_at, task.runs)
    return went_back(known, told) and fetched_at - before.fetched_at < DOUBTED_FOR


def after_a_copy(facts: TaskFacts) -> TaskFacts:
    """The task's facts once such an answer has come: upstream answers and the clocks agree, but nothing is new."""
    return replace(facts, fetch_success=True, skewed=False, not_found=0)


def went_back(known: tuple[datetime | None, int | None], told: tuple[datetime | None, int | None]) -> bool:
    """Whether last run and count have both gone back."""
    (known_at, known_runs), (told_at, told_runs) = known, told
    if known_at is None or told_at is None or known_runs is None or told_runs is None:
        return False
    return told_at < known_at and told_runs < known_runs


def after_failure(facts: TaskFacts, reason: Reason, *, not_found: bool) -> TaskFacts:
    """The task's facts once its fetch has failed; `not_found` when that was a 404 for this very id."""
    if not_found and facts.not_found + 1 >= GONE_AFTER:
        return TaskFacts(facts.task_id, not_found=facts.not_found + 1)
    if not_found:
        return replace(facts, fetch_success=False, not_found=facts.not_found + 1)
    skewed = facts.skewed or reason is Reason.CLOCK_SKEW
    return replace(facts, fetch_success=False, skewed=skewed, not_found=0 if facts.task else facts.not_found)
