"""Reads Retry-After: how long upstream asks us to wait."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from exporter.client.http_date import parse_http_date

if TYPE_CHECKING:
    from datetime import datetime

_LONGEST_WAIT = timedelta(hours=1)
_SECONDS = re.compile(r"[0-9]+")
_MOST_DIGITS = 10


def retry_after(text: str | None, *, answered_at: datetime) -> timedelta | None:
    """The wait, capped at an hour; None when the header asks for none or cannot be read. Never an exception.

    `answered_at` is the answer's own Date where it has one: a date in the header is meant on upstream's clock.
    """
    wait = _wait(text or "", answered_at)
    if wait is None or wait <= timedelta():
        return None
    return min(wait, _LONGEST_WAIT)


def _wait(text: str, answered_at: datetime) -> timedelta | None:
    if _SECONDS.fullmatch(text):
        digits = text.lstrip("0")
        # More digits are an absurd time and no less a wish to be left alone; int() of thousands would be an exception.
        return timedelta(seconds=int(digits or "0")) if len(digits) <= _MOST_DIGITS else _LONGEST_WAIT
    until_at = parse_http_date(text)
    return None if until_at is None else until_at - answered_at
