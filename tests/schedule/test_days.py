"""The days on which a crontab fires, against croniter walking from day to day."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, date, datetime, timedelta
from itertools import islice

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.schedule import parse_crontab
from exporter.schedule.days import FireDays

MINUTE = timedelta(minutes=1)
DAYS = st.sampled_from(["*", "1", "29", "31", "*/2", "*/31", "10-20", "30,31", "5,17/3"])
MONTHS = st.sampled_from(["*", "2", "2,4", "12", "*/5", "1,3,5"])
WEEKDAYS = st.sampled_from(["*", "0", "7", "1-5", "*/2", "*/7", "3", "6,0"])


def days_of(fields: str) -> tuple[str, FireDays]:
    """The days expression of "DOM MONTH DOW", and its days."""
    expression = parse_crontab(f"0 0 {fields}").days_expression
    return expression, FireDays(expression)


@settings(max_examples=60, deadline=None)
@given(DAYS, MONTHS, WEEKDAYS, st.dates(date(1980, 1, 1), date(2060, 12, 31)))
def test_days_are_those_that_croniter_walks_through(days: str, months: str, weekdays: str, start: date) -> None:
    """From any day on and back, with that day; croniter leaves out where it starts."""
    expression, found = days_of(f"{days} {months} {weekdays}")
    if not found:
        return
    midnight = datetime.combine(start, datetime.min.time())
    later, earlier = (croniter(expression, midnight + shift, implement_cron_bug=True) for shift in (-MINUTE, MINUTE))
    assert [later.get_next(datetime).date() for _ in range(8)] == list(islice(found.onwards(start), 8))
    assert [earlier.get_prev(datetime).date() for _ in range(8)] == list(islice(found.backwards(start), 8))


@pytest.mark.parametrize("fields", ["30 2 *", "31 2,4,6,9,11 *", "31 4 */7,3", "30,31 2 */2"])
def test_some_crontabs_have_no_day(fields: str) -> None:
    """That is known at once, without a search for one year after year."""
    assert not days_of(fields)[1]


@pytest.mark.parametrize(
    ("fields", "start", "days"),
    [
        ("29 2 */7", "2024-01-01", "2032-02-29 2060-02-29 2088-02-29"),
        ("29 2 */7", "2089-01-01", "2128-02-29"),
        ("*/31,29 2 *", "2100-02-28", "2101-02-01 2102-02-01"),
        ("29 2 *", "2096-03-01", "2104-02-29"),
    ],
)
def test_rare_days(fields: str, start: str, days: str) -> None:
    """A leap day that is a Sunday comes after 28 years, around 2100 after 40; a leap day there after eight."""
    expected = days.split()
    found = days_of(fields)[1].onwards(date.fromisoformat(start))
    assert expected == [day.isoformat() for day in islice(found, len(expected))]


def test_the_calendar_ends() -> None:
    """Its first and last year are left out: a day of theirs may lie outside it in UTC."""
    found = days_of("1,31 1,12 *")[1]
    assert [date(MAXYEAR - 1, 12, 31)] == list(found.onwards(date(MAXYEAR - 1, 12, 2)))
    assert [date(MINYEAR + 1, 1, 1)] == list(found.backwards(date(MINYEAR + 1, 1, 30)))
