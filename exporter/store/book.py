"""The ledger of all tasks in memory: which entry is whose, and which must still be saved."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from exporter.ledger import Entry, count, follow, quiet_until
from exporter.model import Policy
from exporter.schedule import Schedules
from exporter.store.outlook import Outlook

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping
    from datetime import datetime

    from exporter.model import Task

Key = tuple[str, str]
"""Account and task id: a rename changes neither."""

_KEPT = timedelta(days=90)  # for tasks that are gone: one may come back from an account that was denied for long
_SEEN_AGAIN = timedelta(hours=1)  # how often an entry without news is dated anew
_MOST = 100_000  # entries; more tasks than this cannot all be remembered
_MOST_GONE = 10_000  # of an account, beside those that it has: else an API that invents ids would fill the memory
_DEFAULT = Policy(stale_after=timedelta(minutes=15))


class Draft(NamedTuple):
    """What a poll will make of an entry, which was `before`: the same where it tells nothing new."""

    before: Entry | None
    entry: Entry
    outlook: Outlook
    quiet_until_at: datetime | None = None


class Book:
    """Entries by account and task. `entries` are those that an earlier run saved."""

    def __init__(
        self,
        policies: Mapping[str, Callable[[str], Policy]] | None = None,
        *,
        schedules: Schedules | None = None,
        entries: Mapping[Key, Entry] | None = None,
    ) -> None:
        self._policies = {} if policies is None else policies  # one that is still empty may be filled later
        self._schedules = schedules or Schedules()
        self._entries = dict(entries or {})
        self._unsaved: set[Key] = set()
        self._quiet: dict[Key, tuple[Task, datetime | None]] = {}  # what was told, and until when it is no news
        self._quiet_at: dict[Key, datetime] = {}  # the newest poll that told nothing new

    def entry(self, account: str, task_id: str) -> Entry | None:
        return self._entries.get((account, task_id))

    def record(
        self,
        account: str,
        task: Task,
        *,
        fetched_at: datetime,
        known: Outlook | None = None,
        draft: Draft | None = None,
    ) -> tuple[Entry, Outlook]:
        """The task's entry after a good poll, and its outlook. `draft` is that of the same poll, where there is one."""
        key = (account, task.id)
        before = self._entries.get(key)
        if draft is None or draft.before is not before:
            draft = self.draft(account, task, fetched_at=fetched_at, known=known)
        if draft.entry is before:
            self._quiet_at[key] = fetched_at
        else:
            self._quiet_at.pop(key, None)
            self._entries[key] = draft.entry
            self._quiet[key] = (task, draft.quiet_until_at)
            self._unsaved.add(key)
        return draft.entry, draft.outlook

    def draft(self, account: str, task: Task, *, fetched_at: datetime, known: Outlook | None = None) -> Draft:
        """What `record` will do, which does nothing yet. Most polls tell nothing new: those cost a comparison.

        `known` is the outlook before this poll, which stays while it holds; a report finds it prepared.
        """
        policy = self._policies[account](task.id) if account in self._policies else _DEFAULT
        draft = self._draft((account, task.id), task, policy, fetched_at=fetched_at, known=known)
        with suppress(Exception):  # what is only shown costs no count; a report meets it again, and tells
            draft.outlook.prepare(policy, fetched_at)
        return draft

    def _draft(self, key: Key, task: Task, policy: Policy, *, fetched_at: datetime, known: Outlook | None) -> Draft:
        before = self._entries.get(key)
        if before is not None and self._is_quiet(key, task, fetched_at, before):
            return Draft(before, before, self.outlook(task, before, known))
        entry = follow(before, task, fetched_at=fetched_at)
        outlook = self.outlook(task, entry, known)
        plan = outlook.plan(policy)
        entry = count(entry, task, plan, fetched_at=fetched_at, quiet_at=self._quiet_at.get(key))
        return Draft(before, entry, outlook, quiet_until(entry, plan))

    def outlook(self, task: Task, entry: Entry | None, known: Outlook | None) -> Outlook:
        """The one that is known, while it is of these very facts."""
        since_at = entry.observed_since_at if entry else None
        if known is not None and known.task == task and known.observed_since_at == since_at:
            return known
        readable = task.crontab is not None and task.timezone is not None
        schedule = self._schedules.get(task.crontab or "", task.timezone or "") if readable else None
        return Outlook(task, schedule, observed_since_at=since_at)

    def forget_plans(self) -> None:
        """Another tolerance may be in force: the next poll of each task is looked at anew. No count is lost."""
        self._quiet.clear()

    def _is_quiet(self, key: Key, task: Task, fetched_at: datetime, before: Entry) -> bool:
        known, until_at = self._quiet.get(key, (None, None))
        if known != task or (until_at is not None and fetched_at >= until_at):
            return False
        return timedelta() <= fetched_at - before.seen_at < _SEEN_AGAIN

    def take_unsaved(self) -> dict[Key, Entry]:
        """The entries that have changed since they were last taken."""
        taken = {key: self._entries[key] for key in self._unsaved}
        self._unsaved.clear()
        return taken

    @property
    def entries(self) -> dict[Key, Entry]:
        """All of them, as they are now."""
        return dict(self._entries)

    def expire(self, now: datetime, *, there: Mapping[str, Container[str]] | None = None) -> list[Key]:
        """Forget entries of tasks not seen for 90 days, and of several too many the longest unseen; say which.

        `there` are the ids that an account has, of accounts whose tasks are known.
        """
        expires_at, known, gone = now - _KEPT, there or {}, set[Key]()
        absent: defaultdict[str, list[Key]] = defaultdict(list)
        for key, entry in self._entries.items():
            if entry.seen_at < expires_at:
                gone.add(key)
            elif key[0] in known and key[1] not in known[key[0]]:
                absent[key[0]].append(key)
        for keys in absent.values():
            gone |= self._longest_unseen(keys, _MOST_GONE)
        if len(self._entries) - len(gone) > _MOST:
            gone |= self._longest_unseen(self._entries.keys() - gone, _MOST)
        for key in gone:
            del self._entries[key]
            self._unsaved.discard(key)
            self._quiet.pop(key, None)
            self._quiet_at.pop(key, None)
        return sorted(gone)

    def _longest_unseen(self, keys: Iterable[Key], most: int) -> set[Key]:
        """Those that are more than the most, by when they were last seen."""
        all_of_them = list(keys)
        more = len(all_of_them) - most
        return set(sorted(all_of_them, key=lambda key: self._entries[key].seen_at)[:more]) if more > 0 else set()
