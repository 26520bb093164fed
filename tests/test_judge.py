"""The rule at its edges: one second before, at and after. Fires are literals, never made by schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from builders import a_task, at
from exporter.judge import MOST_MISSED, Missed, count_missed, expect, judge, lateness
from exporter.model import Expectation, Policy, Problem, State, Window

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
STALE_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Fires:
    """A schedule made of literals."""

    windows: tuple[Window, ...]
    auto_grace: timedelta = 5 * MINUTE
    auto_early: timedelta = MINUTE

    def mandatory(self, start: datetime) -> Iterator[Window]:
        return (window for window in self.windows if window.earliest_at >= start)

    def skim(self, start: datetime, until: datetime) -> tuple[int, datetime]:
        return 0, start


def noons(first: str, count: int) -> Fires:
    days = (at(first) + timedelta(days=number) for number in range(count))
    return Fires(tuple(Window(day, day) for day in days))


FIRES = noons("2024-06-01 12:00Z", 30)
AUTO = Policy(STALE_AFTER)


def state_at(text: str, *, fetched: str | None = None, since: str | None = None, **task: object) -> State:
    facts = a_task(**task)
    expected = expect(facts, FIRES, AUTO, observed_since_at=at(since) if since else None)
    verdict = judge(facts, expected, fetched_at=at(fetched or text), now=at(text), stale_after=STALE_AFTER)
    return verdict.state


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ("2024-06-11 11:59:59Z", State.OK),
        ("2024-06-11 12:00:00Z", State.DUE),
        ("2024-06-11 12:04:59Z", State.DUE),
        ("2024-06-11 12:05:00Z", State.MISSED),
        ("2024-06-12 11:00:00Z", State.MISSED),
    ],
)
def test_a_task_that_ran_yesterday(now: str, state: State) -> None:
    """Ok until the next fire, due from it on, missed from its deadline on."""
    assert state is state_at(now)


@pytest.mark.parametrize(
    ("now", "fetched", "state"),
    [
        ("2024-06-11 12:05:00Z", "2024-06-11 12:04:59Z", State.DUE),
        ("2024-06-11 12:19:59Z", "2024-06-11 12:04:59Z", State.DUE),
        ("2024-06-11 12:20:00Z", "2024-06-11 12:04:59Z", State.UNKNOWN),
        ("2024-06-11 12:20:00Z", "2024-06-11 12:05:00Z", State.MISSED),
        ("2024-06-11 12:20:01Z", "2024-06-11 12:05:00Z", State.UNKNOWN),
        ("2024-06-11 12:05:00Z", "2024-06-11 13:00:00Z", State.MISSED),
        ("2024-06-11 12:04:59Z", "2024-06-11 13:00:00Z", State.DUE),
    ],
)
def test_a_miss_needs_evidence_from_after_the_deadline(now: str, fetched: str, state: State) -> None:
    """An outage cannot create a miss, holds a proven one until stale_after, and a clock set back proves nothing."""
    assert state is state_at(now, fetched=fetched)


@pytest.mark.parametrize(
    ("created", "now", "state"),
    [
        ("2024-06-11 11:58:59Z", "2024-06-11 12:05:00Z", State.MISSED),
        ("2024-06-11 11:59:00Z", "2024-06-11 12:05:00Z", State.MISSED),
        ("2024-06-11 11:59:01Z", "2024-06-11 12:05:00Z", State.NEVER_RAN),
        ("2024-06-11 11:59:01Z", "2024-06-12 12:05:00Z", State.MISSED),
    ],
)
def test_a_task_that_never_ran(created: str, now: str, state: State) -> None:
    """It owes nothing before the first fire a minute after its creation, and is missed like any other after it."""
    assert state is state_at(now, created_at=at(created), last_run_at=None, runs=0)


@pytest.mark.parametrize(
    ("since", "now", "state"),
    [
        (None, "2024-06-11 12:05:00Z", State.MISSED),
        ("2024-06-11 11:59:00Z", "2024-06-11 12:05:00Z", State.MISSED),
        ("2024-06-11 11:59:01Z", "2024-06-11 12:05:00Z", State.OK),
        ("2024-06-11 14:00:00Z", "2024-06-11 14:30:00Z", State.OK),
        ("2024-06-11 14:00:00Z", "2024-06-12 12:05:00Z", State.MISSED),
    ],
)
def test_an_edited_or_resumed_task(since: str | None, now: str, state: State) -> None:
    """Fires from before the edit was seen are never judged; the next one is."""
    assert state is state_at(now, since=since)


@pytest.mark.parametrize(
    ("last_run", "state"),
    [
        ("2024-06-11 11:58:59Z", State.MISSED),
        ("2024-06-11 11:59:00Z", State.OK),
        ("2024-06-11 12:00:00Z", State.OK),
        ("2024-06-11 14:59:59Z", State.OK),
    ],
)
def test_an_early_run_answers_its_fire(last_run: str, state: State) -> None:
    """A run up to `early` before the fire counts for it, and so does any run after it."""
    assert state is state_at("2024-06-11 15:00:00Z", last_run_at=at(last_run))


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"enabled": None}, Problem.BAD_FIELD),
        ({"crontab": None}, Problem.BAD_FIELD),
        ({"timezone": None}, Problem.BAD_FIELD),
        ({"last_run_at": None, "runs": 0, "bad_fields": frozenset({"last_run"})}, Problem.BAD_FIELD),
        ({"last_run_at": None, "runs": 0, "created_at": None}, Problem.BAD_FIELD),
        ({"last_run_at": None, "runs": None, "bad_fields": frozenset({"runs"})}, Problem.BAD_FIELD),
        ({"last_run_at": None, "runs": 0, "implausible": True}, Problem.IMPLAUSIBLE),
        ({"last_run_at": None, "runs": 1}, Problem.IMPLAUSIBLE),
        ({"last_run_at": at("2024-06-11 15:05:01Z")}, Problem.IMPLAUSIBLE),
        ({"last_run_at": at("2024-06-11 15:05:00Z")}, None),
        ({"created_at": None}, None),
        ({"runs": None, "bad_fields": frozenset({"runs", "name"})}, None),
        ({"last_run_at": at("2023-12-01 12:00Z"), "created_at": at("2024-06-11 14:00Z")}, None),
    ],
)
def test_facts_that_allow_no_verdict(facts: dict[str, object], problem: Problem | None) -> None:
    """Only what the verdict needs keeps it away, each with its reason."""
    task, now = a_task(**facts), at("2024-06-11 15:00:00Z")
    expected = expect(a_task(), FIRES, AUTO, observed_since_at=None)
    verdict = judge(task, expected, fetched_at=now, now=now, stale_after=STALE_AFTER)
    assert ((problem,) if problem else ()) == verdict.problems
    assert (problem is not None) == (verdict.state is State.UNKNOWN)


def test_a_future_run_is_measured_from_the_later_of_two_clocks() -> None:
    """A clock that was set back after the poll makes no plausible run implausible."""
    task = a_task(last_run_at=at("2024-06-11 14:59:00Z"))
    expected = expect(task, FIRES, AUTO, observed_since_at=None)
    verdict = judge(
        task, expected, fetched_at=at("2024-06-11 15:00Z"), now=at("2024-06-11 14:00Z"), stale_after=STALE_AFTER
    )
    assert State.OK is verdict.state


def test_disabled_and_invalid() -> None:
    """A disabled task is disabled whatever its schedule; an enabled one with no schedule is unknown."""
    now = at("2024-06-11 15:00:00Z")
    for enabled, state in ((False, State.DISABLED), (True, State.UNKNOWN)):
        verdict = judge(a_task(enabled=enabled), Problem.NEVER_FIRES, fetched_at=now, now=now, stale_after=STALE_AFTER)
        assert state is verdict.state


def test_nothing_to_come_is_ok() -> None:
    """A schedule whose mandatory fires have ended owes nothing."""
    assert State.OK is state_at("2024-07-20 12:00Z", last_run_at=at("2024-06-30 12:00:10Z"))


@pytest.mark.parametrize(
    ("until", "count"),
    [
        ("2024-06-11 12:04:59Z", 0),
        ("2024-06-11 12:05:00Z", 1),
        ("2024-06-12 12:04:59Z", 1),
        ("2024-06-12 12:05:00Z", 2),
        ("2024-07-30 00:00:00Z", 20),
    ],
)
def test_counting_misses(until: str, count: int) -> None:
    """Each fire counts from its own deadline on."""
    expected = expect(a_task(), FIRES, AUTO, observed_since_at=None)
    assert count == count_missed(FIRES, expected, until=at(until)).count


def test_counting_goes_on_where_it_stopped() -> None:
    """Counting day by day from the last answer gives what counting anew gives."""
    expected, since = expect(a_task(), FIRES, AUTO, observed_since_at=None), None
    for day in range(11, 31):
        until = at(f"2024-06-{day} 18:00Z")
        since = count_missed(FIRES, expected, until=until, since=since)
        assert count_missed(FIRES, expected, until=until).count == since.count == day - 10


def test_an_answer_for_later_evidence_is_not_gone_on_from() -> None:
    """Evidence that is older than that which showed the newest miss counts anew; what it shows as well stays."""
    expected = expect(a_task(), FIRES, AUTO, observed_since_at=None)
    known = count_missed(FIRES, expected, until=at("2024-06-15 18:00Z"))
    untils = {"2024-06-15 16:00Z": 5, "2024-06-15 12:05Z": 5, "2024-06-15 12:04:59Z": 4, "2024-06-10 18:00Z": 0}
    counts = {text: count_missed(FIRES, expected, until=at(text), since=known).count for text in untils}
    assert untils == counts


def test_the_count_is_capped() -> None:
    """A task dead for years costs no more than a thousand steps."""
    many = noons("2020-01-01 12:00Z", 1500)
    expected = Expectation(5 * MINUTE, MINUTE, at("2019-01-01 00:00Z"), many.windows[0], at("2020-01-01 12:05Z"))
    first = count_missed(many, expected, until=at("2030-01-01 00:00Z"))
    assert MOST_MISSED == first.count == count_missed(many, expected, until=at("2030-01-02 00:00Z"), since=first).count
    assert Missed(0, at("2030-01-01 00:00Z")) == count_missed(
        many, Expectation(MINUTE, MINUTE, at("2019-01-01 00:00Z")), until=at("2030-01-01 00:00Z")
    )


@pytest.mark.parametrize(
    ("last_run", "seconds"),
    [
        ("2024-06-10 12:00:14Z", 14),
        ("2024-06-10 11:59:00Z", -60),
        ("2024-06-10 11:58:59Z", None),
        ("2024-06-10 12:05:00Z", 300),
        ("2024-06-10 12:05:01Z", None),
    ],
)
def test_lateness(last_run: str, seconds: int | None) -> None:
    """Signed distance to the fire that the run answers; a run between two fires answers none."""
    task = a_task(last_run_at=at(last_run))
    late = lateness(task, FIRES, expect(task, FIRES, AUTO, observed_since_at=None))
    assert seconds == (None if late is None else late.total_seconds())


@pytest.mark.parametrize(("last_run", "seconds"), [("05:30:12", 12), ("06:30:09", 9), ("06:29:50", -10)])
def test_lateness_in_a_repeated_hour(last_run: str, seconds: int) -> None:
    """A fire that some do at the first and some at the second occurrence: the nearer one counts."""
    twice = Fires((Window(at("2024-11-03 05:30Z"), at("2024-11-03 06:30Z")),))
    task = a_task(last_run_at=at(f"2024-11-03 {last_run}Z"))
    late = lateness(task, twice, expect(task, twice, AUTO, observed_since_at=None))
    assert timedelta(seconds=seconds) == late


def test_a_long_grace_is_not_walked_through() -> None:
    """With a month of grace on an every-minute task, the run of this minute still answers this minute, at little cost."""
    asked: list[datetime] = []

    class Watched(Fires):
        def mandatory(self, start: datetime) -> Iterator[Window]:
            return (asked.append(window.earliest_at) or window for window in super().mandatory(start))

    minutes = (at("2024-05-10 12:00Z") + number * MINUTE for number in range(31 * 1440 + 10))
    watched = Watched(tuple(Window(instant, instant) for instant in minutes))
    task = a_task(last_run_at=at("2024-06-10 12:00:14Z"))
    expected = Expectation(timedelta(days=31), timedelta(seconds=6), at("2024-01-01 00:00Z"))
    assert timedelta(seconds=14) == lateness(task, watched, expected)
    assert len(asked) < 300


def test_lateness_of_another_epoch_is_not_known() -> None:
    """A run from before the schedule was edited answers no fire of the new one; nor does a run that never was."""
    task = a_task()
    edited = expect(task, FIRES, AUTO, observed_since_at=at("2024-06-10 13:00Z"))
    assert lateness(task, FIRES, edited) is None
    assert lateness(a_task(last_run_at=None), FIRES, edited) is None


def test_explicit_tolerances_win() -> None:
    """Grace and early of the policy stand before the schedule's own."""
    strict = Policy(STALE_AFTER, grace=SECOND, early=timedelta())
    expected = expect(a_task(last_run_at=at("2024-06-11 11:59:59Z")), FIRES, strict, observed_since_at=None)
    assert (at("2024-06-11 12:00:01Z"), SECOND) == (expected.deadline_at, expected.grace)
