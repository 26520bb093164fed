from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("500ms", 0.5),
        ("90s", 90),
        ("15m", 900),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1y", 31_536_000),
        ("1y2w3d4h5m6s7ms", 31_536_000 + 14 * 86_400 + 3 * 86_400 + 4 * 3600 + 5 * 60 + 6 + 0.007),
        ("292y", 292 * 31_536_000),
    ],
)
def test_a_duration_means_what_prometheus_means_by_it(text: str, seconds: float) -> None:
    """Units add up; a year has 365 days."""
    assert timedelta(seconds=seconds) == parse_duration(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5",
        "00",
        "-5s",
        "+5s",
        "5 s",
        "1.5m",
        "5S",
        "30s1m",
        "1h1h",
        "1m30",
        "five",
        "5s\n",
        "٣s",
        "1_0s",
        "293y",
        "9" * 70 + "s",
        "9" * 60 + "s",
    ],
)
def test_what_prometheus_refuses_is_refused(text: str) -> None:
    """Wrong order, missing or doubled units, signs, fractions, blanks, other digits and overflow are errors."""
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.5, "500ms"),
        (60, "1m"),
        (90, "1m30s"),
        (86_400, "1d"),
        (864_000, "10d"),
        (1_209_600, "2w"),
        (31_536_000, "1y"),
    ],
)
def test_a_duration_is_written_as_prometheus_writes_it(seconds: float, text: str) -> None:
    """Weeks and years only when nothing is left over."""
    assert text == format_duration(timedelta(seconds=seconds))


def test_a_negative_span_has_no_text() -> None:
    """Prometheus knows no negative duration in a configuration."""
    with pytest.raises(ValueError, match="negative"):
        format_duration(timedelta(seconds=-1))


@given(st.integers(min_value=0, max_value=(2**63 - 1) // 1_000_000))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    """Every whole number of milliseconds survives the round trip."""
    span = timedelta(milliseconds=milliseconds)
    assert span == parse_duration(format_duration(span))
