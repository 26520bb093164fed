from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from exporter.simulator.tasks import DOUBLE, FROZEN, NORMAL, Behaviour, SimTask

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
STARTED = timedelta(seconds=20)


def minutely(behaviour: Behaviour = NORMAL, **fields: object) -> SimTask:
    given = {"created_at": NOON, "crontab": "* * * * *"} | fields
    return SimTask(id=5650820808835072, name="a task", behaviour=behaviour, **given)


def test_a_run_starts_5_to_20_seconds_after_its_fire() -> None:
    """Starts differ from fire to fire within the bounds, and are the same each time they are asked for."""
    task = minutely()
    delays = [(task.starts_at(NOON + n * MINUTE) - NOON - n * MINUTE).total_seconds() for n in range(500)]
    again = [(minutely().starts_at(NOON + n * MINUTE) - NOON - n * MINUTE).total_seconds() for n in range(500)]
    assert set(range(5, 21)) == set(delays)
    assert delays == again


def test_the_run_shows_at_the_second_it_starts() -> None:
    """Before its start a fire changes nothing; from then on runs is one more and last_run is that second."""
    task = minutely()
    starts_at = task.starts_at(NOON + MINUTE)
    before = task.to_wire(starts_at - timedelta(seconds=1))
    after = task.to_wire(starts_at)
    assert (None, 0) == (before["last_run"], before["runs"])
    assert (int(starts_at.timestamp()), 1) == (after["last_run"], after["runs"])


@pytest.mark.parametrize("step", [timedelta(seconds=1), timedelta(seconds=47), HOUR, 2 * HOUR])
def test_runs_do_not_depend_on_how_often_one_asks(step: timedelta) -> None:
    """However time is cut up, two hours and the longest delay later all 120 fires have run."""
    task, now = minutely(), NOON
    while now < NOON + 2 * HOUR:
        now += step
        task.advance(now)
    task.advance(NOON + 2 * HOUR + STARTED)
    assert (120, task.starts_at(NOON + 2 * HOUR)) == (task.runs, task.last_run_at)


@pytest.mark.parametrize(
    ("behaviour", "runs", "last_fire_minute"),
    [
        (NORMAL, 60, 60),
        (FROZEN, 0, None),
        (DOUBLE, 120, 60),
        (Behaviour(stops_at=NOON + 10 * MINUTE), 10, 10),
        (Behaviour(stops_after_runs=7), 7, 7),
        (Behaviour(stops_after_runs=0), 0, None),
        (Behaviour(stops_after_runs=7, runs_per_fire=2), 8, 4),
        (Behaviour(lag=15 * MINUTE), 45, 45),
        (Behaviour(lag=15 * MINUTE, stops_at=NOON + 10 * MINUTE), 10, 10),
    ],
)
def test_behaviours(behaviour: Behaviour, runs: int, last_fire_minute: int | None) -> None:
    """An hour of a minutely task under each behaviour, asked once at the end."""
    task = minutely(behaviour)
    task.advance(NOON + HOUR + STARTED)
    last = None if last_fire_minute is None else task.starts_at(NOON + last_fire_minute * MINUTE)
    assert (runs, last) == (task.runs, task.last_run_at)


def test_a_limit_holds_when_asked_every_second() -> None:
    """A task that stops after some runs stays stopped."""
    task = minutely(Behaviour(stops_after_runs=3))
    for second in range(600):
        task.advance(NOON + timedelta(seconds=second))
    assert (3, task.starts_at(NOON + 3 * MINUTE)) == (task.runs, task.last_run_at)


@pytest.mark.parametrize(
    "stopped", [Behaviour(stops_at=NOON), Behaviour(stops_after_runs=0), Behaviour(lag=50 * MINUTE)]
)
def test_a_cured_task_does_not_make_up_for_lost_fires(stopped: Behaviour) -> None:
    """Back to normal after half an hour, the first run is that of the next fire."""
    task, cured_at = minutely(stopped), NOON + 30 * MINUTE
    task.advance(cured_at - MINUTE)
    task.behave(NORMAL, cured_at)
    assert (0, None) == (task.to_wire(cured_at + STARTED)["runs"], task.last_run_at)
    assert 1 == task.to_wire(cured_at + MINUTE + STARTED)["runs"]


def test_a_behaviour_that_changes_between_fire_and_start_loses_no_run() -> None:
    """A fire that has passed under a running task still runs when the task turns double."""
    task = minutely()
    task.behave(DOUBLE, NOON + MINUTE + timedelta(seconds=1))
    assert 2 == task.to_wire(NOON + MINUTE + STARTED)["runs"]


@pytest.mark.parametrize(
    "fields", [{"enabled": False}, {"crontab": "0 9-5 * * *"}, {"crontab": "0 0 31 2 *"}, {"timezone": "Mars/Base"}]
)
def test_tasks_that_never_run(fields: dict[str, object]) -> None:
    """A disabled task, a broken or impossible crontab and an unknown zone give no runs and are shown as they are."""
    wire = minutely(**fields).to_wire(NOON + timedelta(days=800))
    assert (None, 0) == (wire["last_run"], wire["runs"])
    assert fields.items() <= wire.items()


@pytest.mark.parametrize(
    ("changes", "minutes_to_first_run"),
    [({"enabled": True}, 1), ({"crontab": "*/10 * * * *", "enabled": True}, 10)],
)
def test_an_edit_counts_from_its_instant(changes: dict[str, object], minutes_to_first_run: int) -> None:
    """A schedule or an enablement of now calls for no run in the past."""
    task, edited_at = minutely(enabled=False), NOON + 2 * HOUR
    task.edit(changes, edited_at)
    first = edited_at + minutes_to_first_run * MINUTE
    assert 0 == task.to_wire(first)["runs"]
    assert (1, task.starts_at(first)) == (task.to_wire(first + STARTED)["runs"], task.last_run_at)


def test_a_renamed_task_loses_no_run() -> None:
    """An edit that leaves the schedule alone leaves the runs alone, even between a fire and its start."""
    task = minutely()
    task.edit({"name": "renamed"}, NOON + MINUTE)
    assert ("renamed", 1) == (task.name, task.to_wire(NOON + MINUTE + STARTED)["runs"])


def test_time_that_goes_backwards_undoes_nothing() -> None:
    """Runs stay, and are not performed twice when the same time comes again."""
    task = minutely()
    runs = [task.to_wire(NOON + hours * HOUR + STARTED)["runs"] for hours in (2, 0, 1, 2, 3)]
    assert [120, 120, 120, 120, 180] == runs


def test_a_year_of_minutes_is_counted_exactly() -> None:
    """Every fire of a year has run when the task is first asked after it."""
    assert 365 * 24 * 60 == minutely().to_wire(NOON + timedelta(days=365) + STARTED)["runs"]


def test_a_run_that_no_fire_called_for() -> None:
    """A manual run is one more, at its own instant."""
    task = minutely(crontab="0 9 * * *")
    task.run_once(NOON + MINUTE)
    assert (1, NOON + MINUTE) == (task.runs, task.last_run_at)


def test_fields_overruled_and_left_out() -> None:
    """What `shown` says is sent whatever it is, and what `hidden` names is absent."""
    wire = minutely(shown={"last_run": None, "name": 7}, hidden={"runs", "created"}).to_wire(NOON)
    assert (None, 7) == (wire["last_run"], wire["name"])
    assert {"runs", "created"}.isdisjoint(wire)


@pytest.mark.parametrize("fields", [{"runs_per_fire": 0}, {"lag": -MINUTE}])
def test_impossible_behaviours_are_refused(fields: dict[str, object]) -> None:
    """A fire has a run at least, and no run starts before its fire."""
    with pytest.raises(ValueError, match="behaviour: "):
        Behaviour(**fields)
