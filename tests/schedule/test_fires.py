"""Fires in UTC: clock changes by zone and date, and a minute-by-minute oracle that knows neither croniter nor us."""

from __future__ import annotations

import gc
import weakref
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import at
from exporter.model import Problem
from exporter.schedule import ScheduleError, Schedules, parse_schedule, zone_names

MINUTE = timedelta(minutes=1)


def shown_between(crontab: str, timezone: str, start: str, end: str) -> list[str]:
    """Fires in (start, end] by walking forward, as UTC times of day."""
    schedule, fires = parse_schedule(crontab, timezone), []
    fire = schedule.next_fire(at(start))
    while fire is not None and fire <= at(end):
        fires.append(f"{fire:%H:%M}")
        fire = schedule.next_fire(fire)
    return fires


@pytest.mark.parametrize(
    ("crontab", "timezone", "start", "end", "fires"),
    [
        # 2024-03-10 02:00 EST -> 03:00 EDT (07:00Z)
        ("30 2 * * *", "America/New_York", "2024-03-10 00:00Z", "2024-03-11 06:00Z", ["07:00"]),
        ("0,30 2 * * *", "America/New_York", "2024-03-10 00:00Z", "2024-03-11 05:00Z", ["07:00"]),
        ("*/30 2 * * *", "America/New_York", "2024-03-10 00:00Z", "2024-03-11 05:00Z", []),
        ("0 */2 * * *", "America/New_York", "2024-03-10 04:30Z", "2024-03-10 10:30Z", ["05:00", "08:00", "10:00"]),
        # 2024-11-03 02:00 EDT -> 01:00 EST (06:00Z)
        ("30 1 * * *", "America/New_York", "2024-11-03 00:00Z", "2024-11-04 05:00Z", ["05:30"]),
        (
            "30 * * * *",
            "America/New_York",
            "2024-11-03 04:00Z",
            "2024-11-03 08:00Z",
            ["04:30", "05:30", "06:30", "07:30"],
        ),
        # 2018-11-04 00:00 -> 01:00 in Sao Paulo (03:00Z): the gap begins the day
        ("15 0 * * *", "America/Sao_Paulo", "2018-11-04 00:00Z", "2018-11-05 01:00Z", ["03:00"]),
        # 2018-02-18 00:00 -> 23:00 the day before: the repeated hour crosses midnight
        ("30 23 * * *", "America/Sao_Paulo", "2018-02-17 12:00Z", "2018-02-18 12:00Z", ["01:30"]),
        (
            "30 */1 * * *",
            "America/Sao_Paulo",
            "2018-02-18 00:00Z",
            "2018-02-18 04:00Z",
            ["00:30", "01:30", "02:30", "03:30"],
        ),
        # Lord Howe moves by half an hour: 2024-04-07 02:00 -> 01:30 (2024-04-06 15:00Z)
        ("45 1 * * *", "Australia/Lord_Howe", "2024-04-06 10:00Z", "2024-04-07 10:00Z", ["14:45"]),
        # Apia skipped 2011-12-30 whole: a jump that large is a clock reset, nothing is made up for
        ("0 12 * * *", "Pacific/Apia", "2011-12-29 12:00Z", "2011-12-31 12:00Z", ["22:00", "22:00"]),
    ],
)
def test_shown_fires_at_clock_changes(crontab: str, timezone: str, start: str, end: str, fires: list[str]) -> None:
    """Fixed-hour jobs in a gap run right after it and in a repeat once; starred ones follow elapsed time (Vixie)."""
    assert fires == shown_between(crontab, timezone, start, end)


@pytest.mark.parametrize(
    ("crontab", "timezone", "start", "window"),
    [
        ("30 2 * * *", "America/New_York", "2024-03-10 00:00Z", ("2024-03-11 06:30Z", "2024-03-11 06:30Z")),
        ("30 1 * * *", "America/New_York", "2024-11-03 00:00Z", ("2024-11-03 05:30Z", "2024-11-03 06:30Z")),
        ("30 1 * * *", "America/New_York", "2024-11-03 05:31Z", ("2024-11-04 06:30Z", "2024-11-04 06:30Z")),
        ("30 1 * * *", "America/New_York", "2024-11-03 05:30Z", ("2024-11-03 05:30Z", "2024-11-03 06:30Z")),
    ],
)
def test_mandatory_fires_at_clock_changes(crontab: str, timezone: str, start: str, window: tuple[str, str]) -> None:
    """A skipped wall time is not mandatory; a repeated one is, due at its second occurrence at the latest."""
    fire = next(parse_schedule(crontab, timezone).mandatory(at(start)))
    assert tuple(map(at, window)) == (fire.earliest_at, fire.latest_at)


@pytest.mark.parametrize(
    ("crontab", "period", "grace", "early"),
    [
        ("* * * * *", 60, 300, 6),
        ("0 * * * *", 3600, 360, 360),
        ("7,22 * * * *", 900, 300, 90),
        ("0 9 * * 1-5", 86_400, 3600, 600),
        ("0 0 1 * *", 29 * 86_400, 3600, 600),
        ("0 */7 * * *", 10_800, 1080, 600),
    ],
)
def test_automatic_tolerances(crontab: str, period: int, grace: int, early: int) -> None:
    """Grace is a tenth of the period between 5 min and 1 h in whole minutes, early a tenth up to 10 min."""
    schedule = parse_schedule(crontab, "America/New_York")
    assert [period, grace, early] == [
        span.total_seconds() for span in (schedule.period, schedule.auto_grace, schedule.auto_early)
    ]


@pytest.mark.parametrize(
    ("crontab", "timezone", "problem"),
    [
        ("0 0 30 2 *", "Etc/UTC", Problem.NEVER_FIRES),
        ("0 0 31 4,6,9,11 *", "Etc/UTC", Problem.NEVER_FIRES),
        ("0 12 * * *", "localtime", Problem.INVALID_TIMEZONE),
        ("0 12 * * *", "posixrules", Problem.INVALID_TIMEZONE),
        ("0 12 * * *", "Europe", Problem.INVALID_TIMEZONE),
        ("0 12 * * *", "../etc/passwd", Problem.INVALID_TIMEZONE),
        ("0 12 * * *", "zone.tab", Problem.INVALID_TIMEZONE),
        ("0 12 * * *", "x" * 5000, Problem.INVALID_TIMEZONE),
        ("0 12 * * *", "", Problem.INVALID_TIMEZONE),
    ],
)
def test_schedules_that_cannot_be_judged(crontab: str, timezone: str, problem: Problem) -> None:
    """Each has its fixed reason, and the negative answer is remembered."""
    schedules = Schedules()
    answer = schedules.get(crontab, timezone)
    assert isinstance(answer, ScheduleError)
    assert problem is answer.problem
    assert answer is schedules.get(crontab, timezone)


def test_what_is_remembered_of_schedules_is_bounded() -> None:
    """A schedule is made once while somebody holds it; of all others so many are kept, and of a refusal no traceback."""
    schedules = Schedules(most=2)
    held = schedules.get("0 12 * * *", "Etc/UTC")
    gone = weakref.ref(schedules.get("1 12 * * *", "Etc/UTC"))
    refused = [schedules.get(f"{minute} * * *", "Etc/UTC") for minute in range(2)]
    gc.collect()
    assert gone() is None
    assert held is schedules.get("0 12 * * *", "Etc/UTC")
    assert [None, None] == [each.__traceback__ for each in refused if isinstance(each, ScheduleError)]


def test_zones_come_from_the_package_and_hold_the_vendors() -> None:
    """The IANA list is there whatever the machine's own database, without the names that mean the machine's zone."""
    assert {"Etc/UTC", "America/New_York", "Pacific/Apia"} <= zone_names()
    assert not {"localtime", "posixrules", "Factory"} & zone_names()


ZONES = ["Etc/UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu"]
MINUTES = st.sampled_from(["0", "30", "*/15", "5,50", "10-40/7", "59"])
HOURS = st.sampled_from(["*", "0", "1", "2", "*/3", "1-3", "23", "0,12"])
DOMS = st.sampled_from(["*", "1", "*/2", "10-20", "31", "1-31"])
DOWS = st.sampled_from(["*", "0", "1-5", "*/2", "7", "0-6"])


def matches(crontab: str, wall: datetime) -> bool:
    """Whether a wall time satisfies the crontab, told field by field."""
    minute, hour, dom, _, dow = crontab.split()

    def holds(field: str, value: int, low: int, high: int) -> bool:
        allowed: set[int] = set()
        for item in field.split(","):
            body, _, step = item.partition("/")
            first, last = (low, high) if body == "*" else map(int, (body.split("-") * 2)[:2])
            allowed |= set(range(first, last + 1, int(step or 1)))
        return value in allowed

    by_dom = holds(dom, wall.day, 1, 31)
    by_dow = holds(dow, wall.isoweekday() % 7, 0, 6) or ("7" in dow and wall.isoweekday() == 7)
    days = (by_dom and by_dow) if dom.startswith("*") or dow.startswith("*") else (by_dom or by_dow)
    return days and holds(minute, wall.minute, 0, 59) and holds(hour, wall.hour, 0, 23)


@settings(max_examples=40, deadline=None)
@given(MINUTES, HOURS, DOMS, DOWS, st.sampled_from(ZONES), st.integers(0, 3650))
def test_mandatory_fires_against_a_minute_by_minute_oracle(
    minute: str, hour: str, dom: str, dow: str, timezone: str, day: int
) -> None:
    """Walking the wall clock minute by minute over three days finds the same windows."""
    crontab, zone = f"{minute} {hour} {dom} * {dow}", ZoneInfo(timezone)
    start = at("2015-01-01 00:00Z") + timedelta(days=day)
    expected = []
    for number in range(3 * 24 * 60):
        instant = start + number * MINUTE
        wall = instant.astimezone(zone)
        second = wall.replace(fold=1).astimezone(UTC)
        if wall.fold == 0 and matches(crontab, wall):
            expected.append((instant, second))
    fires = parse_schedule(crontab, timezone).mandatory(start)
    assert expected == [(fire.earliest_at, fire.latest_at) for fire in islice(fires, len(expected))]


@settings(max_examples=60, deadline=None)
@given(MINUTES, HOURS, DOMS, DOWS, st.sampled_from(ZONES), st.integers(0, 2**29))
def test_previous_and_next_enclose_every_instant(
    minute: str, hour: str, dom: str, dow: str, timezone: str, seconds: int
) -> None:
    """The previous fire <= t < the next one, both are fires, and nothing fires between them."""
    schedule = parse_schedule(f"{minute} {hour} {dom} * {dow}", timezone)
    instant = at("2012-01-01 00:00Z") + timedelta(seconds=seconds)
    earlier, later = schedule.previous_fire(instant), schedule.next_fire(instant)
    assert earlier is not None
    assert later is not None
    assert earlier <= instant < later
    assert (earlier, later) == (schedule.previous_fire(earlier), schedule.next_fire(earlier))
    assert earlier == schedule.previous_fire(later - timedelta.resolution)


def wall_times(texts: str) -> list[datetime]:
    return [datetime.fromisoformat(text.strip()) for text in texts.split(",") if text]


@pytest.mark.parametrize(
    ("crontab", "timezone", "walls"),
    [
        ("30 2 * * *", "Europe/Berlin", "2024-03-31 02:30, 2024-10-27 02:30"),
        ("30 2 * * 1-6", "Europe/Berlin", ""),
        ("0 3 * * *", "Europe/Berlin", ""),
        ("59 1 * * *", "Europe/Berlin", ""),
        ("0,59 1-3 * * *", "Europe/Berlin", "2024-03-31 02:00, 2024-03-31 02:59, 2024-10-27 02:00, 2024-10-27 02:59"),
        ("30 * * 3 *", "America/New_York", "2024-03-10 02:30"),
        ("30 23 * * 6", "America/Santiago", "2024-04-06 23:30"),
        ("15 0 * * 0", "America/Santiago", "2024-09-08 00:15"),
        ("*/20 1,2 * * *", "Australia/Lord_Howe", "2024-04-07 01:40, 2024-10-06 02:00, 2024-10-06 02:20"),
        ("30 2 * * *", "Etc/UTC", ""),
    ],
)
def test_fires_that_clock_changes_skip_or_repeat(crontab: str, timezone: str, walls: str) -> None:
    """Of a year's clock changes those that touch a fire, each with the wall times it touches."""
    schedule = parse_schedule(crontab, timezone)
    changes = schedule.clock_changes(at("2024-01-01 00:00Z"), at("2025-01-01 00:00Z"))
    assert wall_times(walls) == [wall for change in changes for wall in change.fires]


@pytest.mark.parametrize("timezone", [*ZONES, "Africa/Casablanca", "America/Santiago", "Africa/Cairo"])
def test_clock_changes_against_a_walk_along_the_wall_clock(timezone: str) -> None:
    """Half-hour by half-hour, the wall times that come never or twice are those that are told."""
    zone, day = ZoneInfo(timezone), datetime(2024, 1, 1)  # noqa: DTZ001 - a wall time
    skipped, repeated = [], []
    for number in range(366 * 48):
        wall = day + number * timedelta(minutes=30)
        first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first != second:
            (skipped if first > second else repeated).append(wall)

    changes = list(
        parse_schedule("0,30 * * * *", timezone).clock_changes(at("2024-01-01 00:00Z"), at("2025-01-01 00:00Z"))
    )

    assert skipped == [wall for change in changes if change.skips for wall in change.fires]
    assert repeated == [wall for change in changes if not change.skips for wall in change.fires]


def test_fire_days() -> None:
    """The days on which it fires, from one of them on."""
    days = parse_schedule("0 9 29 2 *", "Etc/UTC").fire_days(at("2024-02-29 12:00Z").date())
    assert ["2024-02-29", "2028-02-29", "2032-02-29"] == [day.isoformat() for day in islice(days, 3)]


@settings(max_examples=40, deadline=None)
@given(MINUTES, HOURS, DOMS, DOWS, st.sampled_from(ZONES), st.integers(0, 3650), st.integers(0, 40 * 86_400))
def test_skimming_counts_what_walking_counts(
    minute: str, hour: str, dom: str, dow: str, timezone: str, day: int, seconds: int
) -> None:
    """However long the span, it ends some days before the end that was asked for, and no fire is left out or counted twice."""
    schedule = parse_schedule(f"{minute} {hour} {dom} * {dow}", timezone)
    start = at("2012-01-01 00:30Z") + timedelta(days=day, seconds=seconds % 86_400)
    until = start + timedelta(seconds=seconds)
    count, end = schedule.skim(start, until)
    assert start <= end <= max(start, until - timedelta(days=1))
    assert count == sum(1 for _ in takewhile(lambda fire: fire.earliest_at < end, schedule.mandatory(start)))


def test_an_hour_that_is_repeated_before_midnight_is_optional_once() -> None:
    """Sao Paulo, 2018-02-18 00:00 -> 23:00: the day that gets the hour twice is the one before the change."""
    schedule = parse_schedule("30 23 * * *", "America/Sao_Paulo")
    (fire,) = schedule.optional(at("2018-02-10 00:00Z"), at("2018-02-25 00:00Z"))
    assert (at("2018-02-18 02:30Z"), at("2018-02-18 02:30Z")) == (fire.earliest_at, fire.latest_at)
