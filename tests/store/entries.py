"""Entries of the ledger for the tests that save and load them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from builders import at
from exporter.ledger import Entry
from exporter.model import RunCounts

if TYPE_CHECKING:
    from exporter.store.book import Key

NOON = at("2024-06-10 12:00Z")


def an_entry(**changes: Any) -> Entry:
    """A daily task that has been followed for a while, with no two values alike."""
    facts: dict[str, Any] = {
        "first_seen_at": at("2024-06-01 00:00:00.000001Z"),
        "seen_at": NOON,
        "epoch": ("0 12 * * *", "Etc/UTC", True),
        "observed_since_at": at("2024-06-02 00:00Z"),
        "counted_at": at("2024-06-10 11:59Z"),
        "horizon_at": at("2024-06-10 12:00:00.999999Z"),
        "last_run_at": at("2024-06-09 12:00:14Z"),
        "runs": 160,
        "spare": 1,
        "optional": 2,
        "counts": RunCounts(9, 8, 2, 3),
    }
    return Entry(**facts | changes)


def some(count: int, **changes: Any) -> dict[Key, Entry]:
    return {("main", str(number)): an_entry(**changes) for number in range(1, count + 1)}
