"""The 678 cases of the verdict rule, computed by an oracle that uses no cron library, against schedule and judge."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import a_task
from exporter.judge import count_missed, expect, judge
from exporter.model import Policy, State
from exporter.schedule import Schedule, ScheduleError, Schedules

CASES = json.loads((Path(__file__).parent / "data" / "vectors.json").read_text())
SCHEDULES = Schedules()


def instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """What schedule and judge say, in the words of the case's `expected`."""
    schedule = SCHEDULES.get(case["crontab"], case["timezone"])
    task = a_task(
        crontab=case["crontab"],
        timezone=case["timezone"],
        enabled=case["enabled"],
        created_at=instant(case["created"]),
        last_run_at=instant(case["last_run"]),
        runs=0 if case["last_run"] is None else 9,
    )
    now, fetched_at = instant(case["now"]), instant(case["fetched_at"])
    stale_after = timedelta(seconds=case["stale_after_seconds"])
    policy = Policy(stale_after, grace=timedelta(seconds=case["grace_seconds"]))
    if isinstance(schedule, ScheduleError):
        expected = schedule.problem
    else:
        expected = expect(task, schedule, policy, observed_since_at=instant(case["first_observed"]))
    verdict = judge(task, expected, fetched_at=fetched_at, now=now, stale_after=stale_after)
    missed = verdict.state is State.MISSED
    return {
        "prev_fire": seconds(schedule.previous_fire(now)) if isinstance(schedule, Schedule) else None,
        "next_fire": seconds(schedule.next_fire(now)) if isinstance(schedule, Schedule) else None,
        "verdict": verdict.state.value,
        "deadline": seconds(verdict.deadline_at),
        "missed_runs": count_missed(schedule, expected, until=min(now, fetched_at)).count if missed else 0,
    }


def test_all_vectors_are_here() -> None:
    """A vector file that lost cases would make the next test pass for nothing."""
    assert 678 == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']}-{case['class']}")
def test_vector(case: dict[str, Any]) -> None:
    """Every answer is one that a sound convention allows, and exact where the case is not tolerant."""
    expected, given = case["expected"], answer(case)
    assert given["prev_fire"] in expected["accept_prev"]
    assert given["next_fire"] in expected["accept_next"]
    assert given["verdict"] in expected["accept_verdicts"]
    if not case["tolerant"]:
        assert (expected["deadline"], expected["missed_runs"]) == (given["deadline"], given["missed_runs"])


def test_no_false_alarm_and_no_lost_one_over_all_vectors() -> None:
    """The goal of the rule: not one missed verdict too many, not one too few."""
    given = [(answer(case)["verdict"] == "missed", case["expected"]["accept_verdicts"]) for case in CASES]
    assert 0 == sum(missed and "missed" not in accepted for missed, accepted in given)
    assert 0 == sum(not missed and ["missed"] == accepted for missed, accepted in given)
