"""Instants in local time and in UTC."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from builders import at
from exporter.web.moments import Moments, utc


@pytest.mark.parametrize(
    ("zone", "instant", "short", "full"),
    [
        ("Europe/Berlin", "2024-06-10 12:00Z", "Mon 10 Jun 14:00 CEST", "Mon 10 Jun 14:00:00 CEST +02:00"),
        ("Europe/Berlin", "2024-06-10 12:00:14Z", "Mon 10 Jun 14:00:14 CEST", "Mon 10 Jun 14:00:14 CEST +02:00"),
        ("America/New_York", "2024-11-03 05:30Z", "Sun 03 Nov 01:30 EDT", "Sun 03 Nov 01:30:00 EDT -04:00"),
        ("America/New_York", "2024-11-03 06:30Z", "Sun 03 Nov 01:30 EST", "Sun 03 Nov 01:30:00 EST -05:00"),
        ("America/Sao_Paulo", "2024-06-10 12:00Z", "Mon 10 Jun 09:00 -03:00", "Mon 10 Jun 09:00:00 -03:00"),
        ("Asia/Kathmandu", "2024-06-10 12:00Z", "Mon 10 Jun 17:45 +05:45", "Mon 10 Jun 17:45:00 +05:45"),
        ("Etc/UTC", "2024-06-10 12:00Z", "Mon 10 Jun 12:00 UTC", "Mon 10 Jun 12:00:00 UTC"),
        (None, "2024-06-10 12:00Z", "Mon 10 Jun 12:00 UTC", "Mon 10 Jun 12:00:00 UTC"),
        ("Europe/Berlin", "2023-04-28 09:29Z", "Fri 28 Apr 2023 11:29 CEST", "Fri 28 Apr 11:29:00 CEST +02:00"),
    ],
)
def test_local_forms(zone: str | None, instant: str, short: str, full: str) -> None:
    """The short form has what a reader needs, the full one the offset too; an unknown zone is UTC and says so."""
    moments = Moments(at("2024-06-10 13:00Z"), ZoneInfo(zone) if zone else None)
    assert (short, full) == (moments.short(at(instant)), moments.full(at(instant)))


def test_both_forms_and_utc() -> None:
    """Local time stands first, UTC in brackets."""
    moments = Moments(at("2024-06-10 13:00Z"), ZoneInfo("Europe/Berlin"))
    assert "Mon 10 Jun 14:00 CEST (2024-06-10 12:00:00Z)" == moments.both(at("2024-06-10 12:00Z"))
    assert "2024-06-10 12:00:00Z" == utc(at("2024-06-10 14:00:00.9+02:00"))
    assert "60 min ago" == moments.ago(at("2024-06-10 12:00Z"))
