"""What is questionable about tasks and their schedules before anything goes wrong. Pure: tasks and one now in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from exporter.lint.findings import Code, Date, Finding, Severity
from exporter.lint.rules import about_policy, about_schedule, forgotten_pause, unreadable
from exporter.lint.stampede import stampede
from exporter.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from exporter.model import Policy, Task
    from exporter.schedule import Schedules

__all__ = ["Code", "Date", "Finding", "Severity", "lint"]


def lint(
    tasks: Mapping[str, Sequence[Task]],
    *,
    schedules: Schedules,
    policies: Mapping[str, Callable[[str], Policy]],
    now: datetime,
    observed_since: Mapping[tuple[str, str], datetime] | None = None,
) -> tuple[Finding, ...]:
    """Everything found in the tasks of each account, by code, else in the order given. `policies` has each account.

    `observed_since` tells, by account and task id, when the ledger first saw this schedule or enablement.
    """
    linter = _Linter(schedules, observed_since or {}, now)
    found = [one for account, each in tasks.items() for one in linter.account(account, each, policies[account])]
    rank = {code: number for number, code in enumerate(Code)}
    return tuple(sorted(found, key=lambda one: rank[one.code]))


@dataclass(slots=True)
class _Linter:
    """Asks each distinct schedule once."""

    schedules: Schedules
    observed_since: Mapping[tuple[str, str], datetime]
    now: datetime
    asked: dict[tuple[str, str, str], tuple[Finding, ...]] = field(default_factory=dict)

    def account(self, name: str, tasks: Sequence[Task], policy: Callable[[str], Policy]) -> Iterator[Finding]:
        fired: list[tuple[Task, Schedule]] = []
        for task in tasks:
            schedule = None
            if task.crontab is not None and task.timezone is not None:
                schedule = self.schedules.get(task.crontab, task.timezone)
            if task.enabled is not False and isinstance(schedule, Schedule):
                fired.append((task, schedule))
                found = (*self._about(task, schedule), *about_policy(policy(task.id), schedule))
            elif task.enabled is not False:
                found = (unreadable(task, schedule),)
            else:
                since_at = self.observed_since.get((name, task.id))
                found = tuple(forgotten_pause(task, schedule, observed_since_at=since_at, now=self.now))
            yield from (replace(one, account=name, tasks=(task,)) for one in found)
        yield from (replace(one, account=name) for one in stampede(fired, now=self.now))

    def _about(self, task: Task, schedule: Schedule) -> tuple[Finding, ...]:
        key = (task.crontab or "", task.timezone or "", task.frequency)
        if key not in self.asked:
            self.asked[key] = tuple(about_schedule(task, schedule, now=self.now))
        return self.asked[key]
