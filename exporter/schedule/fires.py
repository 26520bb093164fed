"""When a crontab fires in a timezone, in UTC, with clock changes settled by zoneinfo and never by croniter.

croniter, which is wrong at clock changes, expands the fields of the days and no more (see days). A fire is *mandatory*
when every clock-change convention performs it; what is *shown* follows Vixie/Debian cron.
"""

from __future__ import annotations

import zoneinfo
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import tzdata

from exporter.model import Problem, Window
from exporter.schedule.changes import ClockChange, zone_changes
from exporter.schedule.crontab import Crontab, ScheduleError, parse_crontab
from exporter.schedule.days import FireDays
from exporter.schedule.hours import CLOCK_RESET, calm_midnight, hour_of, midnight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.schedule.hours import Hour

# The packaged IANA database, not the system's: a distribution's lags behind, and a slim image has none.
zoneinfo.reset_tzpath(to=())

PSEUDO_ZONES = frozenset({"localtime", "posixrules", "Factory"})
_DAY = timedelta(days=1)
_AROUND = CLOCK_RESET + timedelta(hours=1)  # how far from the wall clock's order a fire can be
_PERIOD_FROM = datetime(2024, 1, 1)  # noqa: DTZ001 - local, in whatever zone
_GRACE_BOUNDS = (timedelta(minutes=5), timedelta(hours=1))
_EARLY_MOST = timedelta(minutes=10)


class Schedule:
    """The fires of one crontab in one timezone. It never changes: any thread may ask."""

    __slots__ = ("__weakref__", "_days", "auto_early", "auto_grace", "crontab", "period", "zone")

    def __init__(self, crontab: Crontab, zone: zoneinfo.ZoneInfo) -> None:
        """Raises ScheduleError(never_fires)."""
        self.zone = zone
        self.crontab = crontab
        self._days = FireDays(crontab.days_expression)
        if not self._days:
            raise ScheduleError(Problem.NEVER_FIRES, "no date of the calendar satisfies the crontab")
        self.period = self._shortest_gap()
        self.auto_grace = _whole_minutes(min(max(self.period / 10, _GRACE_BOUNDS[0]), _GRACE_BOUNDS[1]))
        self.auto_early = min(_EARLY_MOST, self.period / 10)

    def previous_fire(self, at: datetime) -> datetime | None:
        """The latest fire <= at, as Vixie cron has it."""
        best: datetime | None = None
        for hour in self._back(at.astimezone(self.zone).replace(tzinfo=None) + _AROUND):
            # Fires follow the wall clock but where an hour is repeated: look on while an hour may hold a later one.
            if best is not None and hour.span is not None and hour.span[1] <= best:
                break
            best = max(filter(None, (best, hour.until(at))), default=None)
        return best

    def next_fire(self, at: datetime) -> datetime | None:
        """The earliest fire > at, as Vixie cron has it."""
        best: datetime | None = None
        for hour in self._onwards(at.astimezone(self.zone).replace(tzinfo=None) - _AROUND):
            if best is not None and hour.span is not None and hour.span[0] >= best:
                break
            best = min(filter(None, (best, hour.after(at))), default=None)
        return best

    def mandatory(self, start: datetime) -> Iterator[Window]:
        """Mandatory fires with earliest >= start, in order, as far as the calendar goes."""
        for hour in self._onwards(start.astimezone(self.zone).replace(tzinfo=None)):
            yield from hour.windows(start)

    def _hours_onwards(self, wall: datetime) -> Iterator[tuple[date, int]]:
        for day in self._days.onwards(wall.date()):
            yield from ((day, hour) for hour in self.crontab.hours if day > wall.date() or hour >= wall.hour)

    def _onwards(self, wall: datetime) -> Iterator[Hour]:
        return (self._hour(*each) for each in self._hours_onwards(wall))

    def _back(self, wall: datetime) -> Iterator[Hour]:
        for day in self._days.backwards(wall.date()):
            hours = (hour for hour in reversed(self.crontab.hours) if day < wall.date() or hour <= wall.hour)
            yield from (self._hour(day, hour) for hour in hours)

    def _hour(self, day: date, hour: int) -> Hour:
        return hour_of(self.crontab, self.zone, day, hour)

    def skim(self, start: datetime, until: datetime) -> tuple[int, datetime]:
        """How many mandatory fires have earliest in [start, end), and that end: two days before `until`, or start.

        Days without a clock change are not resolved fire by fire, so a minutely task's year is soon counted.
        """
        first = start.astimezone(self.zone).date() + _DAY
        end = until.astimezone(self.zone).date() - 2 * _DAY
        if end <= first:
            return 0, start
        first_at, end_at = midnight(first, self.zone), midnight(end, self.zone)
        count = sum(1 for _ in takewhile(lambda fire: fire.earliest_at < first_at, self.mandatory(start)))
        for day in takewhile(lambda day: day < end, self._days.onwards(first)):
            if calm_midnight(day, self.zone) is None:
                hours = (self._hour(day, hour) for hour in self.crontab.hours)
                count += sum(1 for hour in hours for _ in hour.windows(start))
            else:
                count += len(self.crontab.hours) * len(self.crontab.minutes)
        return count, end_at

    def optional(self, after: datetime, until: datetime) -> list[Window]:
        """Fires with earliest in (after, until] that only some clock-change conventions perform."""
        last = until.astimezone(self.zone).date() + _DAY
        found: list[Window] = []
        for day in self._days.onwards(after.astimezone(self.zone).date() - _DAY):
            if day > last:
                break
            if calm_midnight(day, self.zone) is None:
                hours = (self._hour(day, hour) for hour in self.crontab.hours)
                found.extend(fire for hour in hours for fire in hour.optional if after < fire.earliest_at <= until)
        return found

    def fire_days(self, start: date) -> Iterator[date]:
        """The local days with a fire, from `start` on, as far as the calendar goes."""
        return self._days.onwards(start)

    def clock_changes(self, start: datetime, end: datetime) -> Iterator[ClockChange]:
        """The clock changes in (start, end) that skip or repeat wall times at which it fires, with these."""
        for change in zone_changes(self.zone, start, end):
            if fires := tuple(self._walls(change.first, change.end)):
                yield replace(change, fires=fires)

    def _walls(self, first: datetime, end: datetime) -> Iterator[datetime]:
        """The naive wall times in [first, end) at which it fires."""
        for day, hour in self._hours_onwards(first):
            if datetime.combine(day, time(hour)) >= end:
                break
            walls = (datetime.combine(day, time(hour, minute)) for minute in self.crontab.minutes)
            yield from (wall for wall in walls if first <= wall < end)

    def _shortest_gap(self) -> timedelta:
        """The period: the shortest wall-clock gap among the ten fires after 2024-01-01T00:00 local."""
        walls = (
            datetime.combine(day, time(hour, minute))
            for day, hour in self._hours_onwards(_PERIOD_FROM)
            for minute in self.crontab.minutes
        )
        return min(later - earlier for earlier, later in pairwise(islice(walls, 11)))


def parse_schedule(crontab: str, timezone: str) -> Schedule:
    """The schedule, or ScheduleError with invalid_schedule, invalid_timezone or never_fires and one sentence."""
    found = _attempt(crontab, timezone)
    if isinstance(found, ScheduleError):
        raise found
    return found


def _zone(name: str) -> zoneinfo.ZoneInfo:
    if name not in zone_names():
        raise ScheduleError(Problem.INVALID_TIMEZONE, f"timezone: found {name[:40]!r}, expected an IANA name")
    return zoneinfo.ZoneInfo(name)


def zones_version() -> str:
    """The release of the IANA database in use, such as 2026f."""
    return str(tzdata.IANA_VERSION)


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """The IANA names of the packaged database; not its pseudo zones, which mean the container's own zone."""
    return frozenset(zoneinfo.available_timezones()) - PSEUDO_ZONES


def _whole_minutes(span: timedelta) -> timedelta:
    minute = timedelta(minutes=1)
    return -(-span // minute) * minute


class Schedules:
    """One schedule per distinct (crontab, timezone), made once; a negative answer is remembered too.

    It lives while somebody holds it, as for a task that is watched, and while it is among the `most` last asked for.
    So upstream cannot fill the memory with schedules that it has changed.
    """

    def __init__(self, *, most: int = 1024) -> None:
        self._alive = WeakValueDictionary[tuple[str, str], Schedule | ScheduleError]()
        self.get = lru_cache(maxsize=most)(self._find)

    def _find(self, crontab: str, timezone: str) -> Schedule | ScheduleError:
        found = self._alive.get((crontab, timezone))
        if found is None:
            found = self._alive[crontab, timezone] = _attempt(crontab, timezone)
        return found


def _attempt(crontab: str, timezone: str) -> Schedule | ScheduleError:
    try:
        return Schedule(parse_crontab(crontab), _zone(timezone))
    except ScheduleError as error:
        return error.with_traceback(None)  # which would hold what the parser had in hand
    except Exception as error:  # noqa: BLE001 - libraries raise nearly anything, and one task must not stop the rest
        return ScheduleError(Problem.INVALID_SCHEDULE, f"cannot be read ({type(error).__name__})")
