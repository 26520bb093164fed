"""What goes wrong with a disk, brought about for real."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
