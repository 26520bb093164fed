"""The report as JSON: the same facts as the metrics and the page, for programs that are not Prometheus."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from exporter.web.story import tell

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from exporter.explain import Explanation, Lenience, NearChange, Turn
    from exporter.model import AccountReport, LastReload, Report, TaskReport


def render(report: Report) -> bytes:
    """UTF-8 JSON. Instants are RFC 3339 in UTC, spans seconds, ids text; null is what is not known."""
    document = {
        "at": _instant(report.at),
        "configuration": _configuration(report.last_reload),
        "accounts": [_account(each) for each in report.accounts],
        "tasks": [_task(each) for each in report.tasks],
    }
    return _encoded(document)


def _encoded(document: object) -> bytes:
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _configuration(last: LastReload | None) -> dict[str, object] | None:
    """How the newest attempt to load it went; one that failed has left the one of `loaded_at` in force."""
    if last is None:
        return None
    return {
        "last_reload_successful": last.successful,
        "last_reload_at": _instant(last.tried_at),
        "loaded_at": _instant(last.success_at),
    }


def _account(account: AccountReport) -> dict[str, object]:
    return {
        "name": account.name,
        "interval_seconds": _seconds(account.interval),
        "up": account.up,
        "access_key_readable": account.key_readable,
        "polled": account.polled,
        "last_failure_reason": account.last_reason,
        "last_failure_detail": account.last_detail or None,
        "last_successful_poll_at": _instant(account.last_success_at),
        "tasks": account.tasks,
        "tasks_dropped": account.dropped,
        "tasks_missing_common_fire": account.missing_common_fire,
        "common_fire_at": _instant(account.common_fire_at),
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


def render_explained(known: Explanation) -> bytes:
    """UTF-8 JSON of one explanation."""
    return _encoded(explained(known))


def explained(known: Explanation) -> dict[str, object]:
    """One explanation: the account and the task as in the report, and what the verdict rests on."""
    return {
        "at": _instant(known.at),
        "headline": tell(known).headline,
        "account": _account(known.account),
        "task": _task(known.task),
        **_local_times(known),
        "period_seconds": _seconds(known.period),
        "grace": _lenience(known.grace),
        "early": _lenience(known.early),
        "stale_after_seconds": _seconds(known.stale_after),
        "stale_at": _instant(known.stale_at),
        "missed_fires": [_instant(at) for at in known.missed_fires_at],
        "clock_changes": [_change(each) for each in known.changes],
        "next": [_turn(each) for each in known.turns],
        "judged_from_at": _instant(known.task.expectation.base_at) if known.task.expectation else None,
        "ledger": _ledger(known.task),
    }


def _local_times(known: Explanation) -> dict[str, object]:
    """The instants of the fire judged, in UTC and in the task's own time."""
    fire, task = known.task.verdict.fire, known.task
    instants = {
        "fire_earliest": fire.earliest_at if fire else None,
        "fire_latest": fire.latest_at if fire else None,
        "deadline": task.verdict.deadline_at,
        "answered_fire": known.answered_at,
        "previous_fire": task.previous_fire_at,
        "next_fire": task.next_fire_at,
    }
    return {name: None if at is None else _both(at, known.zone) for name, at in instants.items()}


def _both(at: datetime, zone: ZoneInfo | None) -> dict[str, object]:
    return {"utc": _instant(at), "local": None if zone is None else at.astimezone(zone).isoformat()}


def _lenience(given: Lenience) -> dict[str, object]:
    return {"seconds": _seconds(given.span), "auto": given.auto, "source": given.source}


def _change(change: NearChange) -> dict[str, object]:
    return {
        "at": _instant(change.changed_at),
        "skips": change.skips,
        "first_local": change.first.isoformat(),
        "end_local": change.end.isoformat(),
        "affected": change.affected,
        "times": [
            {
                "local": time.wall.isoformat(),
                "runs_at": {each.convention.value: [_instant(at) for at in each.runs_at] for each in time.answers},
            }
            for time in change.times
        ],
    }


def _turn(turn: Turn) -> dict[str, object]:
    return {"state": turn.state, "at": _instant(turn.at), "run_from_at": _instant(turn.run_from_at)}


def _ledger(known: TaskReport) -> dict[str, object] | None:
    if known.counts is None:
        return None
    return {"since_at": _instant(known.counted_since_at), **asdict(known.counts)}
