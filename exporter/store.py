"""What the polls have told: facts only. The poller writes, the report reads, nobody else does either."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING

from exporter.model import AccountReport, Histogram, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from exporter.model import Task

_BOUNDS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, inf)
_GONE_AFTER = 2  # one 404 may be a mistake of the edge; the second in a row withdraws the task's series

Epoch = tuple[str | bool | None, ...]
"""Crontab, timezone and enabled: a change of any of them begins a new epoch."""


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """One task as the newest good poll saw it, and how its newest fetch went."""

    task_id: str
    fetch_success: bool = False  # also before the first fetch
    task: Task | None = None
    fetched_at: datetime | None = None  # when the request that told `task` started
    epoch: Epoch = (None, None, None)  # the newest usable value of each
    observed_since_at: datetime | None = None  # when this epoch was first seen; None: as old as the task
    not_found: int = 0  # 404s in a row


@dataclass(slots=True)
class _Account:
    name: str
    interval: timedelta
    listed: tuple[str, ...] | None  # the configured ids; None: all that upstream has
    facts: dict[str, TaskFacts]
    up: bool = False
    polled: bool = False
    last_reason: Reason | None = None
    tasks: int | None = None
    dropped: int = 0
    last_success_at: datetime | None = None
    polls: int = 0
    failures: Counter[Reason] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    durations: list[int] = field(default_factory=lambda: [0] * len(_BOUNDS_SECONDS))
    durations_sum_seconds: float = 0.0
    blocked_until_at: datetime | None = None
    clock_skew: timedelta | None = None


class Store:
    """The facts of every account, in memory. One event loop's thread only."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._internal_errors: Counter[str] = Counter()
        self.version = 0  # rises with every write, so that a reader knows when its answer has aged

    def add_account(self, name: str, *, interval: timedelta, listed: Sequence[str] | None) -> None:
        """Begin with an account of which nothing is known yet but the ids that were configured, if any."""
        ids = None if listed is None else tuple(listed)
        facts = {task_id: TaskFacts(task_id) for task_id in ids or ()}
        self._accounts[name] = _Account(name, interval, ids, facts)
        self.version += 1

    def record_request(self, name: str, *, code: str, seconds: float, skew: timedelta | None) -> None:
        """One request to the API was answered (`code` its status) or not (`none`). `skew`: its Date minus our clock."""
        account = self._accounts[name]
        account.requests[code] += 1
        account.durations[bisect_left(_BOUNDS_SECONDS, seconds)] += 1
        account.durations_sum_seconds += seconds
        if skew is not None:
            account.clock_skew = skew
        self.version += 1

    def record_list(self, name: str, tasks: Iterable[Task], *, dropped: int, fetched_at: datetime) -> None:
        """A good list poll: what it does not hold is gone; a listed id it does not hold is not found."""
        account = self._accounts[name]
        seen = {task.id: self._told(account, task, fetched_at) for task in tasks}
        absent = (task_id for task_id in account.listed or () if task_id not in seen)
        missing = {task_id: TaskFacts(task_id, fetch_success=False, not_found=_GONE_AFTER) for task_id in absent}
        account.facts = seen | missing
        account.dropped = dropped
        self._succeeded(account, fetched_at)

    def record_task(self, name: str, task: Task, *, fetched_at: datetime) -> None:
        """A good Get Task poll."""
        account = self._accounts[name]
        account.facts[task.id] = self._told(account, task, fetched_at)
        self._succeeded(account, fetched_at)

    def record_failure(self, name: str, reason: Reason, *, task_id: str | None = None) -> None:
        """A poll that gave no evidence: of one task, or (None) of the whole list. The old facts stay.

        A 404 for one id says nothing against the account, which has just answered.
        """
        account = self._accounts[name]
        account.polls += 1
        account.failures[reason] += 1
        not_found = reason is Reason.HTTP_404 and task_id is not None
        account.up = not_found
        account.last_reason = None if not_found else reason
        for each in (task_id,) if task_id is not None else tuple(account.facts):
            account.facts[each] = _failed(account.facts[each], not_found=not_found)
        self._count_tasks(account)

    def record_block(self, name: str, until_at: datetime | None) -> None:
        """No request of this account will be sent before `until_at`."""
        self._accounts[name].blocked_until_at = until_at
        self.version += 1

    def record_round(self, name: str) -> None:
        """A round over the account has finished, well or badly."""
        self._accounts[name].polled = True
        self.version += 1

    def record_internal_error(self, where: str) -> None:
        self._internal_errors[where] += 1
        self.version += 1

    def read(self) -> Iterator[tuple[AccountReport, Mapping[str, TaskFacts]]]:
        """Every account with its tasks' facts, in the order of the configuration."""
        for account in self._accounts.values():
            yield _told_of(account), account.facts

    @property
    def internal_errors(self) -> Mapping[str, int]:
        return dict(self._internal_errors)

    def _succeeded(self, account: _Account, fetched_at: datetime) -> None:
        account.polls += 1
        account.up = True
        account.last_reason = None
        account.last_success_at = fetched_at
        self._count_tasks(account)

    def _count_tasks(self, account: _Account) -> None:
        if account.last_success_at is not None:
            account.tasks = sum(facts.task is not None for facts in account.facts.values())
        self.version += 1

    def _told(self, account: _Account, task: Task, fetched_at: datetime) -> TaskFacts:
        before = account.facts.get(task.id, TaskFacts(task.id))
        epoch, changed = _follow(before.epoch, (task.crontab, task.timezone, task.enabled))
        return TaskFacts(
            task.id,
            fetch_success=True,
            task=task,
            fetched_at=fetched_at,
            epoch=epoch,
            observed_since_at=fetched_at if changed else before.observed_since_at,
        )


def _follow(before: Epoch, now: Epoch) -> tuple[Epoch, bool]:
    """The epoch after an answer, and whether it is a new one. What was unusable for one answer changes nothing."""
    epoch = tuple(old if new is None else new for old, new in zip(before, now, strict=True))
    changed = any(old is not None and old != new for old, new in zip(before, epoch, strict=True))
    return epoch, changed


def _failed(facts: TaskFacts, *, not_found: bool) -> TaskFacts:
    if not not_found:
        return replace(facts, fetch_success=False)
    if facts.not_found + 1 >= _GONE_AFTER:
        return TaskFacts(
            facts.task_id,
            fetch_success=False,
            epoch=facts.epoch,
            observed_since_at=facts.observed_since_at,
            not_found=facts.not_found + 1,
        )
    return replace(facts, fetch_success=False, not_found=facts.not_found + 1)


def _told_of(account: _Account) -> AccountReport:
    counts = accumulate(account.durations)
    return AccountReport(
        name=account.name,
        interval=account.interval,
        up=account.up,
        polled=account.polled,
        last_reason=account.last_reason,
        tasks=account.tasks,
        dropped=account.dropped,
        last_success_at=account.last_success_at,
        polls=account.polls,
        failures=dict(account.failures),
        requests=dict(account.requests),
        durations=Histogram(tuple(zip(_BOUNDS_SECONDS, counts, strict=True)), account.durations_sum_seconds),
        blocked_until_at=account.blocked_until_at,
        clock_skew=account.clock_skew,
    )
