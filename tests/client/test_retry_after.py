from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.client.retry_after import retry_after
from repeated import AMPLE, Repeated, repeated

ANSWERED_AT = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1", 1),
        ("007", 7),
        ("3600", 3600),
        ("3601", 3600),
        ("9999999999", 3600),
        ("Sun, 01 Jun 2025 12:00:30 GMT", 30),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("Sun, 01 Jun 2025 11:59:00 GMT", None),
        ("0", None),
        ("00", None),
        ("10000000000", 3600),
        ("1" * 26, 3600),
        ("9" * 5000, 3600),
        ("0" * 5000 + "9", 9),
        *[
            (text, None)
            for text in (None, "", " ", "soon", "-1", "+5", "1.5", "1e3", "0x10", "1_000", "NaN", "inf", "5, 6", "5\n")
        ],
        *[(text, None) for text in ("٣", "²", "\ufeff5", "2025-06-01T12:00:30Z")],
    ],
)
def test_retry_after(text: str | None, seconds: int | None) -> None:
    """Seconds in ASCII digits or an HTTP date, at most an hour; everything else asks for nothing."""
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert expected == retry_after(text, answered_at=ANSWERED_AT)


@given(st.one_of(st.none(), st.text(), st.from_regex(r"[A-Za-z]{3}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")))
def test_retry_after_never_raises(text: str | None) -> None:
    """Whatever the header says, there is no wait or one of up to an hour."""
    wait = retry_after(text, answered_at=ANSWERED_AT)
    assert wait is None or timedelta() < wait <= timedelta(hours=1)


@settings(max_examples=25, deadline=AMPLE)
@given(repeated(["1", " ", ",", ":", "Sun, ", "01 Jun 2025 ", "12:00:30 ", "GMT", "\u0663", "\x00", "-"]))
@example(Repeated("", "0", "x"))  # a pattern that tries each zero as the first digit takes half a minute
def test_a_long_header_is_read_in_time(header: Repeated) -> None:
    """However much of it gets through to us, it says nothing, or that we shall keep still as long as we ever do."""
    assert retry_after(header.text(100_000), answered_at=ANSWERED_AT) in {None, timedelta(hours=1)}
