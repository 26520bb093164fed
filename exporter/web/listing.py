"""The report as JSON: the same facts as the metrics and the page, for programs that are not Prometheus."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.model import AccountReport, Report, TaskReport


def render(report: Report) -> bytes:
    """UTF-8 JSON. Instants are RFC 3339 in UTC, spans seconds, ids text; null is what is not known."""
    document = {
        "at": _instant(report.at),
        "accounts": [_account(each) for each in report.accounts],
        "tasks": [_task(each) for each in report.tasks],
    }
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _account(account: AccountReport) -> dict[str, object]:
    return {
        "name": account.name,
        "interval_seconds": _seconds(account.interval),
        "up": account.up,
        "polled": account.polled,
        "last_failure_reason": account.last_reason,
        "last_successful_poll_at": _instant(account.last_success_at),
        "tasks": account.tasks,
        "tasks_dropped": account.dropped,
        "polls": account.polls,
        "poll_failures": {reason.value: count for reason, count in account.failures.items() if count},
        "blocked_until_at": _instant(account.blocked_until_at),
        "clock_skew_seconds": _seconds(account.clock_skew),
    }


def _task(known: TaskReport) -> dict[str, object]:
    """One task: who it is, the facts, the schedule, the expectation, the verdict, and how fresh it all is."""
    task, verdict = known.task, known.verdict
    return {
        "account": known.account,
        "task_id": known.task_id,
        "task_name": task.name if task else "",
        "api": task.api if task else None,
        "frequency": task.frequency if task else None,
        "enabled": task.enabled if task else None,
        "created_at": _instant(task.created_at) if task else None,
        "last_run_at": _instant(task.last_run_at) if task else None,
        "last_run_age_seconds": _seconds(known.last_run_age),
        "runs": task.runs if task else None,
        "unusable_fields": sorted(task.bad_fields) if task else [],
        "state": verdict.state,
        "missed_run": verdict.missed,
        "consecutive_missed_runs": verdict.consecutive,
        "problems": list(verdict.problems),
        "rule": verdict.rule,
        "schedule": _schedule(known),
        **_expectation(known),
        "last_run_lateness_seconds": _seconds(known.lateness),
        "observed_since_at": _instant(known.observed_since_at),
        "fetched_at": _instant(known.fetched_at),
        "fetch_success": known.fetch_success,
    }


def _schedule(known: TaskReport) -> dict[str, object]:
    return {
        "crontab": known.task.crontab if known.task else None,
        "timezone": known.task.timezone if known.task else None,
        "valid": known.schedule_valid,
        "error": known.schedule_error or None,
        "previous_fire_at": _instant(known.previous_fire_at),
        "next_fire_at": _instant(known.next_fire_at),
    }


def _expectation(known: TaskReport) -> dict[str, object]:
    due = known.expectation
    return {
        "grace_seconds": _seconds(due.grace) if due else None,
        "early_seconds": _seconds(due.early) if due else None,
        "expected_fire_at": _instant(due.fire.earliest_at) if due and due.fire else None,
        "deadline_at": _instant(due.deadline_at) if due else None,
    }
