"""One local hour's fires: worked out at once where clocks are calm, and the same as minute by minute."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from builders import at
from exporter.schedule import parse_crontab
from exporter.schedule.hours import calm_midnight, hour_of

NEW_YORK, LORD_HOWE = ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("day", "zone", "begins"),
    [
        ("2024-03-09", NEW_YORK, "2024-03-09 05:00Z"),
        ("2024-03-10", NEW_YORK, None),
        ("2024-03-11", NEW_YORK, "2024-03-11 04:00Z"),
        ("2024-11-03", NEW_YORK, None),
        ("2024-04-07", LORD_HOWE, None),
        ("2018-02-17", ZoneInfo("America/Sao_Paulo"), None),  # whose last hour is repeated
        ("2018-02-18", ZoneInfo("America/Sao_Paulo"), "2018-02-18 03:00Z"),
        ("2018-11-04", ZoneInfo("America/Sao_Paulo"), None),  # whose first hour is skipped
        ("2011-12-30", ZoneInfo("Pacific/Apia"), None),  # which is skipped whole
    ],
)
def test_calm_days(day: str, zone: ZoneInfo, begins: str | None) -> None:
    """A day is calm when its clocks stand alike from its first instant to its last."""
    assert (at(begins) if begins else None) == calm_midnight(date.fromisoformat(day), zone)


@pytest.mark.parametrize(
    ("crontab", "day", "hour", "windows", "shown", "optional"),
    [
        ("5,35 * * * *", "2024-06-10", 9, ["13:05", "13:35"], ["13:05", "13:35"], 0),
        ("5,35 * * * *", "2024-03-10", 9, ["13:05", "13:35"], ["13:05", "13:35"], 0),
        ("5,35 2 * * *", "2024-03-10", 2, [], ["07:00"], 2),
        ("5,35 * * * *", "2024-03-10", 2, [], [], 2),
        ("5,35 1 * * *", "2024-11-03", 1, ["05:05", "05:35"], ["05:05", "05:35"], 2),
        ("5,35 * * * *", "2024-11-03", 1, ["05:05", "05:35"], ["05:05", "05:35", "06:05", "06:35"], 2),
    ],
)
def test_an_hours_fires(crontab: str, day: str, hour: int, windows: list[str], shown: list[str], optional: int) -> None:
    """On a calm day and on one that is not: what must be performed, what is shown, and what only some perform."""
    found = hour_of(parse_crontab(crontab), NEW_YORK, date.fromisoformat(day), hour)
    first, last = at(f"{day} 00:00Z"), at(f"{day} 23:59Z")
    fires = [at(f"{day} {time}Z") for time in shown]
    assert windows == [f"{each.earliest_at:%H:%M}" for each in found.windows(first)]
    assert ((fires[0], fires[-1]) if fires else None) == found.span
    assert (fires[:1] or [None], fires[-1:] or [None]) == ([found.after(first)], [found.until(last)])
    assert optional == len(found.optional)


@pytest.mark.parametrize("day", ["2024-06-10", "2024-03-10"])
def test_an_instant_within_an_hour(day: str) -> None:
    """A fire at the very instant is until it, not after it, and still to be awaited from it on; calm or not."""
    found = hour_of(parse_crontab("5,35 * * * *"), NEW_YORK, date.fromisoformat(day), 9)
    early, late = at(f"{day} 13:05Z"), at(f"{day} 13:35Z")
    instant = timedelta.resolution
    assert (None, early) == (found.until(early - instant), found.after(early - instant))
    assert (early, late) == (found.until(early), found.after(early))
    assert (late, None) == (found.until(late), found.after(late))
    for start, count in ((early, 2), (early + instant, 1), (late, 1), (late + instant, 0), (late + 90 * MINUTE, 0)):
        assert count == len(list(found.windows(start)))
