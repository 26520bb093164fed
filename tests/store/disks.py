"""What goes wrong with a disk, most of it brought about for real."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from exporter.store import LedgerError
from store.entries import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from exporter.ledger import Entry
    from exporter.store.book import Key


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """No file of this process may grow beyond what the largest of the ledger's has now."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = max(each.stat().st_size for each in path.parent.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def execute(path: Path, script: str) -> None:
    """What somebody does in a shell of SQLite."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script)


class Broken:
    """A file whose save raises what it should not, so often."""

    recoveries = 0

    def __init__(self, times: int) -> None:
        self.times = times
        self.written: dict[Key, Entry] = {}

    def entries(self) -> dict[Key, Entry]:
        return some(1)

    def save(self, entries: Mapping[Key, Entry], gone: Iterable[Key] = ()) -> None:
        if self.times:
            self.times -= 1
            raise ZeroDivisionError
        self.written |= entries

    def set_aside(self, error: LedgerError) -> None:
        raise AssertionError("a bug is no damage")

    def close(self) -> None:
        raise LedgerError("storage path 'x': Input/output error")
