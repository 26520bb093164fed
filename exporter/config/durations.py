"""Durations as Prometheus writes them: `15m`, `1h30m`, `2d`, `500ms`, `0`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

DURATION_PATTERN: Final = (
    r"^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$"  # prometheus/common model/time.go
)
_PARTS: Final = re.compile(r"([0-9]+)(ms|[ywdhms])")
_WHOLE: Final = re.compile(DURATION_PATTERN)
_MILLISECONDS: Final = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_ONLY_WHOLE: Final = frozenset("yw")  # Prometheus writes 10d, not 1w3d
_LONGEST_TEXT: Final = 64
_LONGEST: Final = (2**63 - 1) // 1_000_000  # Prometheus counts nanoseconds in 64 bits: about 292 years


def parse_duration(text: str) -> timedelta:
    """The span a Prometheus duration names, whole milliseconds. Raises ValueError for anything else."""
    if not text or len(text) > _LONGEST_TEXT or not _WHOLE.fullmatch(text):
        raise ValueError("not a duration")
    total = sum(int(number) * _MILLISECONDS[unit] for number, unit in _PARTS.findall(text))
    if total > _LONGEST:
        raise ValueError("a duration out of range")
    return timedelta(milliseconds=total)


def format_duration(span: timedelta) -> str:
    """The shortest Prometheus form, as its own tools print it; `0s` for nothing. Raises ValueError below zero."""
    left = span // timedelta(milliseconds=1)
    if left < 0:
        raise ValueError("a duration is never negative")
    text = ""
    for unit, size in _MILLISECONDS.items():
        if left >= size and (unit not in _ONLY_WHOLE or left % size == 0):
            count, left = divmod(left, size)
            text += f"{count}{unit}"
    return text or "0s"
