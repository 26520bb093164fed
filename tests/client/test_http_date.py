from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.client.http_date import clock_skew, parse_http_date

AN_INSTANT = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", AN_INSTANT),
        ("Sunday, 06-Nov-94 08:49:37 GMT", AN_INSTANT),
        ("Sun Nov  6 08:49:37 1994", AN_INSTANT),
        ("Friday, 06-Nov-68 08:49:37 GMT", AN_INSTANT.replace(year=2068)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (None, None),
        ("", None),
        ("Sun, 06 Nov 1994 08:49:37", None),
        ("Sun, 06 Nov 1994 08:49:37 +0000", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", None),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 0000 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 25:00:00 GMT", None),
        ("Sun, ٠٦ Nov 1994 08:49:37 GMT", None),
        ("Sun Nov    08:49:37 1994", None),
    ],
)
def test_parse_http_date(text: str | None, expected: datetime | None) -> None:
    """The three forms of RFC 9110 are read strictly; anything else is no date."""
    assert expected == parse_http_date(text)


@given(st.text(st.sampled_from("Sun,0 6NovSatday-19:4GMTJ"), max_size=40))
def test_parse_http_date_never_raises(text: str) -> None:
    """Any text is a date or none."""
    assert isinstance(parse_http_date(text), datetime | None)


@pytest.mark.parametrize(
    ("date", "start", "end", "skew"),
    [
        pytest.param(0, 0.9, 0.95, 0, id="cut to the second"),
        pytest.param(5, 4.5, 5.5, 0, id="inside"),
        pytest.param(9, 3, 5, 4, id="upstream ahead"),
        pytest.param(0, 3601, 3602, -3600, id="upstream behind"),
        pytest.param(4, 5, 3, 0, id="our clock stepped back meanwhile"),
    ],
)
def test_clock_skew(date: float, start: float, end: float, skew: float) -> None:
    """The skew is the signed distance from the span of the request, a whole second's cut allowed."""
    at = [AN_INSTANT + timedelta(seconds=seconds) for seconds in (date, start, end)]
    assert timedelta(seconds=skew) == clock_skew(at[0], start_at=at[1], end_at=at[2])


def test_clock_skew_at_the_end_of_the_calendar() -> None:
    """The last instant there is overflows nothing."""
    last_at = datetime.max.replace(tzinfo=UTC)
    assert clock_skew(last_at, start_at=AN_INSTANT, end_at=AN_INSTANT) > timedelta(days=1)
