"""Many tasks of an account on one minute."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from math import ceil
from typing import TYPE_CHECKING

from exporter.lint.findings import Code, Date, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from exporter.model import Task
    from exporter.schedule import Schedule

LEAST_TASKS = 5
LEAST_PERCENT = 20
MOST_AN_HOUR = 12  # a task that fires more often shares its minutes with anybody, wherever it is moved
AHEAD_DAYS = 31  # so that monthly tasks are seen
SHOWN_MINUTES = 5


class _Midnights(dict[tuple["ZoneInfo", date], "int | None"]):
    """The minute since the epoch at which a local day begins; None for a day on which the zone changes its clocks."""

    def __missing__(self, key: tuple[ZoneInfo, date]) -> int | None:
        zone, day = key
        begins, ends = (datetime.combine(day + timedelta(days=days), time(), zone) for days in (0, 1))
        self[key] = _minute(begins) if begins.utcoffset() == ends.utcoffset() else None
        return self[key]


def stampede(fired: Sequence[tuple[Task, Schedule]], *, now: datetime) -> Iterator[Finding]:
    """At most one finding: the busiest minutes to come, where enough of an account's enabled tasks fire together.

    Days on which a zone changes its clocks are left out.
    """
    counted = [(task, schedule) for task, schedule in fired if len(schedule.crontab.minutes) <= MOST_AN_HOUR]
    least = max(LEAST_TASKS, ceil(len(counted) * LEAST_PERCENT / 100))
    midnights = _Midnights()
    crowds = _crowds(Counter(schedule for _, schedule in counted), midnights, now=now)
    busy = {minute: tasks for minute, tasks in crowds.items() if tasks >= least}
    if not busy:
        return
    minutes = sorted(busy, key=lambda minute: (-busy[minute], minute))[:SHOWN_MINUTES]
    together = tuple(task for task, schedule in counted if _fires_at(minutes[0], schedule, midnights))
    zones = {schedule.zone for _, schedule in counted}
    dates = tuple(_date(minute, zones, note=f"{busy[minute]} tasks") for minute in minutes)
    times = "minute has" if len(busy) == 1 else "minutes have"
    sentence = (
        f"{len(together)} of {len(counted)} tasks fire in the same minute, {_instant(minutes[0]):%Y-%m-%d %H:%M} UTC; "
        f"{len(busy)} {times} {least} or more in the coming {AHEAD_DAYS} days"
    )
    yield Finding(Code.STAMPEDE, sentence, dates=dates, tasks=together)


def _crowds(schedules: Mapping[Schedule, int], midnights: _Midnights, *, now: datetime) -> dict[int, int]:
    """How many tasks fire at each minute to come."""
    crowds: Counter[int] = Counter()
    for schedule, tasks in schedules.items():
        for minute in _minutes(schedule, midnights, now=now):
            crowds[minute] += tasks
    first, end = _minute(now), _minute(now + timedelta(days=AHEAD_DAYS))
    return {minute: tasks for minute, tasks in crowds.items() if first < minute <= end}


def _minutes(schedule: Schedule, midnights: _Midnights, *, now: datetime) -> Iterator[int]:
    # Whole minutes, as integers: datetimes would take a minute for ten thousand tasks.
    times = [hour * 60 + minute for hour in schedule.crontab.hours for minute in schedule.crontab.minutes]
    first = now.astimezone(schedule.zone).date()
    last = first + timedelta(days=AHEAD_DAYS)
    for day in takewhile(lambda day: day <= last, schedule.fire_days(first)):
        midnight = midnights[schedule.zone, day]
        if midnight is not None:
            yield from [midnight + at for at in times]


def _fires_at(minute: int, schedule: Schedule, midnights: _Midnights) -> bool:
    day = _instant(minute).astimezone(schedule.zone).date()
    midnight = midnights[schedule.zone, day]
    if midnight is None or next(schedule.fire_days(day), None) != day:
        return False
    hour, minute_of_hour = divmod(minute - midnight, 60)
    return hour in schedule.crontab.hours and minute_of_hour in schedule.crontab.minutes


def _date(minute: int, zones: set[ZoneInfo], *, note: str) -> Date:
    at = _instant(minute)
    local = at.astimezone(next(iter(zones))).replace(tzinfo=None) if len(zones) == 1 else None
    return Date(local, (at,), note)


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _instant(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
