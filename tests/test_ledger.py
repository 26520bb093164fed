"""The ledger's arithmetic, poll by poll. Fires are literals, never made by schedule."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from builders import a_task, at
from exporter.judge import expect
from exporter.ledger import Entry, Plan, count, follow
from exporter.model import Policy, RunCounts, Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.model import Task

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = "2024-06-10 "


@dataclass(frozen=True)
class Fires:
    """A schedule made of literals, with grace 5 minutes and early 1 minute."""

    windows: tuple[Window, ...]
    optionals: tuple[Window, ...] = ()
    auto_grace: timedelta = 5 * MINUTE
    auto_early: timedelta = field(default=MINUTE)

    def mandatory(self, start: datetime) -> Iterator[Window]:
        return (window for window in self.windows if window.earliest_at >= start)

    def skim(self, start: datetime, until: datetime) -> tuple[int, datetime]:
        return 0, start

    def optional(self, after: datetime, until: datetime) -> list[Window]:
        return [fire for fire in self.optionals if after < fire.earliest_at <= until]


def hours(first: str, number: int) -> tuple[Window, ...]:
    instants = (at(first) + each * HOUR for each in range(number))
    return tuple(Window(instant, instant) for instant in instants)


HOURLY = Fires(hours("2024-06-09 00:00Z", 72))


class Account:
    """A ledger of one task that is told of one poll after another."""

    def __init__(self, fires: Fires = HOURLY, **facts: object) -> None:
        self.fires = fires
        self.facts = {"last_run_at": None, "runs": 0} | facts
        self.entry: Entry | None = None

    def poll(self, instant: str, *, last_run: str | None = "same", **facts: object) -> RunCounts:
        """Tell of a poll on 10 June at a time of day; what is not said is as in the poll before."""
        self.facts |= facts
        if last_run != "same":
            self.facts["last_run_at"] = last_run and at(f"{DAY}{last_run}Z")
        task = a_task(**self.facts)
        fetched_at = at(f"{DAY}{instant}Z")
        entry = follow(self.entry, task, fetched_at=fetched_at)
        self.entry = count(entry, task, self._plan(task, entry), fetched_at=fetched_at)
        return self.entry.counts

    def _plan(self, task: Task, entry: Entry) -> Plan | None:
        if not task.enabled or task.crontab == "invalid":
            return None
        policy = Policy(stale_after=15 * MINUTE)
        return Plan(self.fires, expect(task, self.fires, policy, observed_since_at=entry.observed_since_at))


def running(**facts: object) -> Account:
    """A task that ran at 10:00 and was first seen at 10:30."""
    account = Account(**facts)
    assert RunCounts() == account.poll("10:30", last_run="10:00:14", runs=900)
    return account


def test_the_first_poll_only_sets_the_baseline() -> None:
    """900 runs before it was first seen count for nothing."""
    assert RunCounts(1, 1, 0, 0) == running().poll("11:00:30", last_run="11:00:14", runs=901)


@pytest.mark.parametrize(
    ("instant", "last_run", "runs", "counts"),
    [
        ("11:00:30", "10:00:14", 900, RunCounts(0, 0, 0, 0)),  # due
        ("11:04:59", "10:00:14", 900, RunCounts(0, 0, 0, 0)),  # one second before the deadline
        ("11:05:00", "10:00:14", 900, RunCounts(1, 0, 1, 0)),  # at the deadline
        ("11:00:30", "11:00:14", 901, RunCounts(1, 1, 0, 0)),  # on time
        ("10:59:30", "10:59:00", 901, RunCounts(1, 1, 0, 0)),  # early
        ("10:59:30", "10:58:59", 901, RunCounts(0, 1, 0, 1)),  # too early: nobody called for it
        ("11:30:00", "11:00:20", 902, RunCounts(1, 2, 0, 1)),  # double
        ("14:30:00", "14:00:14", 904, RunCounts(4, 4, 0, 0)),  # an outage without a miss
        ("14:30:00", "14:00:14", 902, RunCounts(4, 2, 2, 0)),  # an outage with two of four missing
        ("14:30:00", "13:30:00", 901, RunCounts(4, 1, 3, 0)),  # one manual run answers one of them, as a net
    ],
)
def test_one_difference(instant: str, last_run: str, runs: int, counts: RunCounts) -> None:
    """Fires that a poll resolves are closed against the rise of runs, over any length of time."""
    assert counts == running().poll(instant, last_run=last_run, runs=runs)


def test_a_late_run_leaves_a_miss_and_an_extra() -> None:
    """The deadline passes on the evidence, then the run comes after all: the on-time ratio stays honest."""
    account = running()
    account.poll("11:06", last_run="10:00:14", runs=900)
    assert RunCounts(1, 1, 1, 1) == account.poll("11:20", last_run="11:15:00", runs=901)
    assert RunCounts(2, 2, 1, 1) == account.poll("12:01", last_run="12:00:14", runs=902)


def test_a_fire_is_closed_once() -> None:
    """Polling often or seldom makes no difference to the totals."""
    often, seldom = running(), running()
    for instant, last_run, runs in (
        ("11:00:05", "10:00:14", 900),
        ("11:00:30", "11:00:14", 901),
        ("11:01:30", "11:00:14", 901),
        ("11:10:30", "11:00:14", 901),
        ("12:06:00", "11:00:14", 901),
        ("12:30:00", "11:00:14", 901),
    ):
        often.poll(instant, last_run=last_run, runs=runs)
    assert RunCounts(3, 2, 1, 0) == often.poll("13:01", last_run="13:00:14", runs=902)
    assert RunCounts(3, 2, 1, 0) == seldom.poll("13:01", last_run="13:00:14", runs=902)


def test_a_reset_begins_anew() -> None:
    """A fall of runs hides how many there were: nothing is expected or missed across it, and counting goes on."""
    account = running()
    account.poll("11:01", last_run="11:00:14", runs=901)
    assert RunCounts(1, 1, 0, 0) == account.poll("13:30", last_run="13:00:14", runs=2)
    assert RunCounts(2, 2, 0, 0) == account.poll("14:01", last_run="14:00:14", runs=3)


@pytest.mark.parametrize("edit", [{"crontab": "5 * * * *"}, {"timezone": "Europe/Berlin"}, {"enabled": False}])
def test_an_epoch_begins_anew(edit: dict[str, object]) -> None:
    """What fired between the last poll of one epoch and the first of the next is not judged."""
    account = running()
    assert RunCounts() == account.poll("13:30", **edit)
    assert at(f"{DAY}13:30Z") == account.entry.observed_since_at


def test_a_resumed_task_owes_from_the_next_fire_on() -> None:
    """A pause is neither a false miss nor blindness."""
    account = running()
    account.poll("10:40", enabled=False)
    assert RunCounts() == account.poll("12:30")
    assert RunCounts() == account.poll("12:40", enabled=True)
    assert RunCounts(1, 0, 1, 0) == account.poll("13:05")
    assert RunCounts(2, 1, 1, 0) == account.poll("14:01", last_run="14:00:14", runs=901)


def test_a_run_of_a_disabled_task_is_extra() -> None:
    """Nobody called for it."""
    account = running()
    account.poll("10:40", enabled=False)
    assert RunCounts(0, 1, 0, 1) == account.poll("12:30", last_run="12:00", runs=901)


def test_a_run_under_an_invalid_schedule_is_only_observed() -> None:
    """It ran; whether it should have, nobody can say."""
    account = running(crontab="invalid")
    assert RunCounts(0, 1, 0, 0) == account.poll("12:30", last_run="12:00", runs=901)


@pytest.mark.parametrize(
    ("run_at", "polled_at", "counts"),
    [
        ("11:00:14", "11:01", RunCounts(0, 1, 0, 0)),
        ("11:06:30", "11:07", RunCounts(0, 1, 0, 1)),
    ],
)
def test_a_fire_too_near_the_edit_is_neither_owed_nor_extra(run_at: str, polled_at: str, counts: RunCounts) -> None:
    """A fire within the minute of the edit may belong to either side: its run is allowed, until its deadline."""
    account = running()
    account.poll("10:59:30", crontab="0 * * * * ")
    account.poll("11:00:05")
    account.poll("11:06:00" if run_at > "11:06" else "11:00:10")
    assert counts == account.poll(polled_at, last_run=run_at, runs=901)


@pytest.mark.parametrize(
    "facts",
    [
        {"runs": None, "bad_fields": frozenset({"runs"})},
        {"last_run_at": None, "implausible": True},
        {"last_run_at": None, "bad_fields": frozenset({"last_run"})},
        {"last_run_at": None, "runs": 5},
        {"enabled": None, "bad_fields": frozenset({"enabled"})},
        {"crontab": None, "last_run_at": at("2024-06-10 11:00:14Z"), "runs": 901},
        {"timezone": None, "last_run_at": at("2024-06-10 11:00:14Z"), "runs": 901},
        {"last_run_at": at("2024-06-12 11:00:14Z"), "runs": 901},
        {"last_run_at": at("2999-01-01 00:00:00Z"), "runs": 901},
    ],
)
def test_facts_that_cannot_be_trusted_are_skipped(facts: dict[str, object]) -> None:
    """The next good poll spans the gap, and no run is lost or counted twice."""
    account = running()
    before = dict(account.facts)
    assert RunCounts() == account.poll("11:01", **facts)
    account.facts = before | {"bad_fields": frozenset(), "implausible": False}
    assert RunCounts(2, 2, 0, 0) == account.poll("12:01", last_run="12:00:14", runs=902)


def test_a_history_that_was_cleared_begins_anew() -> None:
    """Runs 0 and no last run, where there were runs: what they answered is not owed again."""
    account = running()
    assert RunCounts() == account.poll("10:40", last_run=None, runs=0)
    assert at(f"{DAY}10:40Z") == account.entry.observed_since_at
    assert RunCounts(1, 1, 0, 0) == account.poll("11:01", last_run="11:00:14", runs=1)


def test_a_field_unusable_for_one_poll_begins_no_epoch() -> None:
    """A garbled answer between two good ones is no edit."""
    account = running()
    account.poll("11:01", enabled=None, crontab=None)
    account.poll("11:02", enabled=True, crontab="0 12 * * *")
    assert account.entry.observed_since_at is None


REPEATED = Fires(
    (Window(at("2024-11-03 05:30Z"), at("2024-11-03 06:30Z")),),
    (Window(at("2024-11-03 06:30Z"), at("2024-11-03 06:30Z")),),
)


@pytest.mark.parametrize(
    ("runs_at", "counts"),
    [
        (["05:30:12"], RunCounts(1, 1, 0, 0)),
        (["06:30:12"], RunCounts(1, 1, 0, 0)),
        (["05:30:12", "06:30:12"], RunCounts(1, 2, 0, 0)),
        (["05:30:12", "06:30:12", "06:30:13"], RunCounts(1, 3, 0, 1)),
        ([], RunCounts(1, 0, 1, 0)),
    ],
)
def test_a_repeated_wall_time_is_owed_once_and_allowed_twice(runs_at: list[str], counts: RunCounts) -> None:
    """Whatever a scheduler does in the repeated hour, it is neither missed nor extra."""
    night = "2024-11-03 "
    account = Account(REPEATED, created_at=at("2024-01-01 00:00Z"))
    task = a_task(created_at=at("2024-01-01 00:00Z"), last_run_at=at("2024-11-02 05:30:12Z"), runs=9)
    entry = count(
        follow(None, task, fetched_at=at(f"{night}05:00Z")),
        task,
        account._plan(task, Entry(at(f"{night}05:00Z"), at(f"{night}05:00Z"), ())),
        fetched_at=at(f"{night}05:00Z"),
    )
    for number, instant in enumerate([*runs_at, "06:36:00"], start=1):
        if instant in runs_at:
            task = a_task(created_at=task.created_at, last_run_at=at(f"{night}{instant}Z"), runs=9 + number)
        fetched_at = at(f"{night}{instant}Z")
        entry = count(
            follow(entry, task, fetched_at=fetched_at), task, account._plan(task, entry), fetched_at=fetched_at
        )
    assert counts == entry.counts


@pytest.mark.parametrize("seen", ["05:45", "06:29:59", "06:35"])
def test_a_repeated_wall_time_is_still_open_at_a_first_look_amid_it(seen: str) -> None:
    """The second occurrence may answer it, so it is owed until that one's deadline, however long the first is past."""
    account = Account(REPEATED, created_at=at("2024-01-01 00:00Z"))
    task = a_task(created_at=at("2024-01-01 00:00Z"), last_run_at=at("2024-11-02 05:30:12Z"), runs=9)
    fetched_at = at(f"2024-11-03 {seen}Z")
    before = follow(None, task, fetched_at=fetched_at)
    entry = count(before, task, account._plan(task, before), fetched_at=fetched_at)
    assert (None if seen == "06:35" else REPEATED.windows[0].earliest_at) == entry.horizon_at
