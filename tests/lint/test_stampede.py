"""Many tasks on one minute: thresholds, what is counted, and which minute is named."""

from __future__ import annotations

import pytest

from builders import a_task, at
from exporter.lint import Code, Finding
from exporter.lint.stampede import stampede
from exporter.schedule import Schedules

NOW = at("2024-06-10 12:30Z")


def found(*schedules: tuple[str, str], now=NOW) -> list[Finding]:
    """What is found in tasks with these crontabs and timezones, whose ids are their numbers from 0."""
    made = Schedules()
    fired = [
        (a_task(id=str(number), crontab=crontab, timezone=timezone), made.get(crontab, timezone))
        for number, (crontab, timezone) in enumerate(schedules)
    ]
    return list(stampede(fired, now=now))


def together(number: int, crontab: str = "0 9 * * *", timezone: str = "Etc/UTC") -> list[tuple[str, str]]:
    return [(crontab, timezone)] * number


def apart(number: int) -> list[tuple[str, str]]:
    """Daily tasks, each on a minute of its own."""
    return [(f"{each % 59 + 1} {10 + each // 59} * * *", "Etc/UTC") for each in range(number)]


@pytest.mark.parametrize(
    ("many", "others", "is_found"),
    [(4, 0, False), (5, 0, True), (5, 20, True), (5, 21, False), (6, 24, True), (6, 25, False)],
)
def test_how_many_are_a_stampede(many: int, others: int, is_found: bool) -> None:
    """At least five tasks that are at least a fifth of the account's."""
    assert is_found is bool(found(*together(many), *apart(others)))


@pytest.mark.parametrize(
    ("crontab", "is_found"),
    [("* * * * *", False), ("*/4 * * * *", False), ("*/5 * * * *", True), ("0 0 1 * *", True), ("0 0 1 1 *", False)],
)
def test_which_tasks_count(crontab: str, is_found: bool) -> None:
    """Not those that fire more than 12 times an hour, and only fires of the coming 31 days."""
    assert is_found is bool(found(*together(9, crontab)))


def test_frequent_tasks_hide_no_stampede() -> None:
    """A hundred tasks that run every minute are not counted in the share."""
    (finding,) = found(*together(5), *together(100, "* * * * *"))
    assert finding.sentence.startswith("5 of 5 tasks ")


def test_zones_meet_in_utc() -> None:
    """Tasks of different zones that fire at one instant are together; their dates are told in UTC alone."""
    zones = ["Etc/UTC", "Asia/Tokyo", "Asia/Kolkata", "America/New_York", "Europe/Berlin"]
    hours = ["0 12", "0 21", "30 17", "0 8", "0 14"]
    (finding,) = found(*((f"{hour} * * *", zone) for hour, zone in zip(hours, zones, strict=True)))
    assert ["0", "1", "2", "3", "4"] == [task.id for task in finding.tasks]
    assert (None, (at("2024-06-11 12:00Z"),), "5 tasks") == (
        finding.dates[0].local,
        finding.dates[0].utc,
        finding.dates[0].note,
    )


def test_the_busiest_minute_is_named() -> None:
    """Seven on Mondays win over six every day; the others follow, and the tasks are those of the named minute."""
    (finding,) = found(*together(6, timezone="Asia/Tokyo"), ("0 9 * * 1", "Asia/Tokyo"), ("5 9 * * *", "Asia/Tokyo"))
    assert Code.STAMPEDE is finding.code
    assert (
        "7 of 8 tasks fire in the same minute, 2024-06-17 00:00 UTC; 31 minutes have 5 or more in the coming 31 days"
        == finding.sentence
    )
    assert ["0", "1", "2", "3", "4", "5", "6"] == [task.id for task in finding.tasks]
    assert [
        ("2024-06-17 09:00", "7 tasks"),
        ("2024-06-24 09:00", "7 tasks"),
        ("2024-07-01 09:00", "7 tasks"),
        ("2024-07-08 09:00", "7 tasks"),
        ("2024-06-11 09:00", "6 tasks"),
    ] == [(f"{date.local:%Y-%m-%d %H:%M}", date.note) for date in finding.dates]


def test_one_minute_only() -> None:
    """Monthly tasks meet once in 31 days."""
    (finding,) = found(*together(5, "0 0 1 * *"))
    assert finding.sentence.endswith("2024-07-01 00:00 UTC; 1 minute has 5 or more in the coming 31 days")


@pytest.mark.parametrize(
    ("now", "first"), [("2024-06-10 08:59:59Z", "2024-06-10"), ("2024-06-10 09:00Z", "2024-06-11")]
)
def test_only_minutes_to_come(now: str, first: str) -> None:
    """The minute that has begun is past."""
    (finding,) = found(*together(5), now=at(now))
    assert first == f"{finding.dates[0].utc[0]:%Y-%m-%d}"


def test_days_of_a_clock_change_are_left_out() -> None:
    """On 2024-11-03 New York repeats an hour: the day before and the day after are counted, at their own offsets."""
    (finding,) = found(*together(5, timezone="America/New_York"), now=at("2024-11-02 00:00Z"))
    assert ["2024-11-02 13:00Z", "2024-11-04 14:00Z"] == [
        f"{date.utc[0]:%Y-%m-%d %H:%MZ}" for date in finding.dates[:2]
    ]


def test_no_tasks() -> None:
    """An account without enabled tasks has no stampede."""
    assert [] == found()


def test_only_those_that_fire_then_are_named() -> None:
    """A task with the same time of day on other days is not among them."""
    (finding,) = found(*together(5, "0 9 * * 1"), ("0 9 * * 2", "Etc/UTC"), ("0 10 * * 1", "Etc/UTC"))
    assert finding.sentence.startswith("5 of 7 tasks fire in the same minute, 2024-06-17 09:00 UTC; 4 minutes ")
    assert ["0", "1", "2", "3", "4"] == [task.id for task in finding.tasks]
