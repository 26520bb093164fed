"""What the polls have told: facts only. The poller writes, the report reads, nobody else does either."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING

import structlog

from exporter.model import AccountReport, Histogram, LastReload, Reason
from exporter.store.book import Book

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from exporter.ledger import Entry
    from exporter.model import Task

_log = structlog.get_logger()
_BOUNDS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, inf)
_DOUBTED_FOR = timedelta(minutes=15)
_GONE_AFTER = 2  # one 404 may be a mistake of the edge; the second in a row withdraws the task's series


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
    not_found: int = 0  # 404s in a row


@dataclass(slots=True)
class _Account:
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


class Store:
    """The facts of every account, in memory. One event loop's thread only."""

    def __init__(self, book: Book | None = None) -> None:
        self.book = book or Book()
        self._accounts: dict[str, _Account] = {}
        self._internal_errors: Counter[str] = Counter()
        self.ledger_recoveries = 0
        self.last_reload: LastReload | None = None
        self.round_recorded = asyncio.Event()  # for whoever saves the ledger, who clears it
        self.version = 0  # rises with every write, so that a reader knows when its answer has aged

    def add_account(
        self,
        name: str,
        *,
        interval: timedelta,
        listed: Sequence[str] | None,
        excluded: Container[str] = (),
    ) -> None:
        """Watch an account. Of one that is watched already, all is kept but the tasks that are no longer asked for."""
        ids = None if listed is None else tuple(listed)
        account = self._accounts.get(name) or _Account(name)
        before = {task_id: facts for task_id, facts in account.facts.items() if task_id not in excluded}
        account.interval, account.listed = interval, ids
        if ids is None:
            account.facts = {task_id: facts for task_id, facts in before.items() if facts.task is not None}
        else:
            account.facts = {task_id: before.get(task_id, TaskFacts(task_id)) for task_id in ids}
            account.dropped = 0  # a list to come will tell, if there is one
        self._accounts[name] = account
        self._count_tasks(account)

    def remove_account(self, name: str) -> None:
        """Forget all that was polled of an account. Its tasks' entries of the ledger stay, should it come back."""
        del self._accounts[name]
        self.version += 1

    def arrange(self, names: Sequence[str]) -> None:
        """Show the accounts in this order."""
        self._accounts = {name: self._accounts[name] for name in names}
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

    def record_list(
        self,
        name: str,
        tasks: Iterable[Task],
        *,
        fetched_at: datetime,
        seconds: float | None = None,
        dropped: int = 0,
        unreadable: int = 0,
    ) -> None:
        """A good list poll: what it does not hold is gone; a listed id it does not hold is not found.

        While elements were unreadable, whatever is absent may be one of them and stays. `seconds` is `fetched_at` on
        the monotonic clock; a list older than the one that is known (a cache's copy) tells nothing.
        """
        account = self._accounts[name]
        if not _older(seconds, account.list_seconds):
            account.list_seconds = seconds
            seen = {task.id: self._told(account, task, fetched_at, seconds) for task in tasks}
            account.facts = seen | self._absent(account, seen, unreadable=unreadable)
            account.dropped = dropped
        self._succeeded(account, fetched_at)

    def record_task(self, name: str, task: Task, *, fetched_at: datetime, seconds: float | None = None) -> None:
        """A good Get Task poll."""
        account = self._accounts[name]
        account.facts[task.id] = self._told(account, task, fetched_at, seconds)
        self._succeeded(account, fetched_at)

    def record_failure(self, name: str, reason: Reason, *, detail: str = "", task_id: str | None = None) -> None:
        """A poll that gave no evidence: of one task, or (None) of the whole list. The old facts stay.

        A 404 for one id says nothing against an account that has answered well before.
        """
        account = self._accounts[name]
        account.polls += 1
        account.failures[reason] += 1
        not_found = reason is Reason.HTTP_404 and task_id is not None
        if task_id is None:
            account.up = False
        if not (not_found and account.last_success_at):
            account.newest_failure = (reason, detail)
        for each in (task_id,) if task_id is not None else tuple(account.facts):
            account.facts[each] = _failed(account.facts[each], reason, not_found=not_found)
        self._count_tasks(account)

    def record_block(self, name: str, until_at: datetime | None) -> None:
        """No request of this account will be sent before `until_at`."""
        self._accounts[name].blocked_until_at = until_at
        self.version += 1

    def record_key(self, name: str, *, readable: bool) -> None:
        """Whether the access key could be read when it was last needed; while not, an earlier one is used."""
        self._accounts[name].key_readable = readable
        self.version += 1

    def record_round(self, name: str) -> None:
        """A round over the account has finished, well or badly: it is up unless nothing but failures came of it."""
        account = self._accounts[name]
        account.polled = True
        if account.newest_failure is not None and not account.good_in_round:
            account.up = False
        if account.up:
            account.newest_failure = None
        account.good_in_round = False
        self.version += 1
        self.round_recorded.set()

    def record_internal_error(self, where: str) -> None:
        self._internal_errors[where] += 1
        self.version += 1

    def record_ledger_recoveries(self, total: int) -> None:
        """So many damaged ledger files have been set aside since the start."""
        self.ledger_recoveries = total
        self.version += 1

    def record_reload(self, *, successful: bool, at: datetime) -> None:
        """The configuration was loaded at `at`, or could not be, in which case the old one is in force."""
        success_at = at if successful or self.last_reload is None else self.last_reload.success_at
        self.last_reload = LastReload(successful, success_at)
        self.version += 1

    def read(self) -> Iterator[tuple[AccountReport, Mapping[str, TaskFacts]]]:
        """Every account with its tasks' facts, in the order of the configuration."""
        for account in self._accounts.values():
            yield _told_of(account), account.facts

    def there(self) -> dict[str, Container[str]]:
        """The ids of the tasks of each account that has answered well."""
        return {name: account.facts.keys() for name, account in self._accounts.items() if account.last_success_at}

    @property
    def internal_errors(self) -> Mapping[str, int]:
        return dict(self._internal_errors)

    def _succeeded(self, account: _Account, fetched_at: datetime) -> None:
        account.polls += 1
        account.up = account.good_in_round = True
        account.last_success_at = fetched_at
        self._count_tasks(account)

    def _count_tasks(self, account: _Account) -> None:
        if account.last_success_at is not None:
            account.tasks = sum(facts.task is not None for facts in account.facts.values())
        self.version += 1

    @staticmethod
    def _absent(account: _Account, seen: Mapping[str, TaskFacts], *, unreadable: int) -> dict[str, TaskFacts]:
        if unreadable:
            known = (facts for task_id, facts in account.facts.items() if task_id not in seen)
            return {facts.task_id: replace(facts, fetch_success=False) for facts in known}
        absent = (task_id for task_id in account.listed or () if task_id not in seen)
        return {task_id: TaskFacts(task_id, not_found=_GONE_AFTER) for task_id in absent}

    def _told(self, account: _Account, task: Task, fetched_at: datetime, seconds: float | None) -> TaskFacts:
        before = account.facts.get(task.id)
        if before is not None and _is_a_copy(before, task, fetched_at, seconds):
            return replace(before, fetch_success=True, not_found=0)
        if (before is None or before.task is None) and self._is_a_copy_of_the_saved(account.name, task, fetched_at):
            return TaskFacts(task.id, fetch_success=True)
        entry: Entry | None
        try:
            entry = self.book.record(account.name, task, fetched_at=fetched_at)
        except Exception as error:  # noqa: BLE001 - one task's bookkeeping must not cost the others their facts
            self.record_internal_error("ledger")
            _log.error("Internal error", where="ledger", task_id=task.id, error=error)
            entry = self.book.entry(account.name, task.id)
        return TaskFacts(
            task.id, fetch_success=True, task=task, fetched_at=fetched_at, fetched_seconds=seconds, entry=entry
        )

    def _is_a_copy_of_the_saved(self, name: str, task: Task, fetched_at: datetime) -> bool:
        """Whether, just after a restart, an answer is from before what the ledger knows of this task."""
        entry = self.book.entry(name, task.id)
        if entry is None or entry.counted_at is None:
            return False
        went_back = _went_back((entry.last_run_at, entry.runs), (task.last_run_at, task.runs))
        return went_back and fetched_at - entry.counted_at < _DOUBTED_FOR


def _older(seconds: float | None, known_seconds: float | None) -> bool:
    return seconds is not None and known_seconds is not None and seconds < known_seconds


def _is_a_copy(before: TaskFacts, task: Task, fetched_at: datetime, seconds: float | None) -> bool:
    """Whether an answer is from before what is known already, as a cache at the edge may give it.

    Its Age may say so; without one, a last run and a count that have both gone back do, unless they keep saying it.
    """
    if before.task is None or before.fetched_at is None:
        return False
    if _older(seconds, before.fetched_seconds):
        return True
    known, told = (before.task.last_run_at, before.task.runs), (task.last_run_at, task.runs)
    return _went_back(known, told) and fetched_at - before.fetched_at < _DOUBTED_FOR


def _went_back(known: tuple[datetime | None, int | None], told: tuple[datetime | None, int | None]) -> bool:
    """Whether last run and count have both gone back."""
    (known_at, known_runs), (told_at, told_runs) = known, told
    if known_at is None or told_at is None or known_runs is None or told_runs is None:
        return False
    return told_at < known_at and told_runs < known_runs


def _failed(facts: TaskFacts, reason: Reason, *, not_found: bool) -> TaskFacts:
    if not_found and facts.not_found + 1 >= _GONE_AFTER:
        return TaskFacts(facts.task_id, not_found=facts.not_found + 1)
    if not_found:
        return replace(facts, fetch_success=False, not_found=facts.not_found + 1)
    skewed = facts.skewed or reason is Reason.CLOCK_SKEW
    return replace(facts, fetch_success=False, skewed=skewed, not_found=0 if facts.task else facts.not_found)


def _told_of(account: _Account) -> AccountReport:
    counts = accumulate(account.durations)
    failure = account.newest_failure if account.newest_failure and not account.up else (None, "")
    return AccountReport(
        name=account.name,
        interval=account.interval,
        up=account.up,
        polled=account.polled,
        last_reason=failure[0],
        last_detail=failure[1],
        tasks=account.tasks,
        dropped=account.dropped,
        last_success_at=account.last_success_at,
        polls=account.polls,
        failures=dict(account.failures),
        requests=dict(account.requests),
        durations=Histogram(tuple(zip(_BOUNDS_SECONDS, counts, strict=True)), account.durations_sum_seconds),
        blocked_until_at=account.blocked_until_at,
        key_readable=account.key_readable,
        clock_skew=account.clock_skew,
    )
