"""The fires of one local hour, in UTC: at once where clocks are calm, minute by minute where they change."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from exporter.model import Window
from exporter.schedule.changes import change_between

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from exporter.schedule.crontab import Crontab

CLOCK_RESET = timedelta(hours=3)  # Vixie cron takes a larger jump for somebody setting the clock
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_HOURS = tuple(timedelta(hours=number) for number in range(24))
_MINUTES = tuple(number * _MINUTE for number in range(60))


class Hour(Protocol):
    """The fires whose wall times lie in one local hour."""

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """The first and the last of those shown (Vixie's); None: none is."""
        ...

    @property
    def optional(self) -> Sequence[Window]:
        """What some clock-change conventions run once and others not at all."""
        ...

    def windows(self, start: datetime) -> Iterator[Window]:
        """The mandatory ones with earliest >= start, in order."""
        ...

    def until(self, at: datetime) -> datetime | None:
        """The latest shown <= at."""
        ...

    def after(self, at: datetime) -> datetime | None:
        """The earliest shown > at."""
        ...


def hour_of(crontab: Crontab, zone: ZoneInfo, day: date, hour: int) -> Hour:
    midnight_at = calm_midnight(day, zone)
    begins_at = _calm_begin(day, hour, zone) if midnight_at is None else midnight_at + _HOURS[hour]
    if begins_at is None:
        return _resolve(crontab.minutes, zone, day, hour, follows_elapsed_time=crontab.follows_elapsed_time)
    return _CalmHour(begins_at, crontab.minutes)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a local day begins."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


@lru_cache(maxsize=4096)
def calm_midnight(day: date, zone: ZoneInfo) -> datetime | None:
    """The same, or None when clocks change on that day. No zone's rules undo a change within a day."""
    return midnight(day, zone) if _is_calm(datetime.combine(day, time(), zone), _DAY) else None


@lru_cache(maxsize=1024)
def _calm_begin(day: date, hour: int, zone: ZoneInfo) -> datetime | None:
    wall = datetime.combine(day, time(hour), zone)
    return wall.astimezone(UTC) if _is_calm(wall, _HOURS[1]) else None


def _is_calm(wall: datetime, length: timedelta) -> bool:
    return wall.utcoffset() == (wall + length).replace(fold=1).utcoffset()


class _CalmHour:
    """One in which each wall time comes once: no fire is worked out that is not asked for."""

    __slots__ = ("_begins_at", "_minutes")
    optional: tuple[Window, ...] = ()

    def __init__(self, begins_at: datetime, minutes: tuple[int, ...]) -> None:
        self._begins_at, self._minutes = begins_at, minutes

    @property
    def span(self) -> tuple[datetime, datetime]:
        return self._begins_at + _MINUTES[self._minutes[0]], self._begins_at + _MINUTES[self._minutes[-1]]

    def windows(self, start: datetime) -> Iterator[Window]:
        first = -((self._begins_at - start) // _MINUTE)  # rounded up
        for minute in self._minutes[bisect_left(self._minutes, first) :]:
            at = self._begins_at + _MINUTES[minute]
            yield Window(at, at)

    def until(self, at: datetime) -> datetime | None:
        found = self._passed(at)
        return self._begins_at + _MINUTES[self._minutes[found - 1]] if found else None

    def after(self, at: datetime) -> datetime | None:
        found = self._passed(at)
        return self._begins_at + _MINUTES[self._minutes[found]] if found < len(self._minutes) else None

    def _passed(self, at: datetime) -> int:
        return bisect_right(self._minutes, (at - self._begins_at) // _MINUTE)


@dataclass(frozen=True, slots=True)
class _ResolvedHour:
    """One in which clocks change; each in order."""

    mandatory: tuple[Window, ...]
    shown: tuple[datetime, ...]
    optional: tuple[Window, ...]

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        return (self.shown[0], self.shown[-1]) if self.shown else None

    def windows(self, start: datetime) -> Iterator[Window]:
        yield from self.mandatory[bisect_left(self.mandatory, start, key=lambda window: window.earliest_at) :]

    def until(self, at: datetime) -> datetime | None:
        found = bisect_right(self.shown, at)
        return self.shown[found - 1] if found else None

    def after(self, at: datetime) -> datetime | None:
        found = bisect_right(self.shown, at)
        return self.shown[found] if found < len(self.shown) else None


@lru_cache(maxsize=128)
def _resolve(
    minutes: tuple[int, ...], zone: ZoneInfo, day: date, hour: int, *, follows_elapsed_time: bool
) -> _ResolvedHour:
    windows: list[Window] = []
    shown: set[datetime] = set()
    optional: list[Window] = []
    for minute in minutes:
        wall = datetime.combine(day, time(hour, minute), zone)
        first, second = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
        if first <= second:
            windows.append(Window(first, second))
        shown.update(_shown(first, second, zone, follows_elapsed_time=follows_elapsed_time))
        if first != second:
            # A repeated wall time may be run again; a skipped one as if the clock had changed before, or not yet.
            optional.append(Window(second, max(first, second)))
    return _ResolvedHour(tuple(windows), tuple(sorted(shown)), tuple(optional))


def _shown(first: datetime, second: datetime, zone: ZoneInfo, *, follows_elapsed_time: bool) -> tuple[datetime, ...]:
    """Vixie's fires for one wall time: `first` and `second` differ when it is repeated (<) or skipped (>)."""
    if first == second:
        return (first,)
    follows_elapsed_time = follows_elapsed_time or abs(first - second) > CLOCK_RESET
    if first < second:
        return (first, second) if follows_elapsed_time else (first,)
    return () if follows_elapsed_time else (change_between(second, first, zone=zone),)
