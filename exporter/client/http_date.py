"""Reads an answer's Date and what it says of our clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS = tuple(
    re.compile(form)
    for form in (  # RFC 9110, 5.6.7: the one to be sent, and the two to be understood
        rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        rf"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        rf"{_DAY} {_MONTH} (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)
_GRAIN = timedelta(seconds=1)  # a Date is cut to its whole second


def parse_http_date(text: str | None) -> datetime | None:
    """The instant of an HTTP date in any of its three forms; None for anything else, never an exception."""
    found = next((match for form in _FORMS if (match := form.fullmatch(text or ""))), None)
    if found is None:
        return None
    part = found.groupdict()
    month = _MONTHS.index(part.pop("month")) + 1
    day, hour, minute, second = (int(part[name]) for name in ("day", "hour", "minute", "second"))
    try:
        return datetime(_year(part["year"]), month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def clock_skew(date_at: datetime, *, start_at: datetime, end_at: datetime) -> timedelta:
    """How far a Date lies outside the span in which it was written: positive when our clock is behind, 0 inside."""
    behind = min(start_at, end_at) - date_at - _GRAIN
    ahead = date_at - max(start_at, end_at)
    return -behind if behind > timedelta() else max(ahead, timedelta())


def _year(digits: str) -> int:
    """Two digits mean 1969 to 2068, as in e-mail."""
    year = int(digits)
    if len(digits) == 4:
        return year
    return 1900 + year if year >= 69 else 2000 + year
