"""Lint as a whole: which task is looked at for what, and in which order findings are told."""

from __future__ import annotations

from datetime import timedelta
from time import process_time
from typing import TYPE_CHECKING

import pytest

from builders import a_task, at
from exporter.lint import Code, Finding, Severity, lint
from exporter.model import Policy, Task
from exporter.schedule import Schedules, zone_names

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = at("2024-06-10 12:30Z")
MINUTE = timedelta(minutes=1)


def found(*tasks: Task, grace: timedelta | None = None) -> tuple[Finding, ...]:
    return found_in({"main": tasks}, grace=grace)


def found_in(accounts: dict[str, Sequence[Task]], grace: timedelta | None = None) -> tuple[Finding, ...]:
    policies = {name: lambda _: Policy(15 * MINUTE, grace=grace) for name in accounts}
    return lint(accounts, schedules=Schedules(), policies=policies, now=NOW)


def codes(findings: Sequence[Finding]) -> list[str]:
    return [finding.code.value for finding in findings]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"crontab": "61 * * * *"}, ["invalid-schedule"]),
        ({"crontab": None}, ["invalid-schedule"]),
        ({"crontab": None, "timezone": None}, ["invalid-schedule"]),
        ({"timezone": None}, ["invalid-timezone"]),
        ({"timezone": "Mars/Olympus_Mons"}, ["invalid-timezone"]),
        ({"crontab": "0 0 30 2 *"}, ["never-fires"]),
        ({"crontab": "0 9 13 * 5"}, ["both-days-restricted"]),
        ({"frequency": "every_hour"}, ["frequency-mismatch"]),
        ({"crontab": "30 2 * * *", "timezone": "Europe/Berlin"}, ["clock-change"]),
        ({"crontab": "*/5 * * * *"}, ["grace-longer-than-period"]),
        ({"enabled": None, "crontab": "61 * * * *"}, ["invalid-schedule"]),
        ({"enabled": False}, []),
        ({"enabled": False, "crontab": "61 * * * *"}, []),
        ({"enabled": False, "last_run_at": at("2024-01-01 12:00Z")}, ["forgotten-pause"]),
        ({"enabled": False, "last_run_at": at("2024-01-01 12:00Z"), "crontab": "x"}, ["forgotten-pause"]),
        (
            {"crontab": "*/5 2 13 * 0", "timezone": "Europe/Berlin", "frequency": "every_day"},
            ["both-days-restricted", "frequency-mismatch", "clock-change", "grace-longer-than-period"],
        ),
    ],
)
def test_what_is_found_in_one_task(changes: dict[str, object], expected: list[str]) -> None:
    """Each kind of finding by its code; a disabled task is looked at for a forgotten pause only."""
    task = a_task(**changes)
    findings = found(task, grace=6 * MINUTE)
    assert expected == codes(findings)
    assert {("main", (task,))} >= {(finding.account, finding.tasks) for finding in findings}


def test_findings_are_told_by_code() -> None:
    """Codes in their fixed order; under one code accounts and tasks as they came."""
    late, never = a_task(id="1", crontab="30 2 * * *", timezone="Europe/Berlin"), a_task(id="2", crontab="0 0 30 2 *")
    findings = found_in({"b": [late, never], "a": [never]})
    assert ["never-fires", "never-fires", "clock-change"] == codes(findings)
    assert [("b", "2"), ("a", "2"), ("b", "1")] == [(one.account, one.tasks[0].id) for one in findings]


def test_a_stampede_is_within_one_account() -> None:
    """Five tasks on one minute are one finding about all of them; in two accounts they are none."""
    tasks = [a_task(id=str(number)) for number in range(5)]
    (finding,) = found(*tasks)
    assert (Code.STAMPEDE, "main", tuple(tasks)) == (finding.code, finding.account, finding.tasks)
    assert () == found_in({"a": tasks[:4], "b": tasks[4:]})


def test_each_task_has_its_own_policy() -> None:
    """The grace of one task is held against that task's period."""
    policies = {"main": lambda task_id: Policy(15 * MINUTE, grace=2 * MINUTE if task_id == "1" else None)}
    tasks = [a_task(id="1", crontab="* * * * *"), a_task(id="2", crontab="* * * * *")]
    findings = lint({"main": tasks}, schedules=Schedules(), policies=policies, now=NOW)
    assert [("grace-longer-than-period", "1")] == [(one.code.value, one.tasks[0].id) for one in findings]


def test_the_ledger_knows_since_when() -> None:
    """What it has seen of one task says nothing of another account's with the same id."""
    task = a_task(enabled=False, last_run_at=at("2024-01-01 12:00Z"))
    policies = dict.fromkeys("ab", lambda _: Policy(15 * MINUTE))
    since = {("a", task.id): at("2024-06-01 12:00Z")}
    findings = lint({"a": [task], "b": [task]}, schedules=Schedules(), policies=policies, now=NOW, observed_since=since)
    assert ["b"] == [finding.account for finding in findings]


def test_ten_thousand_tasks_are_linted_in_seconds() -> None:
    """As many tasks as an account may have, of a thousand distinct schedules in all zones, take seconds of work."""
    zones = sorted(zone_names())
    tasks = [
        a_task(
            id=str(number),
            crontab=f"{number % 60} {number % 25 - 1 if number % 25 else '*'} * * *",
            timezone=zones[number % 1000 % len(zones)],
        )
        for number in range(10_000)
    ]
    began = process_time()
    findings = found(*tasks)
    assert process_time() - began < 20
    assert {Severity.INFO, Severity.WARNING} == {finding.severity for finding in findings}
    assert {Code.CLOCK_CHANGE} == {finding.code for finding in findings}


def test_one_schedule_with_two_frequencies() -> None:
    """What is remembered of a schedule is not said of a task whose frequency fits it."""
    tasks = (a_task(id="1", frequency="every_hour"), a_task(id="2", frequency="every_day"))
    assert [("frequency-mismatch", "1")] == [(each.code.value, each.tasks[0].id) for each in found(*tasks)]
