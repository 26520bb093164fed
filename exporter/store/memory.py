"""What the polls have told: facts only. The poller writes, the report reads, nobody else does either."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import structlog

from exporter.model import LastReload, Reason
from exporter.store.book import Book
from exporter.store.facts import (
    DOUBTED_FOR,
    GONE_AFTER,
    AccountFacts,
    TaskFacts,
    after_a_copy,
    after_failure,
    is_a_copy,
    is_older,
    went_back,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from exporter.ledger import Entry
    from exporter.model import AccountReport, Policy, Task
    from exporter.store.book import Draft

_log = structlog.get_logger()


class Store:
    """The facts of every account, in memory. One event loop's thread only."""

    def __init__(self, book: Book | None = None) -> None:
        self.book = book or Book()
        self._accounts: dict[str, AccountFacts] = {}
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
        account = self._accounts.get(name) or AccountFacts(name)
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
        self._accounts[name].observe(code=code, seconds=seconds, skew=skew)
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
        drafts: Mapping[str, Draft] = MappingProxyType({}),
    ) -> None:
        """A good list poll: what it does not hold is gone; a listed id it does not hold is not found.

        While elements were unreadable, whatever is absent may be one of them and stays. `seconds` is `fetched_at` on
        the monotonic clock; a list older than the one that is known (a cache's copy) tells nothing but that the clocks
        agree. `drafts` come from `look_ahead` at the same list.
        """
        account = self._accounts[name]
        if is_older(seconds, account.list_seconds):
            known = (account.facts.get(task.id) for task in tasks)
            account.facts |= {facts.task_id: after_a_copy(facts) for facts in known if facts and facts.task}
        else:
            account.list_seconds = seconds
            seen = {
                task.id: self._told(account, task, fetched_at, seconds, draft=drafts.get(task.id)) for task in tasks
            }
            account.facts = seen | self._absent(account, seen, unreadable=unreadable)
            account.dropped = dropped
        self._succeeded(account, fetched_at)

    def look_ahead(self, name: str, tasks: Iterable[Task], *, fetched_at: datetime) -> Iterator[tuple[str, Draft]]:
        """What `record_list` and the next report would have to work out, a task at a time; nothing is recorded yet.

        Thousands of tasks that are all new take seconds: the event loop can do other things in between.
        """
        account = self._accounts[name]
        for task in tasks:
            before = account.facts.get(task.id)
            known = before.outlook if before else None
            with suppress(Exception):  # which recording meets again, and tells
                yield task.id, self.book.draft(name, task, fetched_at=fetched_at, known=known)

    def look_under(self, name: str, policy: Callable[[str], Policy]) -> Iterator[str]:
        """What the next report would have to work out under another policy, a task at a time (their ids)."""
        account = self._accounts.get(name)
        for facts in tuple(account.facts.values()) if account else ():
            if facts.outlook is not None and facts.fetched_at is not None:
                with suppress(Exception):  # which the report meets again, and tells
                    facts.outlook.tolerate(policy(facts.task_id), facts.fetched_at)
                yield facts.task_id

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
            account.facts[each] = after_failure(account.facts[each], reason, not_found=not_found)
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
        self.last_reload = LastReload(at, successful, success_at)
        self.version += 1

    def read(self) -> Iterator[tuple[AccountReport, Mapping[str, TaskFacts]]]:
        """Every account with its tasks' facts as they are now, in the order of the configuration."""
        for account in tuple(self._accounts.values()):
            yield account.report(), dict(account.facts)

    def there(self) -> dict[str, Container[str]]:
        """The ids of the tasks of each account that has answered well."""
        return {name: account.facts.keys() for name, account in self._accounts.items() if account.last_success_at}

    @property
    def internal_errors(self) -> Mapping[str, int]:
        return dict(self._internal_errors)

    def _succeeded(self, account: AccountFacts, fetched_at: datetime) -> None:
        account.polls += 1
        account.up = account.good_in_round = True
        account.last_success_at = fetched_at
        self._count_tasks(account)

    def _count_tasks(self, account: AccountFacts) -> None:
        if account.last_success_at is not None:
            account.tasks = sum(facts.task is not None for facts in account.facts.values())
        self.version += 1

    @staticmethod
    def _absent(account: AccountFacts, seen: Mapping[str, TaskFacts], *, unreadable: int) -> dict[str, TaskFacts]:
        if unreadable:
            known = (facts for task_id, facts in account.facts.items() if task_id not in seen)
            return {facts.task_id: replace(facts, fetch_success=False) for facts in known}
        absent = (task_id for task_id in account.listed or () if task_id not in seen)
        return {task_id: TaskFacts(task_id, not_found=GONE_AFTER) for task_id in absent}

    def _told(
        self,
        account: AccountFacts,
        task: Task,
        fetched_at: datetime,
        seconds: float | None,
        *,
        draft: Draft | None = None,
    ) -> TaskFacts:
        before = account.facts.get(task.id)
        if before is not None and is_a_copy(before, task, fetched_at=fetched_at, seconds=seconds):
            return after_a_copy(before)
        if (before is None or before.task is None) and self._is_a_copy_of_the_saved(account.name, task, fetched_at):
            return TaskFacts(task.id, fetch_success=True)
        known = before.outlook if before else None
        entry: Entry | None
        try:
            entry, outlook = self.book.record(account.name, task, fetched_at=fetched_at, known=known, draft=draft)
        except Exception as error:  # noqa: BLE001 - one task's bookkeeping must not cost the others their facts
            self.record_internal_error("ledger")
            _log.error("Internal error", where="ledger", task_id=task.id, error=error)
            entry = self.book.entry(account.name, task.id)
            outlook = self.book.outlook(task, entry, known)
        return TaskFacts(
            task.id,
            fetch_success=True,
            task=task,
            fetched_at=fetched_at,
            fetched_seconds=seconds,
            entry=entry,
            outlook=outlook,
        )

    def _is_a_copy_of_the_saved(self, name: str, task: Task, fetched_at: datetime) -> bool:
        """Whether, just after a restart, an answer is from before what the ledger knows of this task."""
        entry = self.book.entry(name, task.id)
        if entry is None or entry.counted_at is None:
            return False
        known, told = (entry.last_run_at, entry.runs), (task.last_run_at, task.runs)
        return went_back(known, told) and fetched_at - entry.counted_at < DOUBTED_FOR
