"""The world's own calendar: the fires of a crontab by plain counting, clock changes from zoneinfo's offsets alone.

It shares no code with the exporter and knows no cron library. Instants are whole unix seconds; a wall time is
counted the same way, as though the clock on the wall showed UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE, HOUR, DAY = 60, 3600, 86400
_YEARS = 512 * DAY  # stretches are sought in such blocks, so that one search serves many fires
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


class Gap(StrEnum):
    """What a scheduler does with a wall time that is skipped."""

    SKIP = "skip"
    AFTER = "run right after the gap"
    SHIFT = "run as much later as the clock jumped"


class Repeat(StrEnum):
    """What a scheduler does with a wall time that comes twice."""

    BOTH = "run twice"
    FIRST = "run once, at first"
    SECOND = "run once, at second"


@dataclass(frozen=True, slots=True)
class Convention:
    """How one vendor's scheduler lives through clock changes."""

    gap: Gap
    repeat: Repeat


CONVENTIONS = tuple(Convention(gap, repeat) for gap in Gap for repeat in Repeat)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time between two clock changes: `offset` is what the wall clock is ahead of UTC by."""

    start: int
    end: int
    offset: int


class Fire(NamedTuple):
    """A wall time of a crontab and the instants at which clocks show it: none in a gap, two in a repeat."""

    wall: int
    at: tuple[int, ...]
    gap_end: int = 0  # for a skipped time: when the clock jumped over it
    shifted: int = 0  # for a skipped time: as read on a clock that had not jumped

    @property
    def first(self) -> int:
        return self.at[0] if self.at else self.gap_end

    @property
    def last(self) -> int:
        return self.at[-1] if self.at else self.shifted

    def performed(self, convention: Convention) -> tuple[int, ...]:
        """When a scheduler of this convention performs it."""
        if len(self.at) > 1:
            return {Repeat.BOTH: self.at, Repeat.FIRST: self.at[:1], Repeat.SECOND: self.at[1:]}[convention.repeat]
        if self.at:
            return self.at
        return {Gap.SKIP: (), Gap.AFTER: (self.gap_end,), Gap.SHIFT: (self.shifted,)}[convention.gap]


@dataclass(frozen=True, slots=True)
class Cron:
    """A crontab of numbers, `*`, lists, ranges and steps, read for its wall times."""

    text: str

    def days(self, first: date, last: date) -> Iterator[date]:
        """The dates on which it fires."""
        _, _, days, months, weekdays = _fields(self.text)
        words = self.text.split()
        both = words[2].startswith("*") or words[4].startswith("*")
        for number in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(number)
            fits = (day.day in days, day.isoweekday() % 7 in weekdays)
            if day.month in months and (all(fits) if both else any(fits)):
                yield day

    def walls(self, first: date, last: date) -> Iterator[int]:
        """Its wall times from the start of one date to the end of another, in order."""
        minutes, hours = _fields(self.text)[:2]
        times = [hour * HOUR + minute * MINUTE for hour in sorted(hours) for minute in sorted(minutes)]
        for day in self.days(first, last):
            midnight = (day.toordinal() - date(1970, 1, 1).toordinal()) * DAY
            yield from (midnight + time for time in times)

    @property
    def period(self) -> int:
        """The shortest gap among the first eleven wall times from 2024 on."""
        return _period(self.text)

    @property
    def auto_grace(self) -> int:
        return -(-min(max(self.period // 10, 5 * MINUTE), HOUR) // MINUTE) * MINUTE

    @property
    def auto_early(self) -> int:
        return min(10 * MINUTE, self.period // 10)


@lru_cache(maxsize=4096)
def _fields(text: str) -> tuple[frozenset[int], ...]:
    return tuple(frozenset(_values(word, *ends)) for word, ends in zip(text.split(), _RANGES, strict=True))


def _values(word: str, low: int, high: int) -> Iterator[int]:
    for item in word.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        start = low if first == "*" else int(first)
        end = high if first == "*" else int(last or first)
        yield from range(start, end + 1, int(step or 1))


@lru_cache(maxsize=4096)
def _period(text: str) -> int:
    walls = islice(Cron(text).walls(date(2024, 1, 1), date(2064, 1, 1)), 11)
    return min(later - earlier for earlier, later in pairwise(walls))


@lru_cache(maxsize=256)
def fires(cron: Cron, zone: str, start: int, end: int) -> tuple[Fire, ...]:
    """Every fire whose first instant, or whose gap, lies in [start, end), in order."""
    between = stretches(zone, start // _YEARS * _YEARS - _YEARS, -(-end // _YEARS) * _YEARS + _YEARS)
    found = _located(cron.walls(_date(start - 2 * DAY), _date(end + 2 * DAY)), between)
    return tuple(
        sorted((fire for fire in found if start <= fire.first < end), key=lambda fire: (fire.first, fire.wall))
    )


def _located(walls: Iterator[int], between: tuple[Stretch, ...]) -> Iterator[Fire]:
    """Each wall time as a fire. Far from any change of the clock there is but one instant to find."""
    index = 0
    for wall in walls:
        while between[index].end + 2 * DAY < wall:
            index += 1
        one = between[index]
        if one.start + 2 * DAY < wall < one.end - 2 * DAY:
            yield Fire(wall, (wall - one.offset,))
        else:
            yield _fire(wall, between[index : index + 3])


def _fire(wall: int, near: tuple[Stretch, ...]) -> Fire:
    at = tuple(wall - one.offset for one in near if one.start <= wall - one.offset < one.end)
    if at:
        return Fire(wall, at)
    before = next(old for old, new in pairwise(near) if old.end + old.offset <= wall < new.start + new.offset)
    return Fire(wall, (), gap_end=before.end, shifted=wall - before.offset)


def _date(instant: int) -> date:
    return datetime.fromtimestamp(instant, UTC).date()


@lru_cache(maxsize=1024)
def stretches(zone: str, start: int, end: int) -> tuple[Stretch, ...]:
    """The stretches that [start, end) consists of in a zone."""
    changes = clock_changes(zone, start, end)
    edges = [start, *changes, end]
    return tuple(Stretch(one, two, _offset(zone, one)) for one, two in pairwise(edges))


@lru_cache(maxsize=1024)
def clock_changes(zone: str, start: int, end: int) -> tuple[int, ...]:
    """The instants in (start, end) from which on a zone's clocks show something else, to the second."""
    samples = [*range(start, end, 6 * HOUR), end - 1]
    return tuple(_change(zone, one, two) for one, two in pairwise(samples) if _offset(zone, one) != _offset(zone, two))


def _change(zone: str, low: int, high: int) -> int:
    before = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return high


def _offset(zone: str, instant: int) -> int:
    there = datetime.fromtimestamp(instant, ZoneInfo(zone)).utcoffset() or timedelta()
    return there.days * DAY + there.seconds
