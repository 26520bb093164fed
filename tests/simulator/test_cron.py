from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exporter.simulator.cron import find_zone, parse_cron

VECTORS = json.loads((Path(__file__).parent.parent / "data" / "vectors.json").read_text())
YEARS = timedelta(days=366 * 9)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def rows() -> list[dict[str, object]]:
    found = VECTORS if isinstance(VECTORS, list) else VECTORS["vectors"]
    return [row for row in found if row["enabled"] and row["expected"]["next_fire"]]


def test_fires_agree_with_the_oracle() -> None:
    """The fires round each vector's now are among those the minute-by-minute oracle accepts."""
    wrong = []
    for row in rows():
        now = datetime.fromtimestamp(row["now"], UTC)
        cron = parse_cron(row["crontab"], row["timezone"])
        before, after = cron.latest(now - YEARS, now), next(cron.fires(now, now + YEARS))
        if before and before.timestamp() not in row["expected"]["accept_prev"]:
            wrong.append((row["id"], before))
        if after.timestamp() not in row["expected"]["accept_next"]:
            wrong.append((row["id"], after))
    assert wrong == []
    assert len(rows()) > 600


@pytest.mark.parametrize(
    ("crontab", "timezone", "after", "until", "fires"),
    [
        # New York leaps from 02:00 to 03:00 on 8 March 2026 (07:00Z) and repeats 01:00 to 02:00 on 1 November.
        ("30 2 * * *", "America/New_York", "2026-03-08", "2026-03-09", ["2026-03-08T07:00"]),
        ("*/30 2 * * *", "America/New_York", "2026-03-08", "2026-03-09", []),
        ("30 1 * * *", "America/New_York", "2026-11-01", "2026-11-02", ["2026-11-01T05:30"]),
        (
            "30 */1 * * *",
            "America/New_York",
            "2026-11-01T05:00",
            "2026-11-01T07:00",
            ["2026-11-01T05:30", "2026-11-01T06:30"],
        ),
        # Apia left out the whole of 30 December 2011.
        ("0 12 * * *", "Pacific/Apia", "2011-12-29T23:00", "2011-12-31", ["2011-12-30T22:00"]),
        ("0 0 1 * mon", "Etc/UTC", "2026-06-01", "2026-06-15", ["2026-06-08T00:00", "2026-06-15T00:00"]),
        ("0 0 */2 * mon", "Etc/UTC", "2026-06-01", "2026-06-15", ["2026-06-15T00:00"]),
        ("0 0 * jan 7", "Etc/UTC", "2026-01-01", "2026-01-05", ["2026-01-04T00:00"]),
        ("50/5 8 * * *", "Etc/UTC", "2026-01-01", "2026-01-02", ["2026-01-01T08:50", "2026-01-01T08:55"]),
        ("0 0 31 2 *", "Etc/UTC", "2020-01-01", "2030-01-01", []),
    ],
)
def test_fires_of_a_range(crontab: str, timezone: str, after: str, until: str, fires: list[str]) -> None:
    """A range holds its end and not its start, and clock changes and day fields go by Vixie's rules."""
    cron = parse_cron(crontab, timezone)
    wanted = [utc(text) for text in fires]
    assert wanted == list(cron.fires(utc(after), utc(until)))
    assert len(wanted) == cron.count(utc(after), utc(until))
    assert (wanted[-1] if wanted else None) == cron.latest(utc(after), utc(until))


def test_a_range_that_ends_before_it_starts_is_empty() -> None:
    """Time that goes backwards fires nothing."""
    cron = parse_cron("* * * * *", "Etc/UTC")
    assert cron.count(utc("2026-01-02"), utc("2026-01-01")) == 0


@pytest.mark.parametrize(
    "crontab",
    ["", "* * * *", "* * * * * *", "60 * * * *", "10-5 * * * *", "0 9-5 * * *", "0/0 * * * *", "* * 0 * *",
     "* * * * 8", "x * * * *", "1-2-3 * * * *", "*-5 * * * *", "- * * * *", ", * * * *", "* * * * *" + " " * 300],
)  # fmt: skip
def test_crontabs_that_no_cron_runs_are_refused(crontab: str) -> None:
    """What cron would not run is a ValueError, whatever is wrong with it."""
    with pytest.raises(ValueError, match="crontab: "):
        parse_cron(crontab, "Etc/UTC")


@pytest.mark.parametrize("timezone", ["", "Mars/Olympus_Mons", "../etc/passwd", "Europe", "localtime", "x" * 5000])
def test_zones_that_are_none_are_refused(timezone: str) -> None:
    """Only names of the IANA list are zones."""
    with pytest.raises(ValueError, match="timezone: "):
        find_zone(timezone)
