"""What a task's facts let us expect of it: worked out once, and kept with the facts as long as they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.judge import Missed, count_missed, expect, lateness
from exporter.ledger import Plan
from exporter.model import Expectation, Problem
from exporter.schedule import Schedule, ScheduleError

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from exporter.model import Policy, Task


@dataclass(slots=True)
class _Held:
    """What a task is held to under one policy."""

    policy: Policy
    expected: Expectation | Problem
    lateness: timedelta | None = None
    missed: Missed | None = None


class Outlook:
    """Of one task, with `observed_since_at` as in `expect`. It remembers answers, which cost time and no truth to lose.

    Any thread may ask: what is remembered is put in its place whole.
    """

    __slots__ = ("_fires", "_held", "observed_since_at", "schedule", "task")

    def __init__(
        self, task: Task, schedule: Schedule | ScheduleError | None, *, observed_since_at: datetime | None
    ) -> None:
        self.task, self.schedule, self.observed_since_at = task, schedule, observed_since_at
        self._held: tuple[_Held, ...] = ()  # under the newest two: a reload prepares one while the other is in force
        self._fires: tuple[datetime, datetime | None, datetime | None] | None = None

    def expected(self, policy: Policy) -> Expectation | Problem:
        """The first fire that no run has answered, or why there is none to be named."""
        return self._under(policy).expected

    def lateness(self, policy: Policy) -> timedelta | None:
        return self._under(policy).lateness

    def plan(self, policy: Policy) -> Plan | None:
        """What the ledger holds the task to; None when it owes nothing, or nobody can say what."""
        expected = self.expected(policy) if self.task.enabled else None
        if isinstance(self.schedule, Schedule) and isinstance(expected, Expectation):
            return Plan(self.schedule, expected)
        return None

    def missed(self, policy: Policy, *, until: datetime) -> Missed:
        """See count_missed."""
        held = self._under(policy)
        if not isinstance(self.schedule, Schedule) or not isinstance(held.expected, Expectation):
            return Missed(0, until)
        held.missed = count_missed(self.schedule, held.expected, until=until, since=held.missed)
        return held.missed

    def prepare(self, policy: Policy, now: datetime) -> None:
        """Find out all that a report will ask for soon."""
        self.tolerate(policy, now)
        if self.task.enabled is not False:
            self.fires(now)

    def tolerate(self, policy: Policy, evidence_at: datetime) -> None:
        """Find out what of that hangs on the policy. What was found out under the one before stays."""
        expected = self.expected(policy)
        due_at = expected.deadline_at if isinstance(expected, Expectation) else None
        if self.task.enabled is not False and due_at is not None and due_at <= evidence_at:
            self.missed(policy, until=evidence_at)

    def fires(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """The fires shown before and after now. The schedule is asked when one has passed, never at every scrape."""
        if not isinstance(self.schedule, Schedule):
            return None, None
        known = self._fires
        if known is None or now < known[0] or (known[2] is not None and now >= known[2]):
            known = self._fires = (now, self.schedule.previous_fire(now), self.schedule.next_fire(now))
        return known[1:]

    def _under(self, policy: Policy) -> _Held:
        known = self._held
        if known and known[0].policy == policy:
            return known[0]
        held = next((each for each in known if each.policy == policy), None) or self._hold(policy)
        self._held = (held, *known[:1])
        return held

    def _hold(self, policy: Policy) -> _Held:
        if self.schedule is None:
            return _Held(policy, Problem.BAD_FIELD)
        if isinstance(self.schedule, ScheduleError):
            return _Held(policy, self.schedule.problem)
        expected = expect(self.task, self.schedule, policy, observed_since_at=self.observed_since_at)
        return _Held(policy, expected, lateness=lateness(self.task, self.schedule, expected))
