"""The single reader of the store: facts and one `now` in, everything there is to show out.

A schedule is asked only when a poll has changed a task's facts or a fire has passed, never at every scrape: what it
answered is kept with the facts (see Outlook).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from exporter.judge import judge, unknown
from exporter.model import Expectation, Problem, Report, State, TaskReport, Verdict
from exporter.schedule import Schedule, ScheduleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from exporter.model import AccountReport, Policy, Task
    from exporter.store import Outlook, Store, TaskFacts

_log = structlog.get_logger()
_CANDIDATES = 16  # fires that may be the common one; the most named are looked at closely
TROUBLE = (State.MISSED, State.UNKNOWN, State.DUE, State.NEVER_RAN, State.OK, State.DISABLED)


def by_trouble(known: TaskReport) -> tuple[int, int, str, str, int, str]:
    """A key that sorts the most troubled tasks first: by state, the longest missing, then as people read."""
    state = TROUBLE.index(known.verdict.state)
    name = known.task.name.casefold() if known.task else ""
    return state, -(known.verdict.consecutive or 0), known.account, name, len(known.task_id), known.task_id


class Reporter:
    """Builds the report, in the event loop. Holds no facts."""

    def __init__(self, store: Store, policies: Mapping[str, Callable[[str], Policy]]) -> None:
        self._store = store
        self._policies = policies
        self._latest: tuple[int, Report] | None = None

    def report(self, now: datetime, *, seconds: float | None = None) -> Report:
        """The report at `now`, which is `seconds` on the monotonic clock.

        Within one second and without news it is the same object: one rendering serves.
        """
        if self._latest is not None and self._latest[0] == self._store.version:
            report = self._latest[1]
            if timedelta() <= now - report.at < timedelta(seconds=1) and now.second == report.at.second:
                return report
        report = self._build(now, seconds)
        self._latest = (self._store.version, report)  # as it is now: a bug that was met is news, and told in the report
        return report

    def forget(self) -> None:
        """Another tolerance may be in force."""
        self._latest = None

    def _build(self, now: datetime, seconds: float | None) -> Report:
        read = list(self._store.read())
        tasks = tuple(self._survive(account, facts, now, seconds) for account, each in read for facts in each.values())
        common = {account.name: _common_fire(account.name, tasks, facts) for account, facts in read}
        accounts = tuple(
            replace(_without_passed_block(account, now), common_fire_at=at, missing_common_fire=number)
            for account, _ in read
            for at, number in (common[account.name],)
        )
        return Report(
            now,
            accounts,
            tasks,
            internal_errors=self._store.internal_errors,
            ledger_recoveries=self._store.ledger_recoveries,
            last_reload=self._store.last_reload,
        )

    def _survive(self, account: AccountReport, facts: TaskFacts, now: datetime, seconds: float | None) -> TaskReport:
        """A bug met in judging one task must not hide the others."""
        try:
            return self._task(account, facts, now, seconds)
        except Exception as error:  # noqa: BLE001 - see above
            self._store.record_internal_error("report")
            _log.error("Internal error", where="report", task_id=facts.task_id, error=error)
            verdict = Verdict(State.UNKNOWN, "an internal error, told in the log, keeps the verdict away")
            return TaskReport(account.name, facts.task_id, verdict, facts.fetch_success, task=facts.task)

    def _task(self, account: AccountReport, facts: TaskFacts, now: datetime, seconds: float | None) -> TaskReport:
        evidence_at, outlook = _evidence_at(facts, now, seconds), facts.outlook
        if facts.task is None or outlook is None or evidence_at is None:
            return _without_data(account.name, facts)
        policy = self._policies[account.name](facts.task_id)
        expected = outlook.expected(policy)
        verdict = judge(facts.task, expected, fetched_at=evidence_at, now=now, stale_after=policy.stale_after)
        stale = now - evidence_at > policy.stale_after
        verdict = _doubted(verdict, stale=stale, skewed=facts.skewed)
        missed_fires_at: tuple[datetime, ...] = ()
        if verdict.state is State.MISSED:
            missed = outlook.missed(policy, until=min(evidence_at, now))
            verdict, missed_fires_at = replace(verdict, consecutive=missed.count), missed.recent
        fires = outlook.fires(now) if facts.task.enabled is not False else (None, None)
        return TaskReport(
            account.name,
            facts.task_id,
            verdict,
            facts.fetch_success,
            task=facts.task,
            fetched_at=facts.fetched_at,
            observed_since_at=outlook.observed_since_at,
            expectation=expected if isinstance(expected, Expectation) else None,
            schedule_valid=isinstance(outlook.schedule, Schedule),
            schedule_error=str(outlook.schedule) if isinstance(outlook.schedule, ScheduleError) else "",
            previous_fire_at=fires[0],
            next_fire_at=fires[1],
            last_run_age=None if stale else _age(facts.task, now),
            missed_fires_at=missed_fires_at,
            lateness=None if Problem.IMPLAUSIBLE in verdict.problems else outlook.lateness(policy),
            counts=facts.entry.counts if facts.entry else None,
            counted_since_at=facts.entry.first_seen_at if facts.entry else None,
        )


def _common_fire(
    account: str, tasks: Iterable[TaskReport], facts: Mapping[str, TaskFacts]
) -> tuple[datetime | None, int]:
    """The fire that most of an account's missing tasks have missed, the latest of several, and how many have."""
    missing = [task for task in tasks if task.account == account and task.missed_fires_at]
    if len(missing) < 2:
        return None, 0
    named = Counter(at for task in missing for at in {_first_missed(task), *task.missed_fires_at})
    counts = {
        at: sum(_missed_at(task, at, facts[task.task_id].outlook) for task in missing)
        for at, _ in named.most_common(_CANDIDATES)
    }
    at, number = max(counts.items(), key=lambda fire: (fire[1], fire[0]))
    return (at, number) if number > 1 else (None, 0)


def _missed_at(task: TaskReport, at: datetime, outlook: Outlook | None) -> bool:
    """Whether the task missed a fire at this instant: the newest are listed, older ones are asked for."""
    if at >= task.missed_fires_at[0]:
        return at in task.missed_fires_at
    if outlook is None or at < _first_missed(task):
        return False
    found = next(outlook.schedule.mandatory(at), None) if isinstance(outlook.schedule, Schedule) else None
    return found is not None and found.earliest_at == at


def _without_passed_block(account: AccountReport, now: datetime) -> AccountReport:
    blocked = account.blocked_until_at is not None and account.blocked_until_at > now
    return account if blocked or account.blocked_until_at is None else replace(account, blocked_until_at=None)


def _evidence_at(facts: TaskFacts, now: datetime, seconds: float | None) -> datetime | None:
    """When the facts were true on the wall clock as it goes now: a clock that was set back makes them no younger."""
    if facts.fetched_at is None or facts.fetched_seconds is None or seconds is None:
        return facts.fetched_at
    return min(facts.fetched_at, now - timedelta(seconds=seconds - facts.fetched_seconds))


def _without_data(account: str, facts: TaskFacts) -> TaskReport:
    if facts.not_found:
        verdict = unknown(Problem.NOT_FOUND, "the API does not know this id")
    else:
        verdict = unknown(Problem.NO_DATA, "no poll has told of this task yet")
    return TaskReport(account, facts.task_id, verdict, facts.fetch_success)


def _doubted(verdict: Verdict, *, stale: bool, skewed: bool) -> Verdict:
    """Withdraw the verdict while our clock and the API's disagree; name every problem that keeps it away."""
    if verdict.state is State.DISABLED or not (skewed or verdict.state is State.UNKNOWN):
        return verdict
    others = (Problem.STALE,) * stale + (Problem.CLOCK_SKEW,) * skewed
    problems = tuple(dict.fromkeys((*verdict.problems, *others)))
    if verdict.state is State.UNKNOWN:
        return replace(verdict, problems=problems)
    rule = "our clock and the API's differ by more than 60 s"
    return replace(verdict, state=State.UNKNOWN, rule=rule, problems=problems, consecutive=None)


def _first_missed(task: TaskReport) -> datetime:
    return task.verdict.fire.earliest_at if task.verdict.fire else task.missed_fires_at[0]


def _age(task: Task, now: datetime) -> timedelta | None:
    return None if task.last_run_at is None else max(now - task.last_run_at, timedelta())
