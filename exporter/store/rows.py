"""An entry of the ledger as a row of the ledger file, and back, exact to the microsecond.

Counts are decimal text: upstream's may be larger than any integer of SQLite.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from exporter.ledger import Entry
from exporter.model import RunCounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.store.book import Key

Row = tuple[str | int | None, ...]
Value = TypeVar("Value")
Other = TypeVar("Other")

CREATE = """CREATE TABLE entries (
  account TEXT NOT NULL, task_id TEXT NOT NULL,
  first_seen_at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
  crontab TEXT, timezone TEXT, enabled INTEGER, observed_since_at INTEGER,
  counted_at INTEGER, horizon_at INTEGER, last_run_at INTEGER, runs TEXT, spare TEXT NOT NULL, optional TEXT NOT NULL,
  expected TEXT NOT NULL, observed TEXT NOT NULL, missed TEXT NOT NULL, extra TEXT NOT NULL,
  PRIMARY KEY (account, task_id)
) WITHOUT ROWID"""
SELECT = (
    "SELECT account, task_id, first_seen_at, seen_at, crontab, timezone, enabled, observed_since_at,"
    " counted_at, horizon_at, last_run_at, runs, spare, optional, expected, observed, missed, extra FROM entries"
)
REPLACE = "REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
DELETE = "DELETE FROM entries WHERE account = ? AND task_id = ?"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST_DIGITS = 40  # no count can have as many: what has is damage


def to_row(key: Key, entry: Entry) -> Row:
    """The values of REPLACE."""
    crontab, timezone, enabled = entry.epoch
    return (
        *key,
        _microseconds(entry.first_seen_at),
        _microseconds(entry.seen_at),
        crontab,
        timezone,
        enabled,
        _opt(_microseconds, entry.observed_since_at),
        _opt(_microseconds, entry.counted_at),
        _opt(_microseconds, entry.horizon_at),
        _opt(_microseconds, entry.last_run_at),
        _opt(str, entry.runs),
        str(entry.spare),
        str(entry.optional),
        *(str(n) for n in (entry.counts.expected, entry.counts.observed, entry.counts.missed, entry.counts.extra)),
    )


def from_row(row: tuple[object, ...]) -> tuple[Key, Entry]:
    """What a row of SELECT says. Raises ValueError when a value is not what `to_row` writes."""
    account, task_id, first_seen, seen, crontab, timezone, enabled, since, counted, horizon, last_run, *counts = row
    runs, spare, optional, *four = counts
    try:
        entry = Entry(
            first_seen_at=_instant(first_seen),
            seen_at=_instant(seen),
            epoch=(_opt(_text, crontab), _opt(_text, timezone), _opt(_flag, enabled)),
            observed_since_at=_opt(_instant, since),
            counted_at=_opt(_instant, counted),
            horizon_at=_opt(_instant, horizon),
            last_run_at=_opt(_instant, last_run),
            runs=_opt(_count, runs),
            spare=_count(spare),
            optional=_count(optional),
            counts=RunCounts(*map(_count, four)),
        )
    except OverflowError as error:
        raise ValueError("expected an instant of the calendar") from error
    return (_text(account), _text(task_id)), entry


def _opt(convert: Callable[[Value], Other], value: Value | None) -> Other | None:
    return None if value is None else convert(value)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _instant(value: object) -> datetime:
    if not isinstance(value, int):
        raise ValueError("expected microseconds")  # noqa: TRY004 - the one error of a row
    return _EPOCH + timedelta(microseconds=value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a text")  # noqa: TRY004 - the one error of a row
    return value


def _flag(value: object) -> bool:
    if value not in (0, 1):
        raise ValueError("expected 0 or 1")
    return value == 1


def _count(value: object) -> int:
    if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS):
        raise ValueError("expected a count")
    return int(value)
