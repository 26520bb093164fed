"""A fleet in every state, and the registry that shows it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from builders import a_task, at
from exporter.metrics import ReportCollector, build_registry
from exporter.model import Policy, Reason
from exporter.report import Reporter
from exporter.store import Store

if TYPE_CHECKING:
    from exporter.metrics import Registry

NOON = at("2024-06-10 12:00Z")
NOW = NOON + timedelta(minutes=7, seconds=30)
MINUTE = timedelta(minutes=1)
IMPORTED = {"last_run_at": None, "runs": 0}

FLEET = (
    a_task(id="1001", name="Ran on time", last_run_at=NOON + timedelta(seconds=14)),
    a_task(id="1002", name="Is due", crontab="5 12 * * *", last_run_at=at("2024-06-09 12:05:09Z")),
    a_task(id="1003", name='Missed \\ "twice"', last_run_at=at("2024-06-08 12:00:11Z")),
    a_task(id="1004", name="Never ran", created_at=at("2024-06-10 12:03Z"), **IMPORTED),
    a_task(id="1005", name="Disabled", enabled=False),
    a_task(id="1006", name="Bad crontab", crontab="99 * * * *"),
    a_task(id="1007", name="Bad zone", timezone="Mars/Olympus"),
    a_task(id="1008", name="30 February", crontab="0 0 30 2 *", api="pdf"),
    a_task(id="1009", name="Garbled", enabled=None, runs=None, bad_fields=frozenset({"enabled", "runs"})),
    a_task(id="9223372036854775808", name="Milliseconds", last_run_at=None, implausible=True),
)


def a_fleet() -> Store:
    """One account in every state, one of listed ids half of which are gone, one that was never reached."""
    store = Store()
    store.add_account("main", interval=MINUTE, listed=None)
    store.add_account("listed", interval=5 * MINUTE, listed=("1", "2", "3"))
    store.add_account("silent", interval=MINUTE, listed=None)
    store.record_request("main", code="200", seconds=0.2, skew=timedelta(seconds=-1))
    store.record_list("main", FLEET, dropped=2, fetched_at=NOON + 7 * MINUTE)
    store.record_task("listed", a_task(id="1", name="Stale"), fetched_at=at("2024-06-10 11:00Z"))
    store.record_failure("listed", Reason.TIMEOUT, task_id="1")
    for _ in range(2):
        store.record_failure("listed", Reason.HTTP_404, task_id="2")
    store.record_request("silent", code="429", seconds=10.5, skew=None)
    store.record_failure("silent", Reason.HTTP_429)
    store.record_block("silent", NOON + 30 * MINUTE)
    store.record_internal_error("page")
    return store


def a_registry(store: Store) -> Registry:
    policies = dict.fromkeys(("main", "listed", "silent"), lambda task_id: Policy(15 * MINUTE, grace=5 * MINUTE))
    reporter = Reporter(store, policies)
    collector = ReportCollector(
        lambda: reporter.report(NOW),
        polled=lambda: "every 1m to 5m",
        version="1.2.3",
        revision="abc",
        on_error=store.record_internal_error,
    )
    return build_registry(collector)
