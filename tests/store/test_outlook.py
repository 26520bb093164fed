"""What is worked out for a task once, and asked of it again and again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from builders import a_task, at
from exporter.model import Expectation, Policy, Problem
from exporter.schedule import Schedules
from exporter.store import Outlook

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NOON = at("2024-06-10 12:00Z")
POLICY = Policy(stale_after=15 * MINUTE, grace=5 * MINUTE)


def an_outlook(**changes: object) -> Outlook:
    task = a_task(**changes)
    known = task.crontab is not None and task.timezone is not None
    schedule = Schedules().get(task.crontab, task.timezone) if known else None
    return Outlook(task, schedule, observed_since_at=None)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"crontab": None}, Problem.BAD_FIELD),
        ({"timezone": None}, Problem.BAD_FIELD),
        ({"crontab": "61 * * * *"}, Problem.INVALID_SCHEDULE),
        ({"crontab": "0 0 30 2 *"}, Problem.NEVER_FIRES),
    ],
)
def test_without_a_schedule_nothing_is_expected(changes: dict[str, object], problem: Problem) -> None:
    """The problem stands for the expectation, and there are no fires, no misses and no plan."""
    outlook = an_outlook(**changes)
    outlook.prepare(POLICY, NOON + DAY)
    assert (problem, None, None) == (outlook.expected(POLICY), outlook.lateness(POLICY), outlook.plan(POLICY))
    assert ((None, None), 0) == (outlook.fires(NOON), outlook.missed(POLICY, until=NOON + DAY).count)


def test_another_policy_is_another_expectation() -> None:
    """A reload may bring one amid the same facts."""
    outlook = an_outlook()
    graces = [outlook.expected(policy).grace for policy in (POLICY, Policy(15 * MINUTE, grace=MINUTE), POLICY)]
    assert [5 * MINUTE, MINUTE, 5 * MINUTE] == graces


def test_answers_under_two_policies_are_held_at_once() -> None:
    """A reload prepares the one while reports go on under the other. Of three, that which was asked for least lately goes."""
    outlook = an_outlook()
    policies = [Policy(15 * MINUTE, grace=number * MINUTE) for number in (1, 2, 3)]
    one, two = (outlook.expected(policy) for policy in policies[:2])
    for _ in range(2):
        assert (True, True) == (one is outlook.expected(policies[0]), two is outlook.expected(policies[1]))
    outlook.expected(policies[0])
    outlook.expected(policies[2])
    assert (True, False) == (one is outlook.expected(policies[0]), two is outlook.expected(policies[1]))


def test_fires_follow_the_clock() -> None:
    """Forwards and backwards, and the schedule is not asked again before the next one passes."""
    outlook = an_outlook()
    hours = (1, 25, 26, 2)
    assert [NOON, NOON + DAY, NOON + DAY, NOON] == [
        outlook.fires(NOON + number * timedelta(hours=1))[0] for number in hours
    ]
    assert outlook.fires(NOON + 3 * MINUTE)[1] is outlook.fires(NOON + 4 * MINUTE)[1]


def test_what_was_missed_is_told_as_of_any_evidence() -> None:
    """Evidence that is dated back a little, as by a clock that was set, counts what it shows and no more."""
    outlook = an_outlook()
    untils = [NOON + 3 * DAY + 5 * MINUTE + number * timedelta.resolution for number in (0, -1, 0)]
    assert [3, 2, 3] == [outlook.missed(POLICY, until=until).count for until in untils]
    assert (NOON + 3 * DAY,) == outlook.missed(POLICY, until=untils[0]).recent[-1:]


def test_a_disabled_task_has_an_expectation_and_owes_nothing() -> None:
    """So that it can be shown what it would be held to."""
    outlook = an_outlook(enabled=False)
    assert isinstance(outlook.expected(POLICY), Expectation)
    assert outlook.plan(POLICY) is None
