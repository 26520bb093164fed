"""The simulator's own cron: what Vixie's does, worked out a day at a time, so that a year costs milliseconds.

Independent of the exporter's schedule on purpose. At clock changes: a job with a fixed hour and minute whose
wall time is skipped runs right after the gap, and one whose wall time comes twice runs the first time; a job
with a `*` in minute or hour follows elapsed time; a jump of over three hours is a mere clock reset.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import product
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NAMES: tuple[dict[str, int], ...] = (
    {},
    {},
    {},
    {name: number for number, name in enumerate(MONTHS, 1)},
    {name: number for number, name in enumerate(WEEKDAYS)},
)
NOT_ZONES = {"localtime", "posixrules"}  # files of the machine that lie among the zones
MAX_LENGTH = 256
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
LONGEST_GAP = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Cron:
    """A crontab bound to its zone. Instants are aware UTC; a range holds its end, not its start."""

    times: tuple[timedelta, ...]  # of day, in order
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # Sunday is 0
    either_day: bool  # both day fields restricted: one of them is enough
    elapsed: bool  # a `*` job
    zone: ZoneInfo

    def fires(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Every fire in (after, until], in order."""
        days = (self._on(day, after, until) for day in self._dates(after, until))
        return (midnight + at for midnight, times in days for at in times)

    def count(self, after: datetime, until: datetime) -> int:
        """How many fires lie in (after, until]."""
        return sum(len(self._on(day, after, until)[1]) for day in self._dates(after, until))

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """The last fire in (after, until], or None."""
        days = (self._on(day, after, until) for day in reversed(list(self._dates(after, until))))
        return next((midnight + times[-1] for midnight, times in days if times), None)

    def _dates(self, after: datetime, until: datetime) -> Iterator[date]:
        if until <= after:
            return
        day, last = after.astimezone(self.zone).date(), until.astimezone(self.zone).date()
        while day <= last:
            if self._matches(day):
                yield day
            day += DAY

    def _matches(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (by_day or by_weekday) if self.either_day else (by_day and by_weekday)

    def _on(self, day: date, after: datetime, until: datetime) -> tuple[datetime, Sequence[timedelta]]:
        """The instant the day begins, and what of its fires lies in (after, until], as elapsed time since."""
        midnight, times = self._midnight(day), self.times
        if self._midnight(day + DAY) - midnight != DAY:
            start = datetime.combine(day, time())
            times = tuple(sorted(fire - midnight for at in times for fire in self._resolve(start + at)))
        first = bisect_right(times, after - midnight)
        return midnight, times[first : bisect_right(times, until - midnight)]

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def _resolve(self, wall: datetime) -> list[datetime]:
        first, second = (wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first == second:
            return [first]
        if first < second:
            return [first, second] if self.elapsed else [first]
        if self.elapsed or first - second > LONGEST_GAP:
            return []
        return [self._change_between(second, first)]

    def _change_between(self, before: datetime, after: datetime) -> datetime:
        target = after.astimezone(self.zone).utcoffset()
        instants = [before + MINUTE * n for n in range(1, (after - before) // MINUTE + 1)]
        return instants[bisect_left(instants, 1, key=lambda at: int(at.astimezone(self.zone).utcoffset() == target))]


def parse_cron(crontab: str, timezone: str) -> Cron:
    """Bind a five-field crontab to a zone. Raises ValueError with one sentence for what no cron would run."""
    zone = find_zone(timezone)
    texts = crontab.lower().split() if len(crontab) <= MAX_LENGTH else []
    if len(texts) != len(BOUNDS):
        raise ValueError(f"crontab: expected five fields in at most {MAX_LENGTH} characters")
    minutes, hours, days, months, weekdays = (
        _parse_field(text, low, high, names) for text, (low, high), names in zip(texts, BOUNDS, NAMES, strict=True)
    )
    return Cron(
        times=_times(hours, minutes),
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        either_day=not texts[2].startswith("*") and not texts[4].startswith("*"),
        elapsed=texts[0].startswith("*") or texts[1].startswith("*"),
        zone=zone,
    )


def find_zone(timezone: str) -> ZoneInfo:
    """Raises ValueError unless the text is the name of an IANA zone."""
    if timezone not in _zones():
        raise ValueError("timezone: expected the name of an IANA zone")
    return ZoneInfo(timezone)


@lru_cache(maxsize=1024)
def _times(hours: frozenset[int], minutes: frozenset[int]) -> tuple[timedelta, ...]:
    return tuple(timedelta(hours=h, minutes=m) for h, m in product(sorted(hours), sorted(minutes)))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - NOT_ZONES


def _parse_field(text: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    return frozenset(value for part in text.split(",") for value in _parse_part(part, low, high, names))


def _parse_part(text: str, low: int, high: int, names: dict[str, int]) -> range:
    span, slash, step = text.partition("/")
    first, dash, last = span.partition("-")
    if span == "*":
        start, end = low, high
    else:
        start = _parse_number(first, names)
        end = _parse_number(last, names) if dash else high if slash else start
    width = _parse_number(step, {}) if slash else 1
    if not (low <= start <= end <= high and width > 0):
        raise ValueError("crontab: a range or a step that no cron accepts")
    return range(start, end + 1, width)


def _parse_number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise ValueError("crontab: expected a number or a name in each field")
    return int(text)
