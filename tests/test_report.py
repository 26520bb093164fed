"""From facts and one now to everything that is shown; the schedule is asked when something has changed."""

from __future__ import annotations

import gc
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from builders import a_task, at
from exporter.model import Policy, Problem, Reason, State
from exporter.report import Reporter
from exporter.store import Outlook, Store

if TYPE_CHECKING:
    from exporter.model import TaskReport

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
POLICY = Policy(stale_after=15 * MINUTE, grace=5 * MINUTE)
NOON = at("2024-06-10 12:00Z")


def a_store(*tasks, fetched_at=NOON + MINUTE) -> Store:
    store = Store()
    store.add_account("main", interval=MINUTE, listed=None)
    store.record_list("main", tasks or [a_task()], dropped=0, fetched_at=fetched_at)
    return store


def a_reporter(store: Store) -> Reporter:
    return Reporter(store, {"main": lambda task_id: POLICY})


def only(store: Store, now) -> TaskReport:
    (task,) = a_reporter(store).report(now).tasks
    return task


def test_a_task_that_is_well() -> None:
    """Verdict, fires, age and lateness of one healthy task."""
    task = only(a_store(), NOON + 2 * MINUTE)
    assert (State.OK, NOON, NOON + DAY) == (task.verdict.state, task.previous_fire_at, task.next_fire_at)
    assert (timedelta(seconds=106), timedelta(seconds=14)) == (task.last_run_age, task.lateness)
    assert (True, "", 0) == (task.schedule_valid, task.schedule_error, task.verdict.consecutive)


@pytest.mark.parametrize(
    ("passed", "state", "problems", "has_age"),
    [
        (15 * MINUTE, State.OK, (), True),
        (15 * MINUTE + timedelta(seconds=1), State.UNKNOWN, (Problem.STALE,), False),
        (40 * DAY, State.UNKNOWN, (Problem.STALE,), False),
    ],
)
def test_stale_evidence(passed: timedelta, state: State, problems: tuple[Problem, ...], has_age: bool) -> None:
    """After stale_after verdict and age are withdrawn; the facts stay, dated by the fetch."""
    task = only(a_store(), NOON + MINUTE + passed)
    assert (state, problems, has_age) == (task.verdict.state, task.verdict.problems, task.last_run_age is not None)
    assert (a_task(), NOON + MINUTE) == (task.task, task.fetched_at)


@pytest.mark.parametrize(
    ("changes", "state", "problems", "valid", "error"),
    [
        ({"crontab": "61 * * * *"}, State.UNKNOWN, ["invalid_schedule"], False, "minute: found '61', expected 0 to 59"),
        ({"timezone": "Mars/X"}, State.UNKNOWN, ["invalid_timezone"], False, "timezone: found 'Mars/X', expected an IANA name"),
        ({"crontab": "0 0 30 2 *"}, State.UNKNOWN, ["never_fires"], False, "no date of the calendar satisfies the crontab"),
        ({"crontab": None}, State.UNKNOWN, ["bad_field"], False, ""),
        ({"enabled": False}, State.DISABLED, [], True, ""),
        ({"enabled": False, "crontab": "x"}, State.DISABLED, [], False, "crontab has 1 fields, expected minute, hour, day of month, month, day of week"),
    ],
)  # fmt: skip
def test_schedules(changes: dict[str, object], state: State, problems: list[str], valid: bool, error: str) -> None:
    """What cannot be judged is one task's own trouble, said in one sentence; a disabled task shows no fires."""
    task = only(a_store(a_task(**changes)), NOON + 2 * MINUTE)
    assert (state, problems, valid, error) == (
        task.verdict.state,
        list(task.verdict.problems),
        task.schedule_valid,
        task.schedule_error,
    )
    assert task.previous_fire_at is None
    assert task.next_fire_at is None


def test_a_miss_and_its_count() -> None:
    """Two days without a run are two misses, counted on as newer evidence comes."""
    store = a_store(fetched_at=NOON + 2 * DAY + 6 * MINUTE)
    reporter = a_reporter(store)
    first = reporter.report(NOON + 2 * DAY + 6 * MINUTE).tasks[0].verdict
    assert (State.MISSED, 2, NOON + DAY + 5 * MINUTE) == (first.state, first.consecutive, first.deadline_at)
    store.record_list("main", [a_task()], dropped=0, fetched_at=NOON + 3 * DAY + 6 * MINUTE)
    assert 3 == reporter.report(NOON + 3 * DAY + 6 * MINUTE).tasks[0].verdict.consecutive
    assert 2 == reporter.report(NOON + 2 * DAY + 6 * MINUTE).tasks[0].verdict.consecutive


def test_clocks_that_disagree() -> None:
    """From an answer whose Date disagrees until the next good one no verdict is given, not even a proven one."""
    store = a_store(fetched_at=NOON + DAY + 6 * MINUTE)
    states = []
    for record in (
        lambda: None,
        lambda: store.record_failure("main", Reason.CLOCK_SKEW),
        lambda: store.record_failure("main", Reason.TIMEOUT),
        lambda: store.record_list("main", [a_task()], fetched_at=NOON + DAY + 7 * MINUTE),
    ):
        record()
        verdict = only(store, NOON + DAY + 7 * MINUTE).verdict
        states.append((verdict.state, Problem.CLOCK_SKEW in verdict.problems))
    assert [(State.MISSED, False), (State.UNKNOWN, True), (State.UNKNOWN, True), (State.MISSED, False)] == states


def test_an_error_page_with_an_odd_date_takes_no_verdict() -> None:
    """Only what could have been evidence speaks of the clocks; the metric tells of every answer."""
    store = a_store(fetched_at=NOON + DAY + 6 * MINUTE)
    store.record_request("main", code="502", seconds=0.1, skew=timedelta(hours=1))
    store.record_failure("main", Reason.HTTP_5XX)
    assert State.MISSED is only(store, NOON + DAY + 6 * MINUTE).verdict.state


@pytest.mark.parametrize(("step", "state"), [(0, State.MISSED), (-1, State.DUE), (1, State.UNKNOWN)])
def test_a_clock_that_was_turned_ages_no_evidence(step: int, state: State) -> None:
    """Evidence from the deadline on proves the miss; the same seconds later, on a clock turned by an hour, it does not."""
    store = Store()
    store.add_account("main", interval=MINUTE, listed=None)
    turned = step * timedelta(hours=1)
    store.record_list("main", [a_task()], fetched_at=NOON + DAY + 5 * MINUTE - min(turned, timedelta()), seconds=1000.0)
    report = a_reporter(store).report(
        NOON + DAY + 6 * MINUTE + max(turned, timedelta()) - timedelta(minutes=2) * (step < 0), seconds=1060.0
    )
    assert state is report.tasks[0].verdict.state


def test_a_disabled_task_is_not_doubted() -> None:
    """Disabled is no verdict of time: a skewed clock does not touch it."""
    store = a_store(a_task(enabled=False))
    store.record_failure("main", Reason.CLOCK_SKEW)
    assert State.DISABLED is only(store, NOON + 2 * MINUTE).verdict.state


def test_several_problems_at_once() -> None:
    """Each problem that keeps the verdict away is named."""
    store = a_store(a_task(crontab="x"))
    store.record_failure("main", Reason.CLOCK_SKEW)
    assert ["invalid_schedule", "stale", "clock_skew"] == list(only(store, NOON + DAY).verdict.problems)


def test_an_id_without_data() -> None:
    """Never fetched is no_data; answered 404 is not_found."""
    store = Store()
    store.add_account("main", interval=MINUTE, listed=("7",))
    assert ((Problem.NO_DATA,), False) == (only(store, NOON).verdict.problems, only(store, NOON).fetch_success)
    store.record_failure("main", Reason.HTTP_404, task_id="7")
    assert ((Problem.NOT_FOUND,), False) == (only(store, NOON).verdict.problems, only(store, NOON).fetch_success)


def test_age_is_never_negative() -> None:
    """A last run slightly in the future is aged zero."""
    assert timedelta() == only(a_store(a_task(last_run_at=NOON + 3 * MINUTE)), NOON + 2 * MINUTE).last_run_age


def test_fires_move_when_they_pass() -> None:
    """Between polls, previous and next fire follow the clock, forwards and backwards."""
    reporter = a_reporter(a_store())
    days = [reporter.report(NOON + number * DAY).tasks[0].next_fire_at for number in (0, 1, 5, 2)]
    assert [NOON + number * DAY for number in (1, 2, 6, 3)] == days


def test_one_second_without_news_is_one_report() -> None:
    """The same object serves all readers of a second, until a poll has told something."""
    store = a_store()
    reporter = a_reporter(store)
    first = reporter.report(NOON + timedelta(seconds=61.1))
    assert first is reporter.report(NOON + timedelta(seconds=61.9))
    assert first is not reporter.report(NOON + timedelta(seconds=62))
    second = reporter.report(NOON + timedelta(seconds=62.1))
    store.record_round("main")
    assert second is not reporter.report(NOON + timedelta(seconds=62.2))


def test_a_block_is_shown_while_it_lasts() -> None:
    """A Retry-After that has passed is no longer told."""
    store = a_store()
    store.record_block("main", NOON + 5 * MINUTE)
    reporter = a_reporter(store)
    until = [reporter.report(NOON + number * MINUTE).accounts[0].blocked_until_at for number in (4, 5)]
    assert [NOON + 5 * MINUTE, None] == until


def test_a_bug_in_one_task_leaves_the_others() -> None:
    """Whatever goes wrong in judging one task is counted and shown as unknown; the rest is judged."""
    store = a_store(a_task(id="1"), a_task(id="2"))

    def policy(task_id: str) -> Policy:
        if task_id == "1":
            raise ZeroDivisionError
        return POLICY

    reporter = Reporter(store, {"main": policy})
    report = reporter.report(NOON + 2 * MINUTE)
    assert [State.UNKNOWN, State.OK] == [task.verdict.state for task in report.tasks]
    assert {"report": 1} == report.internal_errors
    assert report is reporter.report(NOON + 2 * MINUTE)  # nor does it cost all who ask a report of their own
    assert {"report": 1} == store.internal_errors


def test_removed_tasks_leave_nothing_behind() -> None:
    """A hundred thousand tasks that come and go cost no memory: what was worked out for one goes with its facts."""
    store = a_store()
    reporter = a_reporter(store)
    for number in range(50):
        store.record_list("main", [a_task(id=str(number), name="fleeting")], dropped=0, fetched_at=NOON)
        reporter.report(NOON + timedelta(seconds=number))
    outlooks = [each for each in gc.get_objects() if isinstance(each, Outlook) and each.task.name == "fleeting"]
    assert ["49"] == [each.task.id for each in outlooks]


def test_a_common_fire_is_told_once() -> None:
    """Of tasks that miss, those that share a fire are counted together: the fire that most of them share, the latest."""
    tasks = [
        a_task(id="1"),
        a_task(id="2"),
        a_task(id="3", crontab="0 */6 * * *", last_run_at=at("2024-06-11 00:00:10Z")),
        a_task(id="4", crontab="30 12 * * *", last_run_at=at("2024-06-09 12:30:10Z")),
        a_task(id="5", last_run_at=at("2024-06-11 12:00:10Z")),
    ]
    report = a_reporter(a_store(*tasks, fetched_at=NOON + DAY + 40 * MINUTE)).report(NOON + DAY + 40 * MINUTE)
    assert [True, True, True, True, False] == [task.verdict.missed for task in report.tasks]
    (account,) = report.accounts
    assert (NOON + DAY, 3) == (account.common_fire_at, account.missing_common_fire)


def test_tasks_that_share_no_fire_have_no_common_cause() -> None:
    """One task that misses, or several that miss at times of their own, are no common fire."""
    tasks = [a_task(id="1"), a_task(id="2", crontab="1 12 * * *", last_run_at=at("2024-06-10 12:01:10Z"))]
    (account,) = (
        a_reporter(a_store(*tasks, fetched_at=NOON + DAY + 40 * MINUTE)).report(NOON + DAY + 40 * MINUTE).accounts
    )
    assert (None, 0) == (account.common_fire_at, account.missing_common_fire)


def test_a_common_fire_is_known_however_long_ago() -> None:
    """Every-minute tasks have missed many fires since: the one they share with the hourly ones still counts them all."""
    minutely = [a_task(id=str(n), crontab="* * * * *", last_run_at=at("2024-06-10 11:59:20Z")) for n in (1, 2, 3)]
    hourly = [a_task(id=str(n), crontab="0 * * * *", last_run_at=at("2024-06-10 11:00:20Z")) for n in (4, 5, 6, 7)]
    now = NOON + 50 * MINUTE
    (account,) = a_reporter(a_store(*minutely, *hourly, fetched_at=now)).report(now).accounts
    assert (NOON, 7) == (account.common_fire_at, account.missing_common_fire)


def test_an_implausible_run_has_no_lateness() -> None:
    """What is not believed answers no fire."""
    task = only(a_store(a_task(last_run_at=NOON + DAY + timedelta(seconds=5))), NOON + 2 * MINUTE)
    assert ((Problem.IMPLAUSIBLE,), None) == (task.verdict.problems, task.lateness)
