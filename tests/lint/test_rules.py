"""The rules for single tasks, each at its edges, with the sentences and dates that users see."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from builders import a_task, at
from exporter.lint import Code, Severity
from exporter.lint.rules import about_policy, about_schedule, forgotten_pause, unreadable
from exporter.model import Policy
from exporter.schedule import ScheduleError, Schedules, parse_schedule

if TYPE_CHECKING:
    from datetime import datetime

    from exporter.lint import Date, Finding

NOW = at("2024-06-10 12:30Z")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def found(code: Code, crontab: str, timezone: str = "Etc/UTC", *, frequency: str = "custom") -> Finding | None:
    """The finding with this code, if there is one."""
    task = a_task(crontab=crontab, timezone=timezone, frequency=frequency)
    findings = about_schedule(task, parse_schedule(crontab, timezone), now=NOW)
    return next((one for one in findings if one.code is code), None)


def told(date: Date) -> tuple[str, ...]:
    """Local time, the instants, and the note."""
    local = "-" if date.local is None else f"{date.local:%Y-%m-%d %H:%M}"
    return (local, *(f"{instant:%Y-%m-%d %H:%MZ}" for instant in date.utc), date.note)


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        ({"crontab": "61 * * * *"}, Code.INVALID_SCHEDULE, "minute: found '61', expected 0 to 59"),
        ({"timezone": "Mars/X"}, Code.INVALID_TIMEZONE, "timezone: found 'Mars/X', expected an IANA name"),
        ({"crontab": "0 0 30 2 *"}, Code.NEVER_FIRES, "no date of the calendar satisfies the crontab"),
        ({"crontab": None}, Code.INVALID_SCHEDULE, "crontab: found no usable text, expected five fields"),
        ({"timezone": None}, Code.INVALID_TIMEZONE, "timezone: found no usable text, expected an IANA name"),
    ],
)
def test_schedules_that_cannot_be_read(changes: dict[str, object], code: Code, sentence: str) -> None:
    """The schedule's own sentence says what is wrong."""
    task = a_task(**changes)
    error = Schedules().get(task.crontab, task.timezone) if task.crontab and task.timezone else None
    assert error is None or isinstance(error, ScheduleError)
    finding = unreadable(task, error)
    assert (code, sentence, Severity.WARNING, ()) == (finding.code, finding.sentence, finding.severity, finding.dates)


@pytest.mark.parametrize(
    ("crontab", "trap"),
    [
        ("0 9 13 * 5", True),
        ("0 9 1-31 * 1", True),
        ("0 9 1 * 0-6", True),
        ("0 9 1-31 * 0-6", False),
        ("0 9 13 * *", False),
        ("0 9 * * 5", False),
        ("0 9 */2 * 5", False),
        ("0 9 13 * */2", False),
    ],
)
def test_both_day_fields_restricted(crontab: str, trap: bool) -> None:
    """A trap only where neither field starts with a star, and either alone would mean other days."""
    assert trap is (found(Code.BOTH_DAYS_RESTRICTED, crontab) is not None)


def test_both_day_fields_restricted_shows_the_fires() -> None:
    """The next five fires, in local time and UTC: Thursday the 13th and every Friday."""
    finding = found(Code.BOTH_DAYS_RESTRICTED, "0 9 13 * 5", "America/New_York")
    assert finding is not None
    days = ["2024-06-13", "2024-06-14", "2024-06-21", "2024-06-28", "2024-07-05"]
    assert [(f"{day} 09:00", f"{day} 13:00Z", "") for day in days] == [told(date) for date in finding.dates]


@pytest.mark.parametrize(
    ("frequency", "crontab", "does"),
    [
        ("every_minute", "* * * * *", ""),
        ("every_minute", "*/1 0-23 1-31 * *", ""),
        ("every_minute", "*/5 * * * *", "fires 288 times a day instead of 1440"),
        ("every_hour", "34 * * * *", ""),
        ("every_hour", "0,30 * * * *", "fires 48 times a day instead of 24"),
        ("every_hour", "0,30 */2 * * *", "does not fire in every hour"),
        ("every_hour", "34 * * * 1-5", "does not fire every day"),
        ("every_day", "25 13 * * *", ""),
        ("every_day", "25 13 * 1-11 *", "does not fire every day"),
        ("every_day", "25 1,13 * * *", "fires 2 times a day instead of 1"),
        ("every_month", "34 9 28 * *", ""),
        ("every_month", "34 9 29 * *", "fires on no day of February 2025"),
        ("every_month", "34 9 31 * *", "fires on no day of September 2024"),
        ("every_month", "34 9 1,15 * *", "fires on several days of July 2024"),
        ("every_month", "34 9,10 28 * *", "fires 2 times a day instead of 1"),
        ("every_month", "34 9 1-7 * */7", ""),
        ("custom", "*/5 * * * *", ""),
        ("every_leap_year", "0 0 29 2 *", ""),
    ],
)
def test_frequency_against_crontab(frequency: str, crontab: str, does: str) -> None:
    """A frequency that the crontab does not keep is told with what the crontab does; unknown ones are not judged."""
    finding = found(Code.FREQUENCY_MISMATCH, crontab, frequency=frequency)
    expected = f"the frequency is {frequency}, but the crontab {does}" if does else None
    assert expected == (finding and finding.sentence)


def test_a_frequency_is_judged_by_the_calendar_of_its_zone() -> None:
    """Near the end of a month the first month looked at is the next one of the task's own zone."""
    schedule = parse_schedule("0 9 31 * *", "Pacific/Auckland")
    task = a_task(frequency="every_month", crontab="0 9 31 * *", timezone="Pacific/Auckland")
    (finding,) = about_schedule(task, schedule, now=at("2024-08-31 13:00Z"))
    assert finding.sentence.endswith("fires on no day of November 2024")


def test_clock_changes_with_their_dates() -> None:
    """Each date of the next two years, its local time, and what the common conventions do with it."""
    finding = found(Code.CLOCK_CHANGE, "30 2 * * *", "Europe/Berlin")
    assert finding is not None
    told_once = "clock changes skip or repeat a fire 4 times in two years; what runs then is not certain"
    twice = "comes twice: run at 02:30 CEST (00:30Z), at 02:30 CET (01:30Z) or at both"
    never = "is skipped: not run, or at 03:00 CEST (01:00Z) or 03:30 CEST (01:30Z)"
    assert (Severity.WARNING, told_once) == (finding.severity, finding.sentence)
    assert [
        ("2024-10-27 02:30", "2024-10-27 00:30Z", "2024-10-27 01:30Z", twice),
        ("2025-03-30 02:30", "2025-03-30 01:00Z", "2025-03-30 01:30Z", never),
        ("2025-10-26 02:30", "2025-10-26 00:30Z", "2025-10-26 01:30Z", twice),
        ("2026-03-29 02:30", "2026-03-29 01:00Z", "2026-03-29 01:30Z", never),
    ] == [told(date) for date in finding.dates]


@pytest.mark.parametrize(
    ("crontab", "timezone", "note"),
    [
        ("*/5 2 * * *", "America/New_York", "and 11 more until 02:55 are skipped: not run, or at 03:00 EDT (07:00Z)"),
        ("0,30 1 * 11 *", "America/New_York", "and 1 more until 01:30 come twice: run at 01:00 EDT (05:00Z), at 01:00 EST (06:00Z) or at both"),
        ("15 2 * * *", "Australia/Lord_Howe", "is skipped: not run, or at 02:30 +11 (15:30Z) or 02:45 +11 (15:45Z)"),
    ],
)  # fmt: skip
def test_several_fires_of_one_clock_change(crontab: str, timezone: str, note: str) -> None:
    """They are one date with the first of them, and the number of the others; zones without letters show offsets."""
    finding = found(Code.CLOCK_CHANGE, crontab, timezone)
    assert finding is not None
    assert note in [date.note for date in finding.dates]


@pytest.mark.parametrize(
    ("crontab", "timezone", "severity"),
    [
        ("0 * * * *", "America/New_York", Severity.INFO),
        ("*/5 0-23 * * *", "America/New_York", Severity.INFO),
        ("0 */2 * * *", "America/New_York", Severity.WARNING),
        ("0 3 * * *", "America/New_York", None),
        ("30 1 * * 1-6", "America/New_York", None),
        ("30 2 * * *", "Etc/UTC", None),
    ],
)
def test_how_severe_a_clock_change_is(crontab: str, timezone: str, severity: Severity | None) -> None:
    """What fires in every hour loses nothing that the next hour does not bring; untouched fires are not found."""
    finding = found(Code.CLOCK_CHANGE, crontab, timezone)
    assert severity == (finding and finding.severity)


@pytest.mark.parametrize(
    ("grace", "crontab", "sentence"),
    [
        (None, "* * * * *", None),
        (timedelta(), "* * * * *", None),
        (MINUTE, "* * * * *", None),
        (MINUTE + timedelta(seconds=1), "* * * * *", "1m1s is longer than the period of 1m: a missed run"),
        (5 * MINUTE, "* * * * *", "5m is longer than the period of 1m: 4 missed runs in a row"),
        (61 * MINUTE, "0 * * * *", "1h1m is longer than the period of 1h: a missed run"),
        (2 * DAY, "0 9 * * 1-5", "2d is longer than the period of 1d: a missed run"),
    ],
)
def test_grace_against_period(grace: timedelta | None, crontab: str, sentence: str | None) -> None:
    """Only a configured grace that is longer than the period is told, with how many misses it may hide."""
    findings = about_policy(Policy(15 * MINUTE, grace=grace), parse_schedule(crontab, "Etc/UTC"))
    expected = [] if sentence is None else [f"the grace of {sentence} may leave no trace"]
    assert expected == [finding.sentence for finding in findings]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"last_run_at": NOW - 30 * DAY}, None),
        ({"last_run_at": NOW - 30 * DAY - MINUTE}, "it is disabled, and its last run is 30 days old"),
        ({"last_run_at": NOW - 730 * DAY, "crontab": "0 0 1 1 *"}, None),
        ({"last_run_at": NOW - 731 * DAY, "crontab": "0 0 1 1 *"}, "it is disabled, and its last run is 731 days old"),
        ({"last_run_at": NOW - 90 * DAY, "crontab": "x"}, "it is disabled, and its last run is 90 days old"),
        ({"last_run_at": None, "runs": 0, "created_at": NOW - 90 * DAY}, "it is disabled, and it has not run in the 90 days it exists"),
        ({"last_run_at": None, "runs": 0, "created_at": NOW - DAY}, None),
        ({"last_run_at": None, "runs": 5, "created_at": NOW - 90 * DAY}, None),
        ({"last_run_at": None, "runs": 0, "created_at": None}, None),
        ({"last_run_at": None, "runs": 0, "created_at": NOW - 90 * DAY, "implausible": True}, None),
        ({"last_run_at": NOW + DAY}, None),
    ],
)  # fmt: skip
def test_forgotten_pauses(changes: dict[str, object], sentence: str | None) -> None:
    """More than 30 days and two periods without a run; without evidence of the last one nothing is claimed."""
    task = a_task(enabled=False, **changes)
    schedule = Schedules().get(task.crontab, task.timezone)
    findings = list(forgotten_pause(task, schedule, observed_since_at=None, now=NOW))
    assert ([] if sentence is None else [sentence]) == [finding.sentence for finding in findings]


@pytest.mark.parametrize(
    ("since_at", "changes", "sentence"),
    [
        (NOW - 30 * DAY, {"last_run_at": NOW - 90 * DAY}, None),
        (NOW - 31 * DAY, {"last_run_at": NOW - 90 * DAY}, "it is disabled, and it has been so for 31 days"),
        (NOW - 31 * DAY, {"last_run_at": None, "runs": 5}, "it is disabled, and it has been so for 31 days"),
        (NOW - 31 * DAY, {"last_run_at": NOW - DAY}, None),
        (NOW - 90 * DAY, {"last_run_at": NOW - 40 * DAY}, "it is disabled, and its last run is 40 days old"),
    ],
)
def test_a_pause_that_the_ledger_saw(since_at: datetime, changes: dict[str, object], sentence: str | None) -> None:
    """It counts from when the pause was seen, or from a later run."""
    task = a_task(enabled=False, **changes)
    findings = list(
        forgotten_pause(task, Schedules().get("0 12 * * *", "Etc/UTC"), observed_since_at=since_at, now=NOW)
    )
    assert ([] if sentence is None else [sentence]) == [finding.sentence for finding in findings]


@pytest.mark.parametrize(("crontab", "local"), [("0 12 * * *", "2024-01-02 07:00"), ("x", "-")])
def test_a_forgotten_pause_shows_the_last_run(crontab: str, local: str) -> None:
    """In local time and UTC; in UTC alone where the schedule cannot be read."""
    task = a_task(enabled=False, last_run_at=at("2024-01-01 22:00Z"), crontab=crontab, timezone="Asia/Tokyo")
    (finding,) = forgotten_pause(task, Schedules().get(crontab, "Asia/Tokyo"), observed_since_at=None, now=NOW)
    assert [(local, "2024-01-01 22:00Z", "")] == [told(date) for date in finding.dates]
