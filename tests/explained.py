"""Explanations of one task, as the polls told of it: through ledger, store and report, without a wire."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from builders import a_task, at
from exporter.config import PolicySources, Source
from exporter.explain import explain
from exporter.model import Policy, Reason
from exporter.report import Reporter
from exporter.schedule import Schedules
from exporter.store import Book, Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from exporter.explain import Explanation
    from exporter.model import Task

MINUTE = timedelta(minutes=1)
DEFAULT = PolicySources(Source.DEFAULT, Source.DEFAULT)


def hourly(**changes: object) -> Task:
    """An hourly task in Berlin whose last run was 14 s after 13:00 local, 11:00 UTC."""
    facts = {"crontab": "0 * * * *", "timezone": "Europe/Berlin", "last_run_at": at("2024-06-10 11:00:14Z")}
    return a_task(**facts | changes)


def an_explanation(
    *polls: tuple[Task, str],
    now: str,
    policy: Policy | None = None,
    sources: PolicySources = DEFAULT,
    failures: Sequence[Reason] = (),
    skew: timedelta | None = None,
    others: Sequence[Task] = (),
) -> Explanation:
    """Explains the first task after these good polls (task, when the request began) and then these failed ones."""
    policy, schedules = policy or Policy(stale_after=15 * MINUTE), Schedules()
    policies = {"main": lambda _task_id: policy}
    store = Store(Book(policies, schedules=schedules))
    store.add_account("main", interval=MINUTE, listed=None if polls else ("1001",))
    store.record_request("main", code="200", seconds=0.1, skew=skew)
    for task, began in polls:
        store.record_list("main", [task, *others], fetched_at=at(began))
    for reason in failures:
        store.record_failure("main", reason, task_id=None if polls else "1001")
    report = Reporter(store, policies).report(at(now))
    known = report.tasks[0]
    return explain(report, known, policy=policy, sources=sources, schedules=schedules)


def instants(times: Sequence[datetime | None]) -> list[str | None]:
    return [None if each is None else f"{each:%m-%d %H:%M}" for each in times]
