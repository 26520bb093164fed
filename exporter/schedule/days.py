"""The days on which a crontab fires. The days of a year are the bits of one number, so a year is searched at once."""

from __future__ import annotations

from calendar import isleap
from datetime import MAXYEAR, MINYEAR, date, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

from croniter import croniter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class _Calendar(NamedTuple):
    """Which days of a year have which number in their month, and which lie in which month."""

    days: tuple[int, ...]
    months: tuple[int, ...]


def _calendar(year: int) -> _Calendar:
    days, months = [0] * 32, [0] * 13
    for number in range(365 + isleap(year)):
        day = date(year, 1, 1) + timedelta(days=number)
        days[day.day] |= 1 << number
        months[day.month] |= 1 << number
    return _Calendar(tuple(days), tuple(months))


_CALENDARS = (_calendar(2023), _calendar(2024))  # of years that are no leap years, and of those that are
_WEEKDAYS = tuple(sum(1 << number for number in range(7 + 366) if number % 7 == day) for day in range(7))  # from Sunday


class FireDays:
    """The days of a days expression ("0 0 DOM MONTH DOW"). It never changes: any thread may ask."""

    __slots__ = ("_dates", "_either", "_months", "_weekdays")

    def __init__(self, expression: str) -> None:
        _, _, days, months, weekdays = croniter.expand(expression)[0]
        _, _, day_field, _, weekday_field = expression.split()
        # Vixie: a day must satisfy both fields when either starts with `*`, any of them when neither does.
        self._either = not (day_field.startswith("*") or weekday_field.startswith("*"))
        self._months = tuple(_any_of(calendar.months, months) for calendar in _CALENDARS)
        self._dates = tuple(_any_of(calendar.days, days) for calendar in _CALENDARS)
        self._weekdays = _any_of(_WEEKDAYS, weekdays)

    def __bool__(self) -> bool:
        """Whether there is any: years come in fourteen kinds, and 28 years have them all."""
        return any(self._bits(year) for year in range(2000, 2028))

    def onwards(self, day: date) -> Iterator[date]:
        """Fire days from `day` on, as far as the calendar goes but for its last year, which has no end in any zone."""
        for year in range(day.year, MAXYEAR):
            first, bits = date(year, 1, 1), self._bits(year)
            if year == day.year:
                bits &= -1 << (day - first).days
            while bits:
                lowest = bits & -bits
                yield first + timedelta(days=lowest.bit_length() - 1)
                bits ^= lowest

    def backwards(self, day: date) -> Iterator[date]:
        """Fire days from `day` back, but for the calendar's first year."""
        for year in range(day.year, MINYEAR, -1):
            first, bits = date(year, 1, 1), self._bits(year)
            if year == day.year:
                bits &= (2 << (day - first).days) - 1
            while bits:
                number = bits.bit_length() - 1
                yield first + timedelta(days=number)
                bits ^= 1 << number

    def _bits(self, year: int) -> int:
        leap = isleap(year)
        # The pattern of weekdays begins with a Sunday.
        weekdays = self._weekdays >> date(year, 1, 1).isoweekday() % 7
        days = self._dates[leap]
        return self._months[leap] & (days | weekdays if self._either else days & weekdays)


def _any_of(table: tuple[int, ...], values: Iterable[int | str]) -> int:
    """`*` stands for all of them."""
    return reduce(or_, (bits for value in values for bits in (table if value == "*" else (table[int(value)],))), 0)
