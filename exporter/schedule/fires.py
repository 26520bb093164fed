"""When a crontab fires in a timezone, in UTC, with clock changes settled by zoneinfo and never by croniter.

croniter is given naive local days only: with aware datetimes it is wrong at clock changes. A fire is *mandatory*
when every clock-change convention performs it; what is *shown* follows Vixie/Debian cron.
"""

from __future__ import annotations

import zoneinfo
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from typing import TYPE_CHECKING

import tzdata
from croniter import CroniterBadDateError, croniter

from exporter.model import Problem, Window
from exporter.schedule.changes import ClockChange, change_between, zone_changes
from exporter.schedule.crontab import Crontab, ScheduleError, parse_crontab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The packaged IANA database, not the system's: a distribution's lags behind, and a slim image has none.
zoneinfo.reset_tzpath(to=())

CLOCK_RESET = timedelta(hours=3)  # Vixie cron takes a larger jump for somebody setting the clock
PSEUDO_ZONES = frozenset({"localtime", "posixrules", "Factory"})
_DAY = timedelta(days=1)
_AROUND = CLOCK_RESET + timedelta(hours=1)  # how far from the wall clock's order a fire can be
_PERIOD_FROM = datetime(2024, 1, 1)  # noqa: DTZ001 - local, in whatever zone
_GRACE_BOUNDS = (timedelta(minutes=5), timedelta(hours=1))
_EARLY_MOST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Hour:
    """The fires of one local hour, each in order."""

    windows: tuple[Window, ...]  # mandatory
    shown: tuple[datetime, ...]  # Vixie's
    optional: tuple[Window, ...]  # what some conventions run once and others not at all


class _FireDays:
    """The days on which a crontab fires. What croniter has answered is kept: many tasks ask about the same days."""

    def __init__(self, expression: str) -> None:
        self._croniter = croniter(expression, datetime(2024, 1, 1), implement_cron_bug=True)  # noqa: DTZ001 - naive on purpose
        self._from = lru_cache(maxsize=64)(self._ask_from)
        self._back = lru_cache(maxsize=64)(self._ask_back)

    def onwards(self, day: date) -> Iterator[date]:
        """Fire days from `day` on, as far as the calendar goes."""
        found = self._from(day)
        while found is not None:
            yield found
            found = self._from(found + _DAY)

    def backwards(self, day: date) -> Iterator[date]:
        """Fire days from `day` back."""
        found = self._back(day)
        while found is not None:
            yield found
            found = self._back(found - _DAY)

    def _ask_from(self, day: date) -> date | None:
        # croniter excludes equality: ask from the minute before midnight.
        return self._ask(datetime.combine(day, time()) - timedelta(minutes=1), self._croniter.get_next)

    def _ask_back(self, day: date) -> date | None:
        return self._ask(datetime.combine(day, time(0, 1)), self._croniter.get_prev)

    def _ask(self, current: datetime, move: Callable[[type[datetime]], datetime]) -> date | None:
        try:
            self._croniter.set_current(current, force=True)
            return move(datetime).date()
        except (CroniterBadDateError, OverflowError):
            return None


class Schedule:
    """The fires of one crontab in one timezone. Stateful inside (croniter is): one thread, one at a time.

    `days` and `hours` remember what has been asked; schedules may share them.
    """

    def __init__(
        self,
        crontab: Crontab,
        zone: zoneinfo.ZoneInfo,
        *,
        days: Callable[[str], _FireDays],
        hours: Callable[[Schedule, date, int], _Hour],
    ) -> None:
        self.zone = zone
        self.crontab = crontab
        self._days_of = days
        self._hour_of = hours
        self.period = self._shortest_gap()
        self.auto_grace = _whole_minutes(min(max(self.period / 10, _GRACE_BOUNDS[0]), _GRACE_BOUNDS[1]))
        self.auto_early = min(_EARLY_MOST, self.period / 10)

    def previous_fire(self, at: datetime) -> datetime | None:
        """The latest fire <= at, as Vixie cron has it."""
        best: datetime | None = None
        for shown in self._shown_back(at.astimezone(self.zone).replace(tzinfo=None) + _AROUND):
            # Fires follow the wall clock but where an hour is repeated: look on while an hour may hold a later one.
            if best is not None and shown[-1] <= best:
                break
            found = bisect_right(shown, at)
            best = max(filter(None, (best, shown[found - 1] if found else None)), default=None)
        return best

    def next_fire(self, at: datetime) -> datetime | None:
        """The earliest fire > at, as Vixie cron has it."""
        best: datetime | None = None
        for shown in self._shown_onwards(at.astimezone(self.zone).replace(tzinfo=None) - _AROUND):
            if best is not None and shown[0] >= best:
                break
            found = bisect_right(shown, at)
            best = min(filter(None, (best, *shown[found : found + 1])), default=None)
        return best

    def mandatory(self, start: datetime) -> Iterator[Window]:
        """Mandatory fires with earliest >= start, in order, as far as the calendar goes."""
        for day, hour in self._hours_onwards(start.astimezone(self.zone).replace(tzinfo=None)):
            windows = self._hour_of(self, day, hour).windows
            yield from windows[bisect_left(windows, start, key=lambda window: window.earliest_at) :]

    def _hours_onwards(self, wall: datetime) -> Iterator[tuple[date, int]]:
        for day in self._days.onwards(wall.date()):
            yield from ((day, hour) for hour in self.crontab.hours if day > wall.date() or hour >= wall.hour)

    def _shown_onwards(self, wall: datetime) -> Iterator[tuple[datetime, ...]]:
        return filter(None, (self._hour_of(self, *each).shown for each in self._hours_onwards(wall)))

    def _shown_back(self, wall: datetime) -> Iterator[tuple[datetime, ...]]:
        for day in self._days.backwards(wall.date()):
            hours = [hour for hour in reversed(self.crontab.hours) if day < wall.date() or hour <= wall.hour]
            yield from filter(None, (self._hour_of(self, day, hour).shown for hour in hours))

    @property
    def _days(self) -> _FireDays:
        return self._days_of(self.crontab.days_expression)

    def skim(self, start: datetime, until: datetime) -> tuple[int, datetime]:
        """How many mandatory fires have earliest in [start, end), and that end: two days before `until`, or start.

        Days without a clock change are not resolved fire by fire, so a minutely task's year is soon counted.
        """
        first = start.astimezone(self.zone).date() + _DAY
        end = until.astimezone(self.zone).date() - 2 * _DAY
        if end <= first:
            return 0, start
        end_at = _midnight(end, self.zone)
        count = sum(
            1 for _ in takewhile(lambda fire: fire.earliest_at < _midnight(first, self.zone), self.mandatory(start))
        )
        for day in takewhile(lambda day: day < end, self._days.onwards(first)):
            if self._changes_clocks(day):
                count += sum(len(self._hour_of(self, day, hour).windows) for hour in self.crontab.hours)
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
            if self._changes_clocks(day):
                hours = (self._hour_of(self, day, hour).optional for hour in self.crontab.hours)
                found.extend(fire for each in hours for fire in each if after < fire.earliest_at <= until)
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

    def _changes_clocks(self, day: date) -> bool:
        midnight = datetime.combine(day, time(), self.zone)
        return midnight.utcoffset() != (midnight + _DAY).replace(fold=1).utcoffset()

    def _shortest_gap(self) -> timedelta:
        """The period: the shortest wall-clock gap among the ten fires after 2024-01-01T00:00 local."""
        walls = (
            datetime.combine(day, time(hour, minute))
            for day, hour in self._hours_onwards(_PERIOD_FROM)
            for minute in self.crontab.minutes
        )
        gaps = [later - earlier for earlier, later in pairwise(islice(walls, 11))]
        if not gaps:
            raise ScheduleError(Problem.NEVER_FIRES, "no date of the calendar satisfies the crontab")
        return min(gaps)

    def resolve(self, day: date, hour: int) -> _Hour:
        """The fires whose wall times lie in this local hour."""
        windows: list[Window] = []
        shown: set[datetime] = set()
        optional: list[Window] = []
        for minute in self.crontab.minutes:
            wall = datetime.combine(day, time(hour, minute), self.zone)
            first, second = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
            if first <= second:
                windows.append(Window(first, second))
            shown.update(self._shown(first, second))
            if first != second:
                # A repeated wall time may be run again; a skipped one as if the clock had changed before, or not yet.
                optional.append(Window(second, max(first, second)))
        return _Hour(tuple(windows), tuple(sorted(shown)), tuple(optional))

    def _shown(self, first: datetime, second: datetime) -> tuple[datetime, ...]:
        """Vixie's fires for one wall time: `first` and `second` differ when it is repeated (<) or skipped (>)."""
        if first == second:
            return (first,)
        follows_elapsed_time = self.crontab.follows_elapsed_time or abs(first - second) > CLOCK_RESET
        if first < second:
            return (first, second) if follows_elapsed_time else (first,)
        return () if follows_elapsed_time else (change_between(second, first, zone=self.zone),)


def parse_schedule(crontab: str, timezone: str) -> Schedule:
    """The schedule, or ScheduleError with invalid_schedule, invalid_timezone or never_fires and one sentence."""
    found = Schedules(most=1).get(crontab, timezone)
    if isinstance(found, ScheduleError):
        raise found
    return found


def _midnight(day: date, zone: zoneinfo.ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


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

    What they remember of days and hours is shared and bounded, whatever upstream sends.
    """

    def __init__(self, *, most: int = 16_384) -> None:
        self._days = lru_cache(maxsize=1024)(_FireDays)
        self._hours = lru_cache(maxsize=2048)(Schedule.resolve)
        self.get = lru_cache(maxsize=most)(self._attempt)

    def _attempt(self, crontab: str, timezone: str) -> Schedule | ScheduleError:
        try:
            parsed = parse_crontab(crontab)
            return Schedule(parsed, _zone(timezone), days=self._days, hours=self._hours)
        except ScheduleError as error:
            return error
        except Exception as error:  # noqa: BLE001 - croniter and zoneinfo raise nearly anything; one task must not stop the rest
            return ScheduleError(Problem.INVALID_SCHEDULE, f"cannot be read ({type(error).__name__})")
