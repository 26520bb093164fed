"""The rules for single tasks. Each yields its findings without account and task; docs/lint.md explains them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING

from exporter.config import format_duration
from exporter.lint.findings import Code, Date, Finding, Severity
from exporter.model import Problem
from exporter.schedule import Schedule, ScheduleError, parse_crontab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from exporter.model import Policy, Task
    from exporter.schedule import ClockChange

AHEAD = timedelta(days=731)  # two years, a leap day among them
LONG_PAUSE = timedelta(days=30)
PAUSED_PERIODS = 2
SHOWN_FIRES = 5
_DAY = timedelta(days=1)
_EVERY_DAY = "0 0 * * *"
_CODES = {
    Problem.INVALID_SCHEDULE: Code.INVALID_SCHEDULE,
    Problem.INVALID_TIMEZONE: Code.INVALID_TIMEZONE,
    Problem.NEVER_FIRES: Code.NEVER_FIRES,
}
_TIMES = {"every_minute": (60, 24), "every_hour": (1, 24), "every_day": (1, 1), "every_month": (1, 1)}
"""Minutes of an hour and hours of a day at which each frequency fires."""


def unreadable(task: Task, error: Schedule | ScheduleError | None) -> Finding:
    """Why an enabled task has no schedule."""
    if isinstance(error, ScheduleError):
        return Finding(_CODES[error.problem], str(error))
    if task.crontab is None:
        return Finding(Code.INVALID_SCHEDULE, "crontab: found no usable text, expected five fields")
    return Finding(Code.INVALID_TIMEZONE, "timezone: found no usable text, expected an IANA name")


def about_schedule(task: Task, schedule: Schedule, *, now: datetime) -> Iterator[Finding]:
    """What holds for every task with this crontab, timezone and frequency."""
    yield from _both_days(task.crontab or "", schedule, now=now)
    yield from _frequency(task.frequency, schedule, now=now)
    yield from _clock_changes(schedule, now=now)


def about_policy(policy: Policy, schedule: Schedule) -> Iterator[Finding]:
    """A grace that was configured; the automatic one is what the project stands by."""
    if policy.grace is not None and policy.grace > schedule.period:
        unseen = ceil(policy.grace / schedule.period) - 1
        spans = f"{format_duration(policy.grace)} is longer than the period of {format_duration(schedule.period)}"
        runs = "a missed run" if unseen == 1 else f"{unseen} missed runs in a row"
        yield Finding(Code.GRACE_LONGER_THAN_PERIOD, f"the grace of {spans}: {runs} may leave no trace")


def forgotten_pause(
    task: Task, schedule: Schedule | ScheduleError | None, *, observed_since_at: datetime | None, now: datetime
) -> Iterator[Finding]:
    """Whether a disabled task has been so for long: since the ledger saw the pause, else since its last run at most."""
    known = schedule if isinstance(schedule, Schedule) else None
    seen_at, words = _last_seen(task, observed_since_at)
    limit = max(LONG_PAUSE, PAUSED_PERIODS * known.period if known else LONG_PAUSE)
    if seen_at is not None and now - seen_at > limit:
        local = seen_at.astimezone(known.zone).replace(tzinfo=None) if known else None
        sentence = f"it is disabled, and {words.format(days=(now - seen_at) // _DAY)}"
        yield Finding(Code.FORGOTTEN_PAUSE, sentence, dates=(Date(local, (seen_at,)),))


def _last_seen(task: Task, observed_since_at: datetime | None) -> tuple[datetime | None, str]:
    """The newest sign of somebody's interest in the task, and how to tell of it; None where there is no evidence."""
    ran_at = None if task.implausible else task.last_run_at
    if observed_since_at is not None and (ran_at is None or observed_since_at > ran_at):
        return observed_since_at, "it has been so for {days} days"
    if ran_at is not None:
        return ran_at, "its last run is {days} days old"
    never_ran = not task.runs and not task.implausible
    return task.created_at if never_ran else None, "it has not run in the {days} days it exists"


def _both_days(crontab: str, schedule: Schedule, *, now: datetime) -> Iterator[Finding]:
    if not schedule.crontab.both_days_restricted or not _either_differs(crontab, schedule.crontab.days_expression):
        return
    dates = tuple(_on(fire, schedule.zone) for fire in islice(_fires(schedule, now), SHOWN_FIRES))
    sentence = "day of month and day of week are both restricted: it fires on days that match either, not both"
    yield Finding(Code.BOTH_DAYS_RESTRICTED, sentence, dates=dates)


def _either_differs(crontab: str, days_expression: str) -> bool:
    """Whether one day field alone would mean other days; not where both hold every day, as `1-31` and `0-6` do."""
    minute, hour, day, month, weekday = crontab.split()
    alone = (f"{minute} {hour} {day} {month} *", f"{minute} {hour} * {month} {weekday}")
    return any(parse_crontab(text).days_expression != days_expression for text in alone)


def _fires(schedule: Schedule, at: datetime) -> Iterator[datetime]:
    fire = schedule.next_fire(at)
    while fire is not None:
        yield fire
        fire = schedule.next_fire(fire)


def _on(at: datetime, zone: ZoneInfo) -> Date:
    return Date(at.astimezone(zone).replace(tzinfo=None), (at,))


def _frequency(frequency: str, schedule: Schedule, *, now: datetime) -> Iterator[Finding]:
    if frequency in _TIMES and (does := _departs(frequency, schedule, now=now)):
        yield Finding(Code.FREQUENCY_MISMATCH, f"the frequency is {frequency}, but the crontab {does}")


def _departs(frequency: str, schedule: Schedule, *, now: datetime) -> str:
    """What the crontab does other than the frequency says; empty when it does just that."""
    minutes, hours = len(schedule.crontab.minutes), len(schedule.crontab.hours)
    if frequency == "every_month":
        if odd := _odd_month(schedule, now):
            return odd
    elif schedule.crontab.days_expression != _EVERY_DAY:
        return "does not fire every day"
    if (minutes, hours) == _TIMES[frequency]:
        return ""
    expected = _TIMES[frequency][0] * _TIMES[frequency][1]
    if minutes * hours == expected:
        return "does not fire in every hour"
    return f"fires {minutes * hours} times a day instead of {expected}"


def _odd_month(schedule: Schedule, now: datetime) -> str:
    """The first of the next 24 whole months in which it does not fire on just one day."""
    first = now.astimezone(schedule.zone).date()
    for _ in range(24):
        first = _next_month(first)
        days = [day for day in islice(schedule.fire_days(first), 2) if day < _next_month(first)]
        if len(days) != 1:
            return f"fires on {'several days' if days else 'no day'} of {first:%B %Y}"
    return ""


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _clock_changes(schedule: Schedule, *, now: datetime) -> Iterator[Finding]:
    dates = tuple(_changed(change, schedule.zone) for change in schedule.clock_changes(now, now + AHEAD))
    times = "once" if len(dates) == 1 else f"{len(dates)} times"
    if dates and len(schedule.crontab.hours) == 24:
        # No run is lost that the next hour does not make up for: to be known, not to be mended.
        sentence = f"it fires in every hour; clock changes skip or repeat an hour {times} in two years"
        yield Finding(Code.CLOCK_CHANGE, sentence, Severity.INFO, dates)
    elif dates:
        sentence = f"clock changes skip or repeat a fire {times} in two years; what runs then is not certain"
        yield Finding(Code.CLOCK_CHANGE, sentence, dates=dates)


def _changed(change: ClockChange, zone: ZoneInfo) -> Date:
    """The change's first fire, and what common conventions do with it."""
    wall, more = change.fires[0], len(change.fires) - 1
    one = f"and {more} more until {change.fires[-1]:%H:%M} " if more else ""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if change.skips:
        instants = tuple(sorted({change.changed_at, first}))
        runs = " or ".join(_told(at, zone) for at in instants)
        verb = "are" if more else "is"
        return Date(wall, instants, f"{one}{verb} skipped: not run, or at {runs}")
    verb = "come" if more else "comes"
    return Date(
        wall, (first, second), f"{one}{verb} twice: run at {_told(first, zone)}, at {_told(second, zone)} or at both"
    )


def _told(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M %Z} ({at:%H:%M}Z)"
