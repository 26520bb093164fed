"""What an explanation holds: where tolerance came from, which clock changes are near, what may come next."""

from __future__ import annotations

from datetime import timedelta

import pytest

from builders import a_task, at
from explained import MINUTE, an_explanation, hourly, instants
from exporter.config import PolicySources, Source
from exporter.explain import MOST_FIRES, Lenience, Turn
from exporter.model import Policy, Problem, Reason, State

HOUR = timedelta(hours=1)
FIVE = Policy(stale_after=15 * MINUTE, grace=5 * MINUTE, early=MINUTE)
SOON = at("2024-06-10 12:00Z")
STALE = Turn(State.UNKNOWN, at=at("2024-06-10 11:45Z"))


@pytest.mark.parametrize(
    ("policy", "sources", "grace", "early"),
    [
        (
            Policy(stale_after=HOUR),
            PolicySources(Source.DEFAULT, Source.ACCOUNT),
            Lenience(Source.DEFAULT, auto=True, span=6 * MINUTE),
            Lenience(Source.ACCOUNT, auto=True, span=6 * MINUTE),
        ),
        (
            FIVE,
            PolicySources(Source.OVERRIDE, Source.TOP_LEVEL),
            Lenience(Source.OVERRIDE, auto=False, span=5 * MINUTE),
            Lenience(Source.TOP_LEVEL, auto=False, span=MINUTE),
        ),
    ],
)
def test_tolerance_comes_with_its_source(
    policy: Policy, sources: PolicySources, grace: Lenience, early: Lenience
) -> None:
    """Grace and early are those that were judged by, with the place of the file that gave them."""
    known = an_explanation((hourly(), "2024-06-10 11:30Z"), now="2024-06-10 11:31Z", policy=policy, sources=sources)
    assert (grace, early, HOUR) == (known.grace, known.early, known.period)


def test_auto_without_a_schedule_has_no_value() -> None:
    """Without a schedule nothing can be derived from it."""
    known = an_explanation((hourly(crontab="0 25 * * *"), "2024-06-10 11:30Z"), now="2024-06-10 11:31Z")
    assert (None, None, None, None) == (known.grace.span, known.early.span, known.period, known.zone)


@pytest.mark.parametrize(
    ("polls", "now", "turns"),
    [
        (
            [(hourly(), "2024-06-10 11:30Z")],
            "2024-06-10 11:31Z",
            [
                Turn(State.DUE, at=SOON, run_from_at=SOON - 6 * MINUTE),
                Turn(State.MISSED, at=SOON + 6 * MINUTE, run_from_at=SOON - 6 * MINUTE),
                STALE,
            ],
        ),
        (
            [(hourly(), "2024-06-10 12:03Z")],
            "2024-06-10 12:04Z",
            [
                Turn(State.MISSED, at=SOON + 6 * MINUTE, run_from_at=SOON - 6 * MINUTE),
                Turn(State.UNKNOWN, at=at("2024-06-10 12:18Z")),
            ],
        ),
        (
            [(hourly(), "2024-06-10 13:30Z")],
            "2024-06-10 13:31Z",
            [
                Turn(State.OK, run_from_at=at("2024-06-10 12:54Z")),
                Turn(State.UNKNOWN, at=at("2024-06-10 13:45Z")),
            ],
        ),
        ([(hourly(enabled=False), "2024-06-10 11:30Z")], "2024-06-10 11:31Z", []),
        ([(hourly(crontab="x"), "2024-06-10 11:30Z")], "2024-06-10 11:31Z", []),
        ([(hourly(), "2024-06-10 11:30Z")], "2024-06-10 14:31Z", []),
        ([], "2024-06-10 11:31Z", []),
    ],
    ids=["ok", "due", "missed", "disabled", "invalid", "stale", "never fetched"],
)
def test_what_comes_next(polls, now: str, turns: list[Turn]) -> None:
    """Each state names what time and polls can make of it, with the instants."""
    assert turns == list(an_explanation(*polls, now=now).turns)


@pytest.mark.parametrize(("ran", "state"), [("12:53:59", State.MISSED), ("12:54:00", State.OK)])
def test_the_run_that_ends_a_miss_is_named_to_the_second(ran: str, state: State) -> None:
    """A run from the named instant on ends the miss; one a second earlier does not."""
    missed = an_explanation((hourly(), "2024-06-10 13:30Z"), now="2024-06-10 13:31Z")
    assert at("2024-06-10 12:54Z") == missed.turns[0].run_from_at
    task = hourly(last_run_at=at(f"2024-06-10 {ran}Z"))
    assert state is an_explanation((task, "2024-06-10 13:30Z"), now="2024-06-10 13:31Z").task.verdict.state


def test_the_newest_missed_fires_are_listed() -> None:
    """Of many fires missed in a row the newest ten are there, oldest first, and all are counted."""
    known = an_explanation((hourly(), "2024-06-11 11:30Z"), now="2024-06-11 11:31Z")
    assert (24, MOST_FIRES) == (known.task.verdict.consecutive, len(known.missed_fires_at))
    assert ["06-11 02:00", "06-11 11:00"] == instants([known.missed_fires_at[0], known.missed_fires_at[-1]])


def test_beyond_the_cap_no_instant_is_promised() -> None:
    """When not all misses were counted, only a new run is said to end them."""
    every_minute = hourly(crontab="* * * * *")
    known = an_explanation((every_minute, "2024-06-12 11:30Z"), now="2024-06-12 11:31Z")
    assert (1000, Turn(State.OK)) == (known.task.verdict.consecutive, known.turns[0])


def test_the_fire_that_the_last_run_answers() -> None:
    """A last run is told with its fire, also when it came early."""
    for ran, fire in (("11:00:14", "06-10 11:00"), ("10:56:00", "06-10 11:00"), ("10:30:00", None)):
        task = hourly(last_run_at=at(f"2024-06-10 {ran}Z"))
        known = an_explanation((task, "2024-06-10 11:30Z"), now="2024-06-10 11:31Z")
        assert [fire] == instants([known.answered_at])


@pytest.mark.parametrize(
    ("crontab", "polled", "changed_at", "skips", "times"),
    [
        # Berlin 2024-03-31: 02:00 CET -> 03:00 CEST at 01:00Z; 2024-10-27: 03:00 CEST -> 02:00 CET at 01:00Z
        (
            "30 2 * * *",
            "2024-03-31 11:30Z",
            "03-31 01:00",
            True,
            {"02:30": {"skip": [], "after_gap": ["03-31 01:00"], "shifted": ["03-31 01:30"]}},
        ),
        (
            "30 2 * * *",
            "2024-10-27 00:45Z",
            "10-27 01:00",
            False,
            {
                "02:30": {
                    "first": ["10-27 00:30"],
                    "second": ["10-27 01:30"],
                    "both": ["10-27 00:30", "10-27 01:30"],
                }
            },
        ),
        ("0 12 * * *", "2024-03-31 11:30Z", "03-31 01:00", True, {}),
    ],
)
def test_clock_changes_nearby(crontab: str, polled: str, changed_at: str, skips: bool, times: dict) -> None:
    """Each convention's runs for the schedule's own times, literally; a change that touches none is told as such."""
    task = a_task(crontab=crontab, timezone="Europe/Berlin", last_run_at=at(polled) - timedelta(hours=24))
    (change,) = an_explanation((task, polled), now=polled).changes
    shown = {
        f"{time.wall:%H:%M}": {each.convention.value: instants(each.runs_at) for each in time.answers}
        for time in change.times
    }
    assert (changed_at, skips, times) == (f"{change.changed_at:%m-%d %H:%M}", change.skips, shown)


def test_many_times_in_one_change_are_counted() -> None:
    """An every-minute schedule has sixty times in the hour that comes twice; five are shown."""
    task = a_task(crontab="* * * * *", timezone="Europe/Berlin", last_run_at=at("2024-10-27 00:30:01Z"))
    (change,) = an_explanation((task, "2024-10-27 00:30:20Z"), now="2024-10-27 00:30:21Z").changes
    assert (5, 60) == (len(change.times), change.affected)


def test_no_clock_change_far_from_any_fire() -> None:
    """In June there is none to tell of."""
    assert () == an_explanation((hourly(), "2024-06-10 11:30Z"), now="2024-06-10 11:31Z").changes


def test_a_task_never_fetched() -> None:
    """An id that only the configuration knows has an explanation too."""
    known = an_explanation(now="2024-06-10 11:31Z", failures=[Reason.HTTP_404])
    assert (Problem.NOT_FOUND,) == known.task.verdict.problems
    assert (None, None, ()) == (known.stale_at, known.zone, known.changes)


@pytest.mark.parametrize(
    ("crontab", "zone", "ran", "asked"),
    [
        ("0 * * * *", "Europe/Berlin", "2024-06-10 11:00:14Z", "2024-06-10 11:30Z"),
        ("30 2 * * *", "Europe/Berlin", "2024-10-26 00:30:14Z", "2024-10-27 00:15Z"),
        ("30 2 * * *", "Europe/Berlin", "2024-03-30 01:30:14Z", "2024-03-31 00:15Z"),
        ("*/5 * * * *", "Australia/Lord_Howe", "2024-04-06 14:55:14Z", "2024-04-06 14:57Z"),
        ("34 9 28 * *", "Etc/UTC", "2025-04-28 09:29:26Z", "2025-04-28 09:31Z"),
        ("15 0 * * 1", "America/Sao_Paulo", "2024-06-10 03:15:14Z", "2024-06-12 12:00Z"),
    ],
)
def test_what_is_announced_comes_true(crontab: str, zone: str, ran: str, asked: str) -> None:
    """At each announced instant, not a second before, the verdict is the announced one, unless the named run is seen."""
    task = a_task(crontab=crontab, timezone=zone, last_run_at=at(ran))

    def state(when, *, ran_at=None, polled=None) -> State:
        shown = a_task(crontab=crontab, timezone=zone, last_run_at=ran_at or at(ran))
        return an_explanation((shown, f"{polled or when}"), now=f"{when}").task.verdict.state

    due, missed, stale = an_explanation((task, asked), now=asked).turns
    second = timedelta(seconds=1)
    assert (State.OK, State.DUE) == (state(due.at - second), state(due.at))
    assert (State.DUE, State.MISSED) == (state(missed.at - second), state(missed.at))
    assert State.DUE is state(missed.at, polled=missed.at - second)
    assert State.MISSED is state(missed.at, ran_at=missed.run_from_at - second)
    assert State.MISSED is not state(missed.at, ran_at=missed.run_from_at)
    assert State.UNKNOWN is state(stale.at + second, polled=asked)
    assert State.UNKNOWN is not state(stale.at, polled=asked)
