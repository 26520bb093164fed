"""The status page: the report in the words and times of a reader, most troubled tasks first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from exporter.judge import MOST_MISSED
from exporter.model import Problem, Reason, State
from exporter.report import TROUBLE, by_trouble
from exporter.web.choice import Choice
from exporter.web.moments import Moments
from exporter.web.page import Page
from exporter.web.task_page import task_path
from exporter.web.words import (
    PROBLEM_WORDS,
    REASON_WORDS,
    STATE_WORDS,
    TELLING,
    ago,
    count_of,
    sentence,
    skew_words,
    span_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from exporter.model import AccountReport, LastReload, Report, TaskReport

MAX_ROWS = 500
AGAIN = {"Refresh": "15"}  # seconds
NOTABLE_SKEW = timedelta(seconds=5)
ALL = Choice()


@dataclass(frozen=True, slots=True)
class Stamp:
    """An instant for a reader: the words shown, and RFC 3339 and plain UTC behind them."""

    text: str
    iso: str
    utc: str


@dataclass(frozen=True, slots=True)
class Count:
    """How many tasks are in a state, and where they are."""

    state: State
    words: str
    number: int
    link: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A configuration that was refused, and the one that is in force."""

    at: Stamp
    in_force: Stamp


@dataclass(frozen=True, slots=True)
class Card:
    """One account."""

    name: str
    link: str | None  # to its tasks, where there are others
    status: str  # up, down, waiting: also its CSS class
    status_words: str
    last_success: Stamp | None
    tasks: int | None
    interval: str
    failure: str | None
    key: str | None  # what is wrong with the access key, where the polls go on
    blocked_until: Stamp | None
    skew: str | None
    dropped: int
    common: str | None  # the fire that many tasks missed together


@dataclass(frozen=True, slots=True)
class Row:
    """One task."""

    account: str
    id: str
    link: str
    name: str
    crontab: str
    timezone: str
    state: State
    state_words: str
    in_a_row: str | None
    last_run: Stamp | None
    runs: int | None
    previous_fire: Stamp | None
    next_fire: Stamp | None
    why: tuple[str, ...]
    problems: tuple[str, ...]


class StatusPage(Page):
    """Renders the report as HTML."""

    def __init__(self, *, version: str, telemetry_path: str, external_url: str = "") -> None:
        canonical = f"{external_url}/" if external_url else None
        metrics_link = telemetry_path.lstrip("/")
        super().__init__("status.html", has_form=True, version=version, metrics_link=metrics_link, canonical=canonical)

    def render(self, report: Report, *, choice: Choice = ALL) -> bytes:
        return self.fill(**view(report, choice))

    def headers(self, *, refreshes: bool = True) -> dict[str, str]:
        """The page's own headers: what a browser may do with it, and when it asks again."""
        return {**super().headers(), **AGAIN} if refreshes else super().headers()


def view(report: Report, choice: Choice = ALL) -> dict[str, object]:
    """What the template shows, in its order. The headline is about all tasks, whichever are chosen."""
    ranked = sorted(filter(choice.takes, report.tasks), key=by_trouble)
    states = Counter(each.verdict.state for each in report.tasks)
    return {
        "at": _stamp(report.at, f"{report.at:%H:%M:%S} UTC"),
        "refused": _refused(report.last_reload, report.at),
        "cards": [_card(each, report, choice) for each in report.accounts],
        "counts": list(_counts(report, choice)),
        "choice": choice,
        "other_refresh": replace(choice, refreshes=not choice.refreshes).link(),
        "everything": Choice(refreshes=choice.refreshes).link(),
        "watched": len(report.tasks),
        "headline": _headline(states),
        "missed": states[State.MISSED],
        "rows": [_row(each, report.at) for each in ranked[:MAX_ROWS]],
        "total": len(ranked),
        "awaited": [each.name for each in report.accounts if not each.polled],
    }


def _headline(states: Mapping[State, int]) -> str:
    total = sum(states.values())
    if states[State.MISSED]:
        return f"{states[State.MISSED]} of {count_of(total, 'task')} missed a run"
    if states[State.UNKNOWN]:
        return f"No missed run is known; {count_of(states[State.UNKNOWN], 'task')} cannot be judged"
    return f"No missed run among {count_of(total, 'task')}" if total else "No task to watch yet"


def _counts(report: Report, choice: Choice) -> Iterator[Count]:
    states = Counter(each.verdict.state for each in filter(choice.is_among, report.tasks))
    for state in TROUBLE:
        link = choice.toggled(state).link()
        yield Count(state, STATE_WORDS[state], states[state], link, chosen=choice.state == state)


def _refused(last: LastReload | None, now: datetime) -> Refused | None:
    if last is None or last.successful:
        return None
    return Refused(_time_of_day(last.tried_at, now), _time_of_day(last.success_at, now))


def _time_of_day(at: datetime, now: datetime) -> Stamp:
    """In UTC; with its date where that is not today's."""
    day = "" if at.date() == now.date() else f"{at:%a %d %b}, "
    return _stamp(at, f"{day}{at:%H:%M:%S} UTC")


def _card(account: AccountReport, report: Report, choice: Choice) -> Card:
    now = report.at
    own = replace(choice, account="" if choice.account == account.name else account.name)
    status = "waiting" if not account.polled else "up" if account.up else "down"
    blocked, skew = account.blocked_until_at, account.clock_skew
    return Card(
        name=account.name,
        link=own.link() if len(report.accounts) > 1 else None,
        status=status,
        status_words={"waiting": "First poll pending", "up": "Up", "down": "Poll failing"}[status],
        last_success=_relative(account.last_success_at, now),
        tasks=account.tasks,
        interval=span_words(account.interval),
        failure=_failure(account),
        key=_key(account),
        blocked_until=_relative(blocked, now) if blocked and blocked > now else None,
        skew=skew_words(skew) if skew is not None and abs(skew) >= NOTABLE_SKEW else None,
        dropped=account.dropped,
        common=_common(account),
    )


def _failure(account: AccountReport) -> str | None:
    if account.last_reason is None:
        return None
    detail = f": {account.last_detail}" if account.last_reason in TELLING else ""
    return REASON_WORDS[account.last_reason] + detail


def _key(account: AccountReport) -> str | None:
    """Nothing where it is what the polls fail for: that says more already."""
    if account.key_readable or account.last_reason is Reason.KEY:
        return None
    return "The access key cannot be read; the one that was read before is in use"


def _common(account: AccountReport) -> str | None:
    if account.common_fire_at is None:
        return None
    return f"{account.missing_common_fire:,} tasks missed the fire of {account.common_fire_at:%a %d %b %H:%M} UTC"


def _row(known: TaskReport, now: datetime) -> Row:
    task, verdict = known.task, known.verdict
    zone = _zone(known)
    missed_in_a_row = verdict.consecutive if verdict.state is State.MISSED else None
    return Row(
        account=known.account,
        id=known.task_id,
        link=task_path(known),
        name=task.name if task else "",
        crontab=(task.crontab or "") if task else "",
        timezone=(task.timezone or "") if task else "",
        state=verdict.state,
        state_words=STATE_WORDS[verdict.state],
        in_a_row=f"{missed_in_a_row} in a row" if missed_in_a_row and missed_in_a_row > 1 else None,
        last_run=_relative(task.last_run_at, now) if task else None,
        runs=task.runs if task else None,
        previous_fire=_local(known.previous_fire_at, zone),
        next_fire=_local(known.next_fire_at, zone),
        why=tuple(_reasons(known, now)),
        problems=tuple(PROBLEM_WORDS[problem] for problem in verdict.problems),
    )


def _reasons(known: TaskReport, now: datetime) -> Iterator[str]:
    """The rule that decided, what is wrong, and the times that matter to it."""
    verdict, task = known.verdict, known.task
    yield _missed(known, now) or sentence(verdict.rule)
    if known.schedule_error:
        yield sentence(known.schedule_error)
    if verdict.deadline_at and verdict.state in (State.DUE, State.MISSED):
        yield f"Deadline: {ago(verdict.deadline_at, now)}."
    if task and task.bad_fields:
        yield f"Unusable: {', '.join(sorted(task.bad_fields))}."
    if known.fetched_at and (known.fetch_success is False or Problem.STALE in verdict.problems):
        yield f"Last fetched {ago(known.fetched_at, now)}."


def _missed(known: TaskReport, now: datetime) -> str:
    """Which runs are missing; empty where none is."""
    verdict = known.verdict
    if verdict.state is not State.MISSED or verdict.fire is None:
        return ""
    first, others = Moments(now, _zone(known)).short(verdict.fire.earliest_at), (verdict.consecutive or 1) - 1
    least = "at least " if others + 1 >= MOST_MISSED else ""
    return f"Missed the run of {first}{f' and {least}{others:,} since' if others else ''}."


def _zone(known: TaskReport) -> ZoneInfo | None:
    name = known.task.timezone if known.task and known.schedule_valid else None
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, KeyError):
        return None


def _local(at: datetime | None, zone: ZoneInfo | None) -> Stamp | None:
    """A fire in the task's own time; in UTC where its zone is not known."""
    return None if at is None else _stamp(at, f"{at.astimezone(zone or UTC):%a %d %b, %H:%M %Z}")


def _relative(at: datetime | None, now: datetime) -> Stamp | None:
    return None if at is None else _stamp(at, ago(at, now))


def _stamp(at: datetime, text: str) -> Stamp:
    utc = at.astimezone(UTC)
    return Stamp(text, f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S} UTC")
