"""The ledger for a verb; where it cannot be had, it says so and leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.cli.loading import leave
from exporter.store import LedgerError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from datetime import datetime

    from exporter.ledger import Entry
    from exporter.store.book import Key
    from exporter.store.file import LedgerFile


def open_ledger_or_exit(options: argparse.Namespace, *, now: Callable[[], datetime]) -> LedgerFile | None:
    """The ledger to write to, which is then ours alone. None when it was not asked for."""
    if options.storage_path is None:
        return None
    from exporter.store.file import LedgerFile  # noqa: PLC0415 - SQLite costs memory, which most runs need not pay

    try:
        return LedgerFile(options.storage_path, now=now)
    except LedgerError as error:
        leave(error, options)


def read_ledger_or_exit(options: argparse.Namespace) -> dict[Key, Entry]:
    """What a daemon has saved, for a verb that stands beside it and changes nothing."""
    if options.storage_path is None:
        return {}
    from exporter.store.file import read_entries  # noqa: PLC0415 - as above

    try:
        return read_entries(options.storage_path)
    except LedgerError as error:
        leave(error, options)
