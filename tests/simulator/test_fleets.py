from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from exporter.client.listing import read_list
from exporter.judge import expect, judge
from exporter.model import Policy, Problem, State, Task
from exporter.schedule import ScheduleError, parse_schedule
from exporter.simulator.fleets import (
    DUE_TASK_ID,
    RUNNING_TASK_ID,
    STOPPING_TASK_ID,
    big_fleet,
    demo_fleet,
    page_sample,
    sdk_sample,
    with_history,
)
from exporter.simulator.tasks import NORMAL, SimTask

NOW = datetime(2026, 5, 14, 10, 20, 42, tzinfo=UTC)
POLICY = Policy(stale_after=timedelta(minutes=15))
STATES = {
    "Shop front": State.OK,
    "Checkout flow (runs double)": State.OK,
    "Tokyo store, weekdays": State.OK,
    "Invoices, monthly": State.OK,
    "Press mentions": State.MISSED,
    "Partner portal": State.MISSED,
    "Morning dashboard (runs late)": State.DUE,
    "Imported, never started": State.MISSED,
    "Black Friday banner": State.DISABLED,
    "New landing page": State.NEVER_RAN,
    "Office hours, backwards": State.UNKNOWN,
    "Mars weather": State.UNKNOWN,
}


def states(fleet: list[SimTask], now: datetime, policy: Policy = POLICY) -> dict[str, State]:
    """What the exporter says of each task when it asks at `now`."""
    tasks = read_list(json.dumps({"tasks": [task.to_wire(now) for task in fleet]}).encode()).tasks
    return {task.name: state(task, now, policy) for task in tasks}


def state(task: Task, now: datetime, policy: Policy) -> State:
    try:
        fires = parse_schedule(task.crontab or "", task.timezone or "")
        expected = expect(task, fires, policy, observed_since_at=None)
    except ScheduleError:
        expected = Problem.INVALID_SCHEDULE
    return judge(task, expected, fetched_at=now, now=now, stale_after=policy.stale_after).state


@pytest.mark.parametrize(
    "now",
    [
        NOW,
        datetime(2026, 1, 1, 0, 0, 0, tzinfo=UTC),
        datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 3, 8, 7, 1, 0, tzinfo=UTC),  # New York has just leapt
        datetime(2026, 10, 25, 1, 0, 30, tzinfo=UTC),  # Berlin has just fallen back
        datetime(2026, 11, 23, 17, 0, 1, 500, tzinfo=UTC),
        datetime(2026, 8, 2, 4, 30, 15, tzinfo=UTC),  # a Sunday
    ],
)
def test_the_demo_fleet_shows_every_state_at_once(now: datetime) -> None:
    """Whenever the demo starts, each named task is in its state, and all six states are there."""
    seen = states(demo_fleet(now), now)
    assert STATES == {name: seen[name] for name in STATES}
    assert set(State) == set(seen.values())
    assert 12 <= len(seen) <= 15


def test_one_task_runs_each_minute_and_one_stops() -> None:
    """Ten minutes on, the running task has run ten times and the stopping one once, and it is missed."""
    fleet = demo_fleet(NOW)
    running, stopping = (
        next(task for task in fleet if task.id == wanted) for wanted in (RUNNING_TASK_ID, STOPPING_TASK_ID)
    )
    before = [running.to_wire(NOW)["runs"], stopping.to_wire(NOW)["runs"]]
    later = NOW + timedelta(minutes=10)
    assert [before[0] + 10, before[1] + 1] == [running.to_wire(later)["runs"], stopping.to_wire(later)["runs"]]
    seen = states([running, stopping], later)
    assert [True, State.MISSED] == [seen[running.name] in {State.OK, State.DUE}, seen[stopping.name]]


def test_the_stopped_task_is_missed_soon_with_a_short_grace() -> None:
    """With a grace of half a minute the stop shows within two minutes of the start, and not before."""
    stopping = [task for task in demo_fleet(NOW) if task.id == STOPPING_TASK_ID]
    policy = Policy(stale_after=timedelta(minutes=15), grace=timedelta(seconds=30))
    seen = [
        states(stopping, NOW + timedelta(seconds=seconds), policy)[stopping[0].name] for seconds in range(0, 150, 6)
    ]
    assert State.MISSED not in seen[:10]
    assert State.MISSED == seen[-1]


def test_the_due_task_runs_in_the_end() -> None:
    """Twenty minutes on, the late task has run and is ok."""
    due = [task for task in demo_fleet(NOW) if task.id == DUE_TASK_ID]
    later = NOW + timedelta(minutes=20)
    assert {due[0].name: State.OK} == states(due, later)


def test_a_big_fleet_is_large_mixed_and_the_same_for_a_seed() -> None:
    """Its tasks have different ids, several schedules and zones, plausible histories, and no task misses a run."""
    fleet, again = (big_fleet(500, seed=3, now=NOW) for _ in range(2))
    wire = [task.to_wire(NOW) for task in fleet]
    assert wire == [task.to_wire(NOW) for task in again]
    assert 500 == len({task.id for task in fleet})
    assert (6, True) == (len({task.timezone for task in fleet}), len({task.crontab for task in fleet}) > 100)
    assert all((task["last_run"] is None) == (task["runs"] == 0) for task in wire)
    assert {State.OK, State.DUE, State.NEVER_RAN} >= set(states(fleet, NOW).values())


def test_a_history_counts_two_runs_more_than_fires() -> None:
    """As in the published sample; a task that had no fire yet has no run either."""
    old, new = (
        SimTask(id=1, name="a task", created_at=NOW - timedelta(days=days), crontab="0 9 * * *") for days in (10, 0)
    )
    assert [12, 0] == [with_history(task, NOW).runs for task in (old, new)]


@pytest.mark.parametrize(("later", "last_run", "runs"), [(False, 1748438712, 16), (True, 1748611516, 18)])
def test_the_sdk_sample_stands_as_published(later: bool, last_run: int, runs: int) -> None:
    """Both published answers of the READMEs' task, whenever they are asked for."""
    assert {
        "id": 5678133109850112,
        "name": "Test CRON",
        "api": "screenshot",
        "query": "url=https%3A%2F%2Fexample.com",
        "frequency": "every_day",
        "crontab": "25 13 * * *",
        "timezone": "Etc/UTC",
        "enabled": True,
        "created": 1747229104,
        "last_run": last_run,
        "runs": runs,
    } == sdk_sample(later=later).to_wire(NOW)


def test_the_simulated_task_moves_as_the_published_one_did() -> None:
    """Set going from its first answer, the README's task has the second one's runs, and its last run to 16 seconds."""
    task, second = sdk_sample(), sdk_sample(later=True)
    task.behave(NORMAL, task.last_run_at)
    task.advance(second.last_run_at + timedelta(seconds=5))
    assert second.runs == task.runs
    assert abs((task.last_run_at - second.last_run_at).total_seconds()) <= 16


def test_the_pages_sample_is_not_missed_on_its_day() -> None:
    """Its run 274 s before the fire answers the fire."""
    assert {"task screenshot": State.OK} == states([page_sample()], datetime(2025, 5, 20, tzinfo=UTC))
