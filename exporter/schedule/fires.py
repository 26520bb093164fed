"""When a crontab fires in a timezone, in UTC, with clock changes settled by zoneinfo and never by croniter.

croniter is given naive local days only: with aware datetimes it is wrong at clock changes. A fire is *mandatory*
when every clock-change convention performs it; what is *shown* follows Vixie/Debian cron.
"""

from __future__ import annotations

import zoneinfo
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from croniter import CroniterBadDateError, croniter

from exporter.model import Problem, Window
from exporter.schedule.crontab import Crontab, ScheduleError, parse_crontab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The packaged IANA database, not the system's: a distribution's lags behind, and a slim image has none.
zoneinfo.reset_tzpath(to=())

CLOCK_RESET = timedelta(hours=3)  # Vixie cron takes a larger jump for somebody setting the clock
PSEUDO_ZONES = frozenset({"localtime", "posixrules", "Factory"})
_DAY = timedelta(days=1)
_PERIOD_FROM = date(2024, 1, 1)
_GRACE_BOUNDS = (timedelta(minutes=5), timedelta(hours=1))
_EARLY_MOST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Day:
    windows: tuple[Window, ...]  # mandatory fires, in order
    shown: tuple[datetime, ...]  # Vixie's fires, in order


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
    """The fires of one crontab in one timezone. Stateful inside (croniter is): one thread, one at a time."""

    def __init__(self, crontab: Crontab, zone: zoneinfo.ZoneInfo, days: _FireDays) -> None:
        self.zone = zone
        self.crontab = crontab
        self._times = [time(hour, minute) for hour in crontab.hours for minute in crontab.minutes]
        self._days = days
        self._day = lru_cache(maxsize=4)(self._fires_of)
        self.period = self._shortest_gap()
        self.auto_grace = _whole_minutes(min(max(self.period / 10, _GRACE_BOUNDS[0]), _GRACE_BOUNDS[1]))
        self.auto_early = min(_EARLY_MOST, self.period / 10)

    def previous_fire(self, at: datetime) -> datetime | None:
        """The latest fire <= at, as Vixie cron has it."""
        # A repeated hour across midnight can put a fire of one local day after a fire of the next.
        nearest = at.astimezone(self.zone).date()
        best: datetime | None = None
        for day in self._days.backwards(nearest + _DAY):
            if best is not None and day < nearest - _DAY:
                break
            shown = self._day(day).shown
            found = bisect_right(shown, at)
            best = max((fire for fire in (best, shown[found - 1] if found else None) if fire), default=None)
        return best

    def next_fire(self, at: datetime) -> datetime | None:
        """The earliest fire > at, as Vixie cron has it."""
        nearest = at.astimezone(self.zone).date()
        best: datetime | None = None
        for day in self._days.onwards(nearest - _DAY):
            if best is not None and day > nearest + _DAY:
                break
            shown = self._day(day).shown
            found = bisect_right(shown, at)
            best = min((fire for fire in (best, *shown[found : found + 1]) if fire), default=None)
        return best

    def mandatory(self, start: datetime) -> Iterator[Window]:
        """Mandatory fires with earliest >= start, in order, as far as the calendar goes."""
        for day in self._days.onwards(start.astimezone(self.zone).date()):
            windows = self._day(day).windows
            yield from windows[bisect_left(windows, start, key=lambda window: window.earliest_at) :]

    def _shortest_gap(self) -> timedelta:
        """The period: the shortest wall-clock gap among the ten fires after 2024-01-01T00:00 local."""
        walls = (datetime.combine(day, at) for day in self._days.onwards(_PERIOD_FROM) for at in self._times)
        gaps = [later - earlier for earlier, later in pairwise(islice(walls, 11))]
        if not gaps:
            raise ScheduleError(Problem.NEVER_FIRES, "no date of the calendar satisfies the crontab")
        return min(gaps)

    def _fires_of(self, day: date) -> _Day:
        windows: list[Window] = []
        shown: set[datetime] = set()
        for at in self._times:
            wall = datetime.combine(day, at, self.zone)
            first, second = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
            if first <= second:
                windows.append(Window(first, second))
            shown.update(self._shown(first, second))
        return _Day(tuple(windows), tuple(sorted(shown)))

    def _shown(self, first: datetime, second: datetime) -> tuple[datetime, ...]:
        """Vixie's fires for one wall time: `first` and `second` differ when it is repeated (<) or skipped (>)."""
        if first == second:
            return (first,)
        follows_elapsed_time = self.crontab.follows_elapsed_time or abs(first - second) > CLOCK_RESET
        if first < second:
            return (first, second) if follows_elapsed_time else (first,)
        return () if follows_elapsed_time else (self._change_between(second, first),)

    def _change_between(self, before: datetime, after: datetime) -> datetime:
        """The instant in (before, after] at which the zone's offset changes."""
        offset = after.astimezone(self.zone).utcoffset()
        low, high = int(before.timestamp()), int(after.timestamp())
        while high - low > 1:
            middle = (low + high) // 2
            if datetime.fromtimestamp(middle, self.zone).utcoffset() == offset:
                high = middle
            else:
                low = middle
        return datetime.fromtimestamp(high, UTC)


def parse_schedule(crontab: str, timezone: str, *, days: Callable[[str], _FireDays] = _FireDays) -> Schedule:
    """The schedule, or ScheduleError with invalid_schedule, invalid_timezone or never_fires and one sentence.

    `days` may hand out a shared object per days expression.
    """
    try:
        parsed = parse_crontab(crontab)
        return Schedule(parsed, _zone(timezone), days(parsed.days_expression))
    except ScheduleError:
        raise
    except Exception as error:  # noqa: BLE001 - croniter and zoneinfo raise nearly anything; one task must not stop the rest
        raise ScheduleError(Problem.INVALID_SCHEDULE, f"cannot be read ({type(error).__name__})") from None


def _zone(name: str) -> zoneinfo.ZoneInfo:
    if name not in zone_names():
        raise ScheduleError(Problem.INVALID_TIMEZONE, f"timezone: found {name[:40]!r}, expected an IANA name")
    return zoneinfo.ZoneInfo(name)


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """The IANA names of the packaged database; not its pseudo zones, which mean the container's own zone."""
    return frozenset(zoneinfo.available_timezones()) - PSEUDO_ZONES


def _whole_minutes(span: timedelta) -> timedelta:
    minute = timedelta(minutes=1)
    return -(-span // minute) * minute


class Schedules:
    """One schedule per distinct (crontab, timezone), made once; a negative answer is remembered too."""

    def __init__(self, *, most: int = 16_384) -> None:
        self._days = lru_cache(maxsize=most)(_FireDays)
        self.get = lru_cache(maxsize=most)(self._attempt)

    def _attempt(self, crontab: str, timezone: str) -> Schedule | ScheduleError:
        try:
            return parse_schedule(crontab, timezone, days=self._days)
        except ScheduleError as error:
            return error
