"""The report as JSON."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

from exporter.model import Problem, State, TaskReport, Verdict
from exporter.web.listing import render
from web.reports import NOW, a_report, a_task_report, an_account


def test_a_known_task_is_told_whole() -> None:
    """Every fact, span and instant of a task and its account stands in the document, exact and in UTC."""
    report = a_report(a_task_report(State.MISSED, task_id="9223372036854775807", name="Checkout"))
    assert json.loads(render(report)) == {
        "at": "2025-11-24T09:30:15Z",
        "accounts": [
            {
                "name": "main",
                "interval_seconds": 60.0,
                "up": True,
                "polled": True,
                "last_failure_reason": None,
                "last_successful_poll_at": "2025-11-24T09:29:55Z",
                "tasks": 6,
                "tasks_dropped": 0,
                "polls": 40,
                "poll_failures": {"timeout": 2},
                "blocked_until_at": None,
                "clock_skew_seconds": 0.4,
            }
        ],
        "tasks": [
            {
                "account": "main",
                "task_id": "9223372036854775807",
                "task_name": "Checkout",
                "api": "screenshot",
                "frequency": "hourly",
                "enabled": True,
                "created_at": "2025-08-26T09:30:15Z",
                "last_run_at": "2025-11-24T09:20:15Z",
                "last_run_age_seconds": 600.0,
                "runs": 1234,
                "unusable_fields": [],
                "state": "missed",
                "missed_run": True,
                "consecutive_missed_runs": 3,
                "problems": [],
                "rule": "evidence from after the deadline shows no run for the fire",
                "schedule": {
                    "crontab": "0 * * * *",
                    "timezone": "Europe/Paris",
                    "valid": True,
                    "error": None,
                    "previous_fire_at": "2025-11-24T09:00:00Z",
                    "next_fire_at": "2025-11-24T10:00:00Z",
                },
                "grace_seconds": 360.0,
                "early_seconds": 360.0,
                "expected_fire_at": "2025-11-24T09:00:00Z",
                "deadline_at": "2025-11-24T09:06:00Z",
                "last_run_lateness_seconds": 12.0,
                "observed_since_at": None,
                "fetched_at": "2025-11-24T09:29:15Z",
                "fetch_success": True,
            }
        ],
    }


def test_an_unfetched_task_is_unknown_not_false() -> None:
    """Of a task never fetched nothing is claimed: no flag, no fact, the problem by name."""
    verdict = Verdict(State.UNKNOWN, "no poll has told of this task yet", (Problem.NO_DATA,))
    task = json.loads(render(a_report(TaskReport("main", "42", verdict, None))))["tasks"][0]
    assert (
        task["task_id"],
        task["task_name"],
        task["missed_run"],
        task["fetch_success"],
        task["problems"],
        task["state"],
    ) == ("42", "", None, None, ["no_data"], "unknown")
    assert {None} == {task[key] for key in ("enabled", "runs", "last_run_at", "deadline_at", "grace_seconds")}


def test_strange_names_stay_text() -> None:
    """A name that no UTF-8 can hold costs its one character, not the document; the rest is exact."""
    names = ["\ud800", '"\n</script>', "Zoë 日本"]
    document = json.loads(render(a_report(*(a_task_report(name=name) for name in names))).decode())
    assert [task["task_name"] for task in document["tasks"]] == ["?", '"\n</script>', "Zoë 日本"]


def test_instants_of_other_zones_come_out_in_utc() -> None:
    """An instant given in another zone is the same instant in UTC."""
    local = NOW.astimezone(ZoneInfo("Asia/Tokyo"))
    account = an_account(blocked_until_at=local)
    assert (
        json.loads(render(a_report(accounts=(account,))))["accounts"][0]["blocked_until_at"] == "2025-11-24T09:30:15Z"
    )
