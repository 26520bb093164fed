"""Those who watch the world. An eye is told what each poll tells the exporter, and is asked what it would show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from exporter.report import Reporter
from exporter.schedule import Schedules
from exporter.store import Book, Store
from exporter.store.rows import from_row, to_row

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from exporter.model import Policy, Reason, RunCounts, Task

STALE_AFTER = timedelta(minutes=15)


class Memory(StrEnum):
    """What a restart leaves of the ledger."""

    KEPT = "kept"
    CUT = "all but the last round"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of one task: the missed-run flag (None: unknown), fires missed in a row, the ledger's counters."""

    missed: bool | None
    consecutive: int | None = None
    counts: RunCounts | None = None


class Eye(Protocol):
    """`seconds` is `fetched_at` on a monotonic clock, `skew` the answer's Date minus the exporter's clock, if one came."""

    def polled(self, tasks: list[Task], *, fetched_at: datetime, seconds: float, skew: timedelta) -> None: ...
    def failed(self, reason: Reason, *, skew: timedelta | None) -> None: ...
    def shown(self, now: datetime) -> Mapping[str, Shown]: ...
    def restart(self, memory: Memory) -> None: ...


class House:
    """The exporter from store and ledger to report; the client's part is played."""

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self._policies = {"main": policies.__getitem__}
        self._schedules = Schedules()
        self._open({})

    def _open(self, saved) -> None:
        entries = dict(from_row(to_row(*item)) for item in saved.items())
        self._saved = self._saved_before = entries
        self._store = Store(Book(self._policies, schedules=self._schedules, entries=entries))
        self._store.add_account("main", interval=timedelta(minutes=1), listed=None)
        self._reporter = Reporter(self._store, self._policies)

    def polled(self, tasks: list[Task], *, fetched_at: datetime, seconds: float, skew: timedelta) -> None:
        self._store.record_request("main", code="200", seconds=0.1, skew=skew)
        self._store.record_list("main", tasks, fetched_at=fetched_at, seconds=seconds)
        self._saved_before, self._saved = self._saved, self._saved | self._store.book.take_unsaved()

    def failed(self, reason: Reason, *, skew: timedelta | None) -> None:
        self._store.record_request("main", code="none" if skew is None else "200", seconds=0.1, skew=skew)
        self._store.record_failure("main", reason)

    def shown(self, now: datetime) -> Mapping[str, Shown]:
        report = self._reporter.report(now)
        assert {} == report.internal_errors
        return {one.task_id: Shown(one.verdict.missed, one.verdict.consecutive, one.counts) for one in report.tasks}

    def restart(self, memory: Memory) -> None:
        self._open({Memory.KEPT: self._saved, Memory.CUT: self._saved_before, Memory.LOST: {}}[memory])
