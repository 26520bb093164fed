"""A five-field Unix crontab, read strictly: what is ambiguous between cron implementations is settled or refused here.

croniter alone is too generous: it accepts six and seven fields, a random minute, `L`, `W` and `#`, and reads `5-5`
as the whole field. Sources of the rules: crontab(5) of Vixie/Debian cron, and docs/verdicts.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from exporter.model import Problem

MAX_LENGTH = 256
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ITEM = re.compile(r"(?P<first>\*|[0-9]{1,4}|[a-z]{3})(?:-(?P<last>[0-9]{1,4}|[a-z]{3}))?(?:/(?P<step>[0-9]{1,4}))?")


class ScheduleError(ValueError):
    """A schedule that cannot be judged. `problem` is the label value; the text is one sentence."""

    def __init__(self, problem: Problem, text: str) -> None:
        super().__init__(text)
        self.problem = problem


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    top: int  # where `*` and `N/step` end: below `high` only for Sunday's second number
    names: dict[str, int]


_FIELDS = (
    _Field("minute", 0, 59, 59, {}),
    _Field("hour", 0, 23, 23, {}),
    _Field("day of month", 1, 31, 31, {}),
    _Field("month", 1, 12, 12, {name: i for i, name in enumerate(_MONTHS, start=1)}),
    _Field("day of week", 0, 7, 6, {name: i for i, name in enumerate(_DAYS)}),
)


@dataclass(frozen=True, slots=True)
class Crontab:
    """The meaning of a crontab: its times of day, and its days in a form that FireDays and croniter read alike."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days_expression: str  # "0 0 DOM MONTH DOW"
    follows_elapsed_time: bool  # Vixie: the minute or hour field starts with `*`
    both_days_restricted: bool


def parse_crontab(text: str) -> Crontab:
    """The meaning of `text`. Raises ScheduleError(invalid_schedule), which never quotes more than one item."""
    if len(text) > MAX_LENGTH:
        raise _invalid(f"crontab has {len(text)} characters, expected at most {MAX_LENGTH}")
    words = text.lower().split()
    if len(words) != len(_FIELDS):
        raise _invalid(f"crontab has {len(words)} fields, expected minute, hour, day of month, month, day of week")
    minutes, hours, days, months, weekdays = (
        _parse_field(word, field) for word, field in zip(words, _FIELDS, strict=True)
    )
    days_starred, weekdays_starred = words[2].startswith("*"), words[4].startswith("*")
    return Crontab(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days_expression=_days_expression(
            days, months, {day % 7 for day in weekdays}, both=days_starred or weekdays_starred
        ),
        follows_elapsed_time=words[0].startswith("*") or words[1].startswith("*"),
        both_days_restricted=not (days_starred or weekdays_starred),
    )


def _invalid(text: str) -> ScheduleError:
    return ScheduleError(Problem.INVALID_SCHEDULE, text)


def _parse_field(word: str, field: _Field) -> set[int]:
    return set().union(*(_parse_item(item, field) for item in word.split(",")))


def _parse_item(item: str, field: _Field) -> range:
    match = _ITEM.fullmatch(item)
    if match is None or (match["first"] == "*" and match["last"]):
        raise _invalid(f"{field.name}: found {item[:20]!r}, expected a number, a name, a range or a step of these")
    step = int(match["step"] or 1)
    if step == 0:
        raise _invalid(f"{field.name}: found step 0 in {item[:20]!r}, expected 1 or more")
    low, high = _bounds(match, field)
    if low > high:
        raise _invalid(f"{field.name}: found the descending range {item[:20]!r}, expected an ascending one")
    return range(low, high + 1, step)


def _bounds(match: re.Match[str], field: _Field) -> tuple[int, int]:
    first, last = match["first"], match["last"]
    if first == "*":
        return field.low, field.top
    low = _value(first, field)
    if last is None:
        return low, max(low, field.top) if match["step"] else low
    high = _value(last, field)
    return low, 7 if last == "sun" and low > 0 else high


def _value(text: str, field: _Field) -> int:
    value = int(text) if text.isdecimal() else field.names.get(text)
    if value is None or not field.low <= value <= field.high:
        raise _invalid(f"{field.name}: found {text!r}, expected {field.low} to {field.high}")
    return value


def _days_expression(days: set[int], months: set[int], weekdays: set[int], *, both: bool) -> str:
    """Day fields as explicit lists, whose meaning does not hang on how the field was written.

    Vixie: a day must satisfy both fields when either starts with `*`, any of them when neither does.
    """
    if not both and (len(days) == 31 or len(weekdays) == 7):
        days, weekdays = set(range(1, 32)), set(range(7))
    dom, month, dow = _listed(days, 31), _listed(months, 12), _listed(weekdays, 7)
    if both and dom != "*" != dow:
        # Both must match only where a field starts with `*`. `*/31` means day 1 and `*/7` Sunday: each is a
        # harmless mark on a list that holds that value anyway, and a field written with a leading star does.
        dom, dow = (f"*/31,{dom}", dow) if 1 in days else (dom, f"*/7,{dow}")
    return f"0 0 {dom} {month} {dow}"


def _listed(values: set[int], size: int) -> str:
    return "*" if len(values) == size else ",".join(map(str, sorted(values)))
