"""The reading of crontabs: what they mean, and what is refused with which words."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import islice
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import at
from exporter.model import Problem
from exporter.schedule import Schedule, ScheduleError, parse_crontab, parse_schedule
from repeated import AMPLE, Repeated, repeated

DAYS = [date(2024, 1, 1) + timedelta(days=number) for number in range(400)]


@pytest.mark.parametrize(
    ("text", "minutes", "hours"),
    [
        ("5-5 * * * *", (5,), tuple(range(24))),
        ("5/20 3/6 * * *", (5, 25, 45), (3, 9, 15, 21)),
        ("*/61 */24 * * *", (0,), (0,)),
        ("59,1,1 0-23/12 * * *", (1, 59), (0, 12)),
        ("  0\t12 * * * ", (0,), (12,)),
        ("00 07 01 06 *", (0,), (7,)),
    ],
)
def test_times_of_day(text: str, minutes: tuple[int, ...], hours: tuple[int, ...]) -> None:
    """Lists, ranges and steps mean what crontab(5) says, `a-a` is one value, `N/step` runs to the end."""
    crontab = parse_crontab(text)
    assert (minutes, hours) == (crontab.minutes, crontab.hours)


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ("10 * *", lambda day: day.day == 10),
        ("* * 7", lambda day: day.isoweekday() == 7),
        ("* * 0,7", lambda day: day.isoweekday() == 7),
        ("* * fri-sun", lambda day: day.isoweekday() in {5, 6, 7}),
        ("* * SUN-tue", lambda day: day.isoweekday() in {7, 1, 2}),
        ("* * 5/1", lambda day: day.isoweekday() in {5, 6}),
        ("* jan,FEB *", lambda day: day.month in {1, 2}),
        ("10 * 1", lambda day: day.day == 10 or day.isoweekday() == 1),
        ("1-31 * 1", lambda day: True),
        ("10 * 0-6", lambda day: True),
        ("*/2 * 1", lambda day: day.day % 2 == 1 and day.isoweekday() == 1),
        ("10-20 * */2", lambda day: 10 <= day.day <= 20 and day.isoweekday() % 7 % 2 == 0),
        ("*/40 * 1", lambda day: day.day == 1 and day.isoweekday() == 1),
        ("* * 1", lambda day: day.isoweekday() == 1),
        ("5,*/2 * 1", lambda day: day.day % 2 == 1 or day.isoweekday() == 1),
        ("*,5 * 1", lambda day: day.isoweekday() == 1),
        ("31 2,4 1", lambda day: day.month in {2, 4} and day.isoweekday() == 1),
    ],
)
def test_days(fields: str, allowed) -> None:
    """Two restricted day fields mean either; one that starts with a star means both (Vixie)."""
    schedule = parse_schedule(f"0 0 {fields}", "Etc/UTC")
    fires = schedule.mandatory(at("2024-01-01 00:00Z"))
    got = set()
    for fire in fires:
        if fire.earliest_at.date() > DAYS[-1]:
            break
        got.add(fire.earliest_at.date())
    assert {day for day in DAYS if allowed(day)} == got


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("* * * *", "crontab has 4 fields, expected minute, hour, day of month, month, day of week"),
        ("0 0 * * * 2030", "crontab has 6 fields, expected minute, hour, day of month, month, day of week"),
        ("@reboot", "crontab has 1 fields, expected minute, hour, day of month, month, day of week"),
        ("60 * * * *", "minute: found '60', expected 0 to 59"),
        ("0 24 * * *", "hour: found '24', expected 0 to 23"),
        ("0 0 0 * *", "day of month: found '0', expected 1 to 31"),
        ("0 0 * foo *", "month: found 'foo', expected 1 to 12"),
        ("0 0 * * 8", "day of week: found '8', expected 0 to 7"),
        ("0 9-5 * * *", "hour: found the descending range '9-5', expected an ascending one"),
        ("*/0 * * * *", "minute: found step 0 in '*/0', expected 1 or more"),
        ("R * * * *", "minute: found 'r', expected a number, a name, a range or a step of these"),
        ("0 0 L * *", "day of month: found 'l', expected a number, a name, a range or a step of these"),
        ("0 0 * * 5#2", "day of week: found '5#2', expected a number, a name, a range or a step of these"),
        ("*-5 * * * *", "minute: found '*-5', expected a number, a name, a range or a step of these"),
        ("1,,2 * * * *", "minute: found '', expected a number, a name, a range or a step of these"),
        ("٣ * * * *", "minute: found '٣', expected a number, a name, a range or a step of these"),
        ("0," * 200 + "0 * * * *", "crontab has 409 characters, expected at most 256"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    """What is not a five-field Unix crontab is refused in one sentence."""
    with pytest.raises(ScheduleError) as refusal:
        parse_crontab(text)
    assert (message, Problem.INVALID_SCHEDULE) == (str(refusal.value), refusal.value.problem)


@given(st.text(max_size=300), st.text(max_size=40))
def test_any_text_is_a_schedule_or_a_schedule_error(crontab: str, timezone: str) -> None:
    """Whatever upstream sends in the two fields, nothing but our own error comes out."""
    try:
        assert isinstance(parse_schedule(crontab, timezone), Schedule)
    except ScheduleError as error:
        assert error.problem in {Problem.INVALID_SCHEDULE, Problem.INVALID_TIMEZONE, Problem.NEVER_FIRES}


@given(st.lists(st.text(alphabet="0123456789*/-,LWRH#?abcjn ", min_size=1, max_size=8), min_size=5, max_size=5))
def test_cronlike_text_is_a_schedule_or_a_schedule_error(fields: list[str]) -> None:
    """Nor for text that nearly is a crontab."""
    try:
        assert isinstance(parse_schedule(" ".join(fields), "Europe/Berlin"), Schedule)
    except ScheduleError as error:
        assert error.problem in {Problem.INVALID_SCHEDULE, Problem.NEVER_FIRES}


ZONES = sorted(available_timezones() | {"localtime", "posixrules", "Europe", "../UTC", ""})
MINUTES = st.sampled_from(["*", "*/7", "0", "59", "0,30", "5-20/5", "61", "R"])
HOURS = st.sampled_from(["*", "*/5", "2", "1-3", "0,23", "24"])
DAYS_OF_MONTH = st.sampled_from(["*", "1", "29", "30", "31", "*/2", "32", "L"])
MONTHS = st.sampled_from(["*", "2", "feb", "2,4", "12", "*/11", "13"])
DAYS_OF_WEEK = st.sampled_from(["*", "0", "7", "mon-fri", "1", "*/2", "8", "5#2"])
FIELDS = st.tuples(MINUTES, HOURS, DAYS_OF_MONTH, MONTHS, DAYS_OF_WEEK).map(" ".join)


@settings(max_examples=80, deadline=AMPLE)
@given(FIELDS, st.sampled_from(ZONES), st.integers(0, 2**32))
def test_whatever_is_taken_for_a_schedule_can_be_asked(crontab: str, timezone: str, seconds: int) -> None:
    """In any zone, at any instant from 1970 to 2106: nothing is raised, and rare fires are not searched for ever."""
    instant = at("1970-01-01 00:00Z") + timedelta(seconds=seconds)
    try:
        schedule = parse_schedule(crontab, timezone)
    except ScheduleError:
        return
    earlier, later = schedule.previous_fire(instant), schedule.next_fire(instant)
    assert earlier is None or earlier <= instant
    assert later is None or instant < later
    fires = [fire.earliest_at for fire in islice(schedule.mandatory(instant), 5)]
    assert sorted(fires) == fires


@settings(max_examples=25, deadline=AMPLE)
@given(
    repeated([*"0123456789*/-, ", "jan", "0,", "*/1,", "0 0 * * *"]),
    st.sampled_from(["UTC", "Z" * 5000]),
)
def test_a_crontab_of_a_mebibyte_is_refused_in_time(crontab: Repeated, timezone: str) -> None:
    """By its length, before anything is read of it."""
    with pytest.raises(ScheduleError):
        parse_schedule(crontab.text(1024 * 1024), timezone)
