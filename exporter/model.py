"""The nouns of the house: frozen values that every floor may hold. They hold; they decide nothing.

Every instant (`_at`) is an aware UTC datetime, every span a timedelta.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime


FUTURE_MARGIN = timedelta(seconds=300)  # a last_run further ahead is no clock difference


class State(StrEnum):
    """What can be said of a task at one instant."""

    OK = "ok"
    DUE = "due"
    MISSED = "missed"
    NEVER_RAN = "never_ran"
    DISABLED = "disabled"
    UNKNOWN = "unknown"


class Problem(StrEnum):
    """Why a task has no verdict; the value is the label value of `screenshotmax_task_problem`."""

    INVALID_SCHEDULE = "invalid_schedule"
    INVALID_TIMEZONE = "invalid_timezone"
    NEVER_FIRES = "never_fires"
    BAD_FIELD = "bad_field"
    IMPLAUSIBLE = "implausible"
    CLOCK_SKEW = "clock_skew"
    STALE = "stale"
    NOT_FOUND = "not_found"
    NO_DATA = "no_data"


class Reason(StrEnum):
    """Why a poll failed; the value is the label value of `screenshotmax_poll_failures_total`."""

    HTTP_400 = "http_400"
    HTTP_401 = "http_401"
    HTTP_402 = "http_402"
    HTTP_404 = "http_404"
    HTTP_423 = "http_423"
    HTTP_429 = "http_429"
    HTTP_5XX = "http_5xx"
    HTTP_OTHER = "http_other"
    REDIRECT = "redirect"
    TIMEOUT = "timeout"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    RESET = "reset"
    PROTOCOL = "protocol"
    ENCODING = "encoding"
    TOO_LARGE = "too_large"
    BAD_JSON = "bad_json"
    BAD_SHAPE = "bad_shape"
    WRONG_ID = "wrong_id"
    CLOCK_SKEW = "clock_skew"
    KEY = "key"
    INTERNAL = "internal"


class Secret:
    """A text that no repr, format, log or traceback shows. Unwrap it only where the request is built."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))


@dataclass(frozen=True, slots=True)
class Task:
    """A scheduled task as upstream told of it. None: absent upstream, or unusable and named in `bad_fields`."""

    id: str  # exact decimal text, never through a float
    name: str = ""
    api: str = ""
    frequency: str = ""
    crontab: str | None = None
    timezone: str | None = None
    enabled: bool | None = None
    created_at: datetime | None = None
    last_run_at: datetime | None = None  # None also when it never ran
    runs: int | None = None
    implausible: bool = False  # last_run is a number that is no instant in seconds: negative, or milliseconds
    bad_fields: frozenset[str] = frozenset()  # wire names of fields that were there but unusable


@dataclass(frozen=True, slots=True)
class TaskList:
    """One good List Tasks answer: the tasks that were wanted, how many were too many, how many could not be read."""

    tasks: tuple[Task, ...]
    unreadable: int = 0
    dropped: int = 0  # wanted, but beyond max_tasks


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `total` exporters that share the tasks, counted from 0."""

    ordinal: int = 0
    total: int = 1


UNSHARDED = Shard()


class PollError(Exception):
    """A poll that gave no evidence. `reason` is the label value; `detail` is safe to log (it never quotes upstream)."""

    def __init__(self, reason: Reason, detail: str = "", *, blocked_for: timedelta | None = None) -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail
        self.blocked_for = blocked_for  # what upstream asked us to wait (Retry-After), already capped
        self.key_renewed = False  # the access key has been replaced since it was sent


@dataclass(frozen=True, slots=True)
class Policy:
    """How lenient to be with one task. None means auto: derived from the schedule's period."""

    stale_after: timedelta
    grace: timedelta | None = None
    early: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A mandatory fire: the earliest and latest instant at which any clock-change convention performs it."""

    earliest_at: datetime
    latest_at: datetime


class Fires(Protocol):
    """What the judge asks of a schedule."""

    @property
    def auto_grace(self) -> timedelta: ...
    @property
    def auto_early(self) -> timedelta: ...
    def mandatory(self, start: datetime) -> Iterator[Window]:
        """Mandatory fires with earliest >= start, in order, without end unless the calendar ends."""
        ...

    def skim(self, start: datetime, until: datetime) -> tuple[int, datetime]:
        """How many mandatory fires have earliest in [start, end), and that end: some days before `until`, or start."""
        ...

    def optional(self, after: datetime, until: datetime) -> Sequence[Window]:
        """Fires that only some clock-change conventions perform, with earliest in (after, until]."""
        ...


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must have happened by when, fixed until the task's facts change: the first fire no run has answered."""

    grace: timedelta
    early: timedelta
    base_at: datetime  # no fire before this instant is judged
    fire: Window | None = None  # None: no mandatory fire is to come
    deadline_at: datetime | None = None  # fire.latest_at + grace


@dataclass(frozen=True, slots=True)
class RunCounts:
    """The ledger's four counts of one task. They only rise."""

    expected: int = 0
    observed: int = 0
    missed: int = 0
    extra: int = 0

    def __add__(self, more: RunCounts) -> RunCounts:
        return RunCounts(
            self.expected + more.expected,
            self.observed + more.observed,
            self.missed + more.missed,
            self.extra + more.extra,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one task at one instant, and the sentence of the rule that decided."""

    state: State
    rule: str
    problems: tuple[Problem, ...] = ()
    fire: Window | None = None  # the fire that was judged
    deadline_at: datetime | None = None  # its deadline
    consecutive: int | None = None  # fires missed in a row, capped; None while unknown

    @property
    def missed(self) -> bool | None:
        """The missed-run flag: None while unknown."""
        return None if self.state is State.UNKNOWN else self.state is State.MISSED


@dataclass(frozen=True, slots=True)
class TaskReport:
    """All that is known and judged of one task at the report's instant."""

    account: str
    task_id: str
    verdict: Verdict
    fetch_success: bool  # newest fetch of this task; False before the first
    task: Task | None = None  # None while never fetched, or gone
    fetched_at: datetime | None = None  # when the request that gave the facts started
    observed_since_at: datetime | None = (
        None  # when this schedule or enablement was first seen; None: as old as the task
    )
    expectation: Expectation | None = None
    schedule_valid: bool | None = None
    schedule_error: str = ""  # one clear sentence when the schedule is invalid
    previous_fire_at: datetime | None = None
    next_fire_at: datetime | None = None
    last_run_age: timedelta | None = None  # at the report's instant, never negative; None: never ran, or stale
    missed_fires_at: tuple[datetime, ...] = ()  # the newest of the fires missed in a row, oldest first
    lateness: timedelta | None = None  # last run minus the fire it answers, signed
    counts: RunCounts | None = None  # of the ledger, since the task was first seen
    counted_since_at: datetime | None = None  # when that was


@dataclass(frozen=True, slots=True)
class Histogram:
    """A finished tally: (upper bound in seconds, cumulative count) pairs, the last bound infinite, and the sum."""

    buckets: tuple[tuple[float, int], ...]
    sum_seconds: float


@dataclass(frozen=True, slots=True)
class AccountReport:
    """One account at the report's instant."""

    name: str
    interval: timedelta
    up: bool = False  # the newest list poll, or any of the newest round's single ones; False before the first
    polled: bool = False  # the first round has finished, well or badly
    last_reason: Reason | None = None  # of the newest failure, while not up
    last_detail: str = ""  # the same in words that quote nothing
    tasks: int | None = None  # in the last good snapshot
    dropped: int = 0  # beyond max_tasks
    last_success_at: datetime | None = None
    polls: int = 0
    failures: Mapping[Reason, int] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)  # by status code, or "none"
    durations: Histogram | None = None
    blocked_until_at: datetime | None = None
    key_readable: bool = True  # when it was last needed
    clock_skew: timedelta | None = None  # the answer's Date minus our clock
    missing_common_fire: int = 0  # tasks that missed the fire which most of the missing ones share; 0: no two do
    common_fire_at: datetime | None = None  # that fire


@dataclass(frozen=True, slots=True)
class LastReload:
    """When the newest attempt to load the configuration was, the first included, and when one last succeeded."""

    tried_at: datetime
    successful: bool
    success_at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """Everything there is to show at one instant. All readers are given the same."""

    at: datetime
    accounts: tuple[AccountReport, ...]
    tasks: tuple[TaskReport, ...]
    internal_errors: Mapping[str, int] = field(default_factory=dict)
    ledger_recoveries: int = 0  # damaged ledger files set aside since the start
    last_reload: LastReload | None = None  # None: there is no file that could be loaded again
