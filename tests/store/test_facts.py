"""What an answer or a failure makes of facts, as plain values."""

from __future__ import annotations

from datetime import timedelta

import pytest

from builders import a_task, at
from exporter.model import Reason
from exporter.store.facts import AccountFacts, TaskFacts, after_failure, is_a_copy, is_older, went_back

MINUTE = timedelta(minutes=1)
NOON = at("2024-06-10 12:00Z")
KNOWN = TaskFacts("1001", fetch_success=True, task=a_task(), fetched_at=NOON, fetched_seconds=100.0)
BACK = {"last_run_at": at("2024-06-09 12:00:14Z"), "runs": 159}


@pytest.mark.parametrize(
    ("seconds", "known", "older"),
    [(99.9, 100.0, True), (100.0, 100.0, False), (100.1, 100.0, False), (None, 100.0, False), (99.9, None, False)],
)
def test_older_evidence(seconds: float | None, known: float | None, older: bool) -> None:
    """Only what is known to be from before is older."""
    assert older is is_older(seconds, known)


@pytest.mark.parametrize(
    ("run", "runs", "back"),
    [(-1, 4, True), (0, 4, False), (-1, 5, False), (1, 4, False), (None, 4, False), (-1, None, False)],
)
def test_what_has_gone_back(run: int | None, runs: int | None, back: bool) -> None:
    """Last run and count both have; what is unknown has not."""
    run_at = None if run is None else NOON + timedelta(seconds=run)
    assert back is went_back((NOON, 5), (run_at, runs))
    assert not went_back((run_at, runs), (None, None))


@pytest.mark.parametrize(
    ("changes", "later_seconds", "seconds", "copy"),
    [
        ({}, 60, 160.0, False),
        ({}, -1, 99.0, True),
        ({}, -1, None, False),
        (BACK, 60, 160.0, True),
        (BACK, 899, 999.0, True),
        (BACK, 900, 1000.0, False),
        (BACK, 900, 99.0, True),
    ],
)
def test_a_copy(changes: dict[str, object], later_seconds: int, seconds: float | None, copy: bool) -> None:
    """By its age always, by what it says for 15 minutes; where nothing is known all is news."""
    told = {"fetched_at": NOON + timedelta(seconds=later_seconds), "seconds": seconds}
    assert copy is is_a_copy(KNOWN, a_task(**changes), **told)
    assert not is_a_copy(TaskFacts("1001"), a_task(**changes), **told)


@pytest.mark.parametrize(
    ("before", "reason", "not_found", "after"),
    [
        (KNOWN, Reason.TIMEOUT, False, (a_task(), False, 0)),
        (KNOWN, Reason.CLOCK_SKEW, False, (a_task(), True, 0)),
        (KNOWN, Reason.HTTP_404, True, (a_task(), False, 1)),
        (TaskFacts("1001", task=a_task(), not_found=1), Reason.HTTP_404, True, (None, False, 2)),
        (TaskFacts("1001", task=a_task(), not_found=1), Reason.HTTP_404, False, (a_task(), False, 0)),
        (TaskFacts("1001", task=a_task(), skewed=True), Reason.TIMEOUT, False, (a_task(), True, 0)),
        (TaskFacts("1001", not_found=2), Reason.TIMEOUT, False, (None, False, 2)),
    ],
)
def test_a_failure(before: TaskFacts, reason: Reason, not_found: bool, after: tuple[object, bool, int]) -> None:
    """It withdraws a task only by a second 404 in a row; it never says that clocks agree again."""
    found = after_failure(before, reason, not_found=not_found)
    assert (*after, False) == (found.task, found.skewed, found.not_found, found.fetch_success)


def test_requests_are_tallied() -> None:
    """Codes are counted, durations land in their bucket, the newest skew stands until the next."""
    account = AccountFacts("main")
    for code, seconds, skew in (("200", 0.05, timedelta()), ("200", 0.3, MINUTE), ("none", 10.0, None)):
        account.observe(code=code, seconds=seconds, skew=skew)
    told = account.report()
    assert ({"200": 2, "none": 1}, MINUTE) == (told.requests, told.clock_skew)
    assert told.durations is not None
    assert [1, 1, 1, 2, 2, 2, 2, 3, 3, 3] == [count for _, count in told.durations.buckets]
    assert pytest.approx(10.35) == told.durations.sum_seconds


def test_why_an_account_is_down() -> None:
    """Its newest failure is told while it is down, and not once it is up."""
    account = AccountFacts("main", newest_failure=(Reason.DNS, "no such name"))
    assert (False, Reason.DNS, "no such name") == told_of(account)
    account.up = True
    assert (True, None, "") == told_of(account)


def told_of(account: AccountFacts) -> tuple[bool, Reason | None, str]:
    report = account.report()
    return report.up, report.last_reason, report.last_detail
