"""Clock changes of real zones, by date, and a walk along the wall clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from builders import at
from exporter.schedule.changes import change_between, zone_changes


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("timezone", "changed_at", "skips", "first", "end"),
    [
        ("Europe/Berlin", "2024-03-31 01:00Z", True, "2024-03-31 02:00", "2024-03-31 03:00"),
        ("Europe/Berlin", "2024-10-27 01:00Z", False, "2024-10-27 02:00", "2024-10-27 03:00"),
        ("America/Santiago", "2024-04-07 03:00Z", False, "2024-04-06 23:00", "2024-04-07 00:00"),
        ("Africa/Cairo", "2024-04-25 22:00Z", True, "2024-04-26 00:00", "2024-04-26 01:00"),
        ("Australia/Lord_Howe", "2024-04-06 15:00Z", False, "2024-04-07 01:30", "2024-04-07 02:00"),
        ("Pacific/Apia", "2011-12-30 10:00Z", True, "2011-12-30 00:00", "2011-12-31 00:00"),
    ],
)
def test_a_change_by_date(timezone: str, changed_at: str, skips: bool, first: str, end: str) -> None:
    """The instant, and the wall times that are skipped or come twice, also where they begin or end a day."""
    instant = at(changed_at)
    (change,) = zone_changes(ZoneInfo(timezone), instant - timedelta(days=20.1), instant + timedelta(days=20))
    assert (instant, skips, wall(first), wall(end)) == (change.changed_at, change.skips, change.first, change.end)
    assert instant == change_between(
        instant - timedelta(hours=9), instant + timedelta(hours=9), zone=ZoneInfo(timezone)
    )


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("2024-03-31 00:59:59Z", "2024-03-31 01:00:01Z", 1),
        ("2024-03-31 01:00:00Z", "2024-03-31 01:00:01Z", 0),
        ("2024-03-31 00:59:59Z", "2024-03-31 01:00:00Z", 0),
        ("2024-03-31 02:00:00Z", "2024-10-27 00:59:59Z", 0),
        ("2024-01-01 00:00:00Z", "2025-01-01 00:00:00Z", 2),
    ],
)
def test_the_span_is_open(start: str, end: str, found: int) -> None:
    """A change at the very start or end is none of the span's."""
    assert found == len(zone_changes(ZoneInfo("Europe/Berlin"), at(start), at(end)))


def test_a_zone_without_changes() -> None:
    """UTC and Kolkata have none."""
    for name in ("Etc/UTC", "Asia/Kolkata"):
        assert () == zone_changes(ZoneInfo(name), at("2024-01-01 00:00Z"), at("2034-01-01 00:00Z"))
