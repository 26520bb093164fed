"""The report as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from zoneinfo import ZoneInfo

from builders import a_task, at
from explained import an_explanation as an_explained_task
from explained import hourly
from exporter.model import LastReload, Problem, State, TaskReport, Verdict
from exporter.web.listing import render, render_explained
from web.reports import MINUTE, NOW, a_report, a_task_report, an_account


def test_a_known_task_is_told_whole() -> None:
    """Every fact, span and instant of a task and its account stands in the document, exact and in UTC."""
    report = a_report(a_task_report(State.MISSED, task_id="9223372036854775807", name="Checkout"))
    assert json.loads(render(report)) == {
        "at": "2025-11-24T09:30:15Z",
        "configuration": None,
        "accounts": [
            {
                "name": "main",
                "interval_seconds": 60.0,
                "up": True,
                "access_key_readable": True,
                "polled": True,
                "last_failure_reason": None,
                "last_failure_detail": None,
                "last_successful_poll_at": "2025-11-24T09:29:55Z",
                "tasks": 6,
                "tasks_dropped": 0,
                "tasks_missing_common_fire": 0,
                "common_fire_at": None,
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


def test_a_refused_configuration_and_an_unreadable_key_are_told() -> None:
    """When it was refused and since when that in force is; which account goes on with the key of before."""
    report = a_report(accounts=(an_account(key_readable=False),))
    refused = LastReload(NOW, successful=False, success_at=NOW - MINUTE)
    document = json.loads(render(replace(report, last_reload=refused)))
    assert {
        "last_reload_successful": False,
        "last_reload_at": "2025-11-24T09:30:15Z",
        "loaded_at": "2025-11-24T09:29:15Z",
    } == document["configuration"]
    assert [False] == [each["access_key_readable"] for each in document["accounts"]]


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


def test_an_explanation_is_told_whole() -> None:
    """What the verdict rests on, with local time beside UTC; account and task are as in the report."""
    known = an_explained_task((hourly(), "2024-06-10 13:30Z"), now="2024-06-10 13:31Z")
    document = json.loads(render_explained(known))
    report = json.loads(render(a_report(known.task, accounts=(known.account,))))
    assert (report["tasks"], report["accounts"]) == ([document.pop("task")], [document.pop("account")])
    assert {
        "at": "2024-06-10T13:31:00Z",
        "headline": "Shop front missed 2 runs in a row, the first that of Mon 10 Jun 14:00 CEST; "
        "its deadline passed 85 min ago.",
        "fire_earliest": {"utc": "2024-06-10T12:00:00Z", "local": "2024-06-10T14:00:00+02:00"},
        "fire_latest": {"utc": "2024-06-10T12:00:00Z", "local": "2024-06-10T14:00:00+02:00"},
        "deadline": {"utc": "2024-06-10T12:06:00Z", "local": "2024-06-10T14:06:00+02:00"},
        "answered_fire": {"utc": "2024-06-10T11:00:00Z", "local": "2024-06-10T13:00:00+02:00"},
        "previous_fire": {"utc": "2024-06-10T13:00:00Z", "local": "2024-06-10T15:00:00+02:00"},
        "next_fire": {"utc": "2024-06-10T14:00:00Z", "local": "2024-06-10T16:00:00+02:00"},
        "period_seconds": 3600.0,
        "grace": {"seconds": 360.0, "auto": True, "source": "default"},
        "early": {"seconds": 360.0, "auto": True, "source": "default"},
        "stale_after_seconds": 900.0,
        "stale_at": "2024-06-10T13:45:00Z",
        "missed_fires": ["2024-06-10T12:00:00Z", "2024-06-10T13:00:00Z"],
        "clock_changes": [],
        "next": [
            {"state": "ok", "at": None, "run_from_at": "2024-06-10T12:54:00Z"},
            {"state": "unknown", "at": "2024-06-10T13:45:00Z", "run_from_at": None},
        ],
        "judged_from_at": "2024-01-01T00:01:00Z",
        "ledger": {"since_at": "2024-06-10T13:30:00Z", "expected": 0, "observed": 0, "missed": 0, "extra": 0},
    } == document


def test_clock_changes_are_told_with_every_convention() -> None:
    """A wall time that is skipped or repeated is naive and local, the runs each convention makes of it are in UTC."""
    task = a_task(crontab="30 2 * * *", timezone="Europe/Berlin", last_run_at=at("2024-10-26 00:30:14Z"))
    known = an_explained_task((task, "2024-10-27 00:45Z"), now="2024-10-27 00:46Z")
    first, second = "2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z"
    assert [
        {
            "at": "2024-10-27T01:00:00Z",
            "skips": False,
            "first_local": "2024-10-27T02:00:00",
            "end_local": "2024-10-27T03:00:00",
            "affected": 1,
            "times": [
                {
                    "local": "2024-10-27T02:30:00",
                    "runs_at": {"first": [first], "second": [second], "both": [first, second]},
                }
            ],
        }
    ] == json.loads(render_explained(known))["clock_changes"]


def test_an_explanation_claims_nothing_of_a_task_never_fetched() -> None:
    """All that hangs on the facts is null or empty."""
    document = json.loads(render_explained(an_explained_task(now="2024-06-10 13:31Z")))
    empty = ("fire_earliest", "deadline", "next_fire", "period_seconds", "stale_at", "judged_from_at", "ledger")
    assert [None] * len(empty) == [document[name] for name in empty]
    assert ([], [], []) == (document["missed_fires"], document["clock_changes"], document["next"])
