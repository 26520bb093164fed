"""A metric is a row of one of these tables, derived from the report at scrape and never set.

To add a metric, add a row here, a line to docs/metrics.md and its samples to the golden exposition.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from exporter.model import Problem, Reason, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from exporter.model import AccountReport, RunCounts, Task, TaskReport

    Samples = Iterable[tuple[tuple[str, ...], float]]

Subject = TypeVar("Subject")

_SECOND = timedelta(seconds=1)
_STATES = tuple((state, (state.value,)) for state in State)


@dataclass(frozen=True, slots=True)
class Row(Generic[Subject]):
    """One family. `samples` gives, for one subject, the values of the row's own labels and the sample's value."""

    name: str
    help: str
    samples: Callable[[Subject], Samples]
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"

    def family(self, subject_labels: tuple[str, ...], suffix: str) -> GaugeMetricFamily | CounterMetricFamily:
        kind = GaugeMetricFamily if self.kind == "gauge" else CounterMetricFamily
        return kind(self.name, self.help + suffix, labels=(*subject_labels, *self.labels))


def _one(value: Callable[[Subject], float | None]) -> Callable[[Subject], Samples]:
    """A family with at most one sample a subject; None: absent."""

    def samples(subject: Subject) -> Samples:
        found = value(subject)
        return () if found is None else (((), float(found)),)

    return samples


def _fact(value: Callable[[Task], float | None]) -> Callable[[TaskReport], Samples]:
    """A family of what the API told of the task; absent while it has told nothing."""
    return _one(lambda report: None if report.task is None else value(report.task))


def _at(instant: datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _counted(value: Callable[[RunCounts], int]) -> Callable[[TaskReport], Samples]:
    """A counter of the ledger; absent while the API has told nothing."""
    return _one(lambda report: None if report.counts is None else value(report.counts))


def _info(report: TaskReport) -> Samples:
    task = report.task
    return () if task is None else (((task.api, task.frequency, task.crontab or "", task.timezone or ""), 1.0),)


def _states(report: TaskReport) -> Samples:
    return ((own, float(report.verdict.state is state)) for state, own in _STATES)


def _problems(report: TaskReport) -> Samples:
    found = report.verdict.problems
    return (((problem.value,), 1.0) for problem in Problem if problem in found) if found else ()


TASK_LABELS = ("account", "task_id", "task_name")
TASK_ROWS: tuple[Row[TaskReport], ...] = (
    Row(
        "screenshotmax_task_info",
        "Static properties of a scheduled task; join with on (account, task_id) group_left.",
        _info,
        labels=("api", "frequency", "crontab", "timezone"),
    ),
    Row(
        "screenshotmax_task_enabled",
        "Whether the task is enabled.",
        _fact(lambda task: task.enabled),
    ),
    Row(
        "screenshotmax_task_runs",
        "How often the task ran, as the API counts; it may be reset upstream, so delta() and not rate().",
        _fact(lambda task: task.runs),
    ),
    Row(
        "screenshotmax_task_created_timestamp_seconds",
        "When the task was created.",
        _fact(lambda task: _at(task.created_at)),
    ),
    Row(
        "screenshotmax_task_last_run_timestamp_seconds",
        "When the task last ran; absent when it never ran.",
        _fact(lambda task: _at(task.last_run_at)),
    ),
    Row(
        "screenshotmax_task_last_run_age_seconds",
        "Seconds since the task last ran, computed at the scrape; absent when it never ran or the facts are stale."
        " The same as time() - screenshotmax_task_last_run_timestamp_seconds.",
        _one(lambda report: None if report.last_run_age is None else report.last_run_age // _SECOND),
    ),
    Row(
        "screenshotmax_task_previous_fire_timestamp_seconds",
        "When the schedule last called for a run; absent when disabled, invalid or never firing.",
        _one(lambda report: _at(report.previous_fire_at)),
    ),
    Row(
        "screenshotmax_task_next_fire_timestamp_seconds",
        "When the schedule next calls for a run; absent when disabled, invalid or never firing.",
        _one(lambda report: _at(report.next_fire_at)),
    ),
    Row(
        "screenshotmax_task_missed_run",
        "Whether a run is missing past its deadline; 0 when disabled, absent while unknown.",
        _one(lambda report: report.verdict.missed),
    ),
    Row(
        "screenshotmax_task_consecutive_missed_runs",
        "How many runs in a row are missing up to the newest evidence, at most 1000; absent while unknown.",
        _one(lambda report: report.verdict.consecutive),
    ),
    Row("screenshotmax_task_state", "The task's state; exactly one is 1.", _states, labels=("state",)),
    Row(
        "screenshotmax_task_schedule_valid",
        "Whether crontab and timezone can be judged.",
        _one(lambda report: report.schedule_valid),
    ),
    Row(
        "screenshotmax_task_problem",
        "1 for each problem that keeps a verdict away; absent otherwise.",
        _problems,
        labels=("reason",),
    ),
    Row(
        "screenshotmax_task_last_run_lateness_seconds",
        "Last run minus the fire it answers, negative when early; absent when it answers none.",
        _one(lambda report: _seconds(report.lateness)),
    ),
    Row(
        "screenshotmax_task_expected_runs_total",
        "Runs that the schedule called for since the task was first seen; clock changes that schedulers treat"
        " differently are left out.",
        _counted(lambda counts: counts.expected),
        kind="counter",
    ),
    Row(
        "screenshotmax_task_observed_runs_total",
        "Runs by which the API's count rose since the task was first seen.",
        _counted(lambda counts: counts.observed),
        kind="counter",
    ),
    Row(
        "screenshotmax_task_missed_runs_total",
        "Expected runs that were not observed by their deadline, as a net between polls.",
        _counted(lambda counts: counts.missed),
        kind="counter",
    ),
    Row(
        "screenshotmax_task_extra_runs_total",
        "Observed runs that no fire called for, as a net between polls: manual, double, or after their deadline.",
        _counted(lambda counts: counts.extra),
        kind="counter",
    ),
    Row(
        "screenshotmax_task_last_fetch_timestamp_seconds",
        "When the facts of this task were fetched.",
        _one(lambda report: _at(report.fetched_at)),
    ),
    Row(
        "screenshotmax_task_fetch_success",
        "Whether the newest fetch of this task succeeded.",
        _one(lambda report: report.fetch_success),
    ),
)


def _failures(account: AccountReport) -> Samples:
    return (((reason.value,), float(account.failures.get(reason, 0))) for reason in Reason)


def _requests(account: AccountReport) -> Samples:
    return (((code,), float(count)) for code, count in sorted(account.requests.items()))


ACCOUNT_LABELS = ("account",)
ACCOUNT_ROWS: tuple[Row[AccountReport], ...] = (
    Row(
        "screenshotmax_up",
        "Whether the account can be polled: the newest list poll, or any poll of the newest round, succeeded.",
        _one(lambda account: account.up),
    ),
    Row(
        "screenshotmax_tasks",
        "Tasks in the account's last good snapshot; absent before the first.",
        _one(lambda account: account.tasks),
    ),
    Row(
        "screenshotmax_tasks_dropped",
        "Tasks of the account that are not watched because they are more than max_tasks.",
        _one(lambda account: account.dropped),
    ),
    Row(
        "screenshotmax_tasks_missing_common_fire",
        "Tasks of the account that missed the fire which most of the missing ones share; 0 when no two share one.",
        _one(lambda account: account.missing_common_fire),
    ),
    Row(
        "screenshotmax_last_successful_poll_timestamp_seconds",
        "When the last successful poll of the account began; absent before the first.",
        _one(lambda account: _at(account.last_success_at)),
    ),
    Row(
        "screenshotmax_polls_total",
        "Polls of the account, good and bad.",
        _one(lambda account: account.polls),
        kind="counter",
    ),
    Row(
        "screenshotmax_poll_failures_total",
        "Polls of the account that gave no evidence, by reason.",
        _failures,
        labels=("reason",),
        kind="counter",
    ),
    Row(
        "screenshotmax_api_requests_total",
        "Requests to the API by status code; none: without an answer.",
        _requests,
        labels=("code",),
        kind="counter",
    ),
    Row(
        "screenshotmax_api_blocked_until_timestamp_seconds",
        "Until when no request is sent, by Retry-After or back-off; absent when none is in force.",
        _one(lambda account: _at(account.blocked_until_at)),
    ),
    Row(
        "screenshotmax_access_key_readable",
        "Whether the access key could be read when it was last needed; while not, the one read before stays in use.",
        _one(lambda account: account.key_readable),
    ),
    Row(
        "screenshotmax_api_clock_skew_seconds",
        "The newest answer's Date minus our own clock, 0 within the request's duration; beyond 60 no verdict is given.",
        _one(lambda account: _seconds(account.clock_skew)),
    ),
)
