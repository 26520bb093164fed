"""Saves the ledger after each round of polls, off the event loop: neither a slow nor a full disk holds polling up."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from exporter.ledger import Entry
    from exporter.store.book import Key
    from exporter.store.memory import Store

_LEAVE_SECONDS = 2.0  # for the last save: a disk that hangs must not hold the end up
_DISK_SECONDS = 10.0  # for any other before it is told
_SILENT = "the disk does not answer"
_log = structlog.get_logger()


class LedgerError(Exception):
    """A ledger that cannot be used; the message is one sentence that names the path."""


class LedgerDamagedError(LedgerError):
    """The file itself is at fault: no later try will succeed before it is set aside."""


class File(Protocol):
    """What the keeper asks of the ledger on disk. What is meant to be raised is LedgerError."""

    @property
    def recoveries(self) -> int: ...
    def entries(self) -> dict[Key, Entry]: ...
    def save(self, entries: Mapping[Key, Entry], gone: Iterable[Key] = ()) -> None: ...
    def set_aside(self, error: LedgerDamagedError) -> None: ...
    def close(self) -> None: ...


class Keeper:
    """Brings a store's ledger to its file, or (None) keeps it in memory only. One event loop only."""

    def __init__(self, store: Store, file: File | None, *, on_error: Callable[[str], None]) -> None:
        self._store = store
        self._file = file
        self._on_error = on_error  # told where a bug was caught
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._under_way: asyncio.Future[None] | None = None
        self._unsaved: dict[Key, Entry] = {}
        self._gone: set[Key] = set()
        self._fault = ""  # why the newest save failed
        if file is not None:
            store.record_ledger_recoveries(file.recoveries)

    async def run(self) -> None:
        """Save after each round, without end. What a save meets is told, never raised."""
        while True:
            await self._store.round_recorded.wait()
            self._store.round_recorded.clear()
            await self.save()

    async def save(self) -> None:
        """Save what has changed since the last save that went well, in one transaction."""
        self._collect()
        if self._file is None or not (self._unsaved or self._gone):
            return
        try:
            await self._write(self._file)
        except LedgerError as error:
            self._failed(str(error))
        except TimeoutError:
            self._failed(_SILENT)
        except Exception as error:  # noqa: BLE001 - a bug in saving must not end the polling
            self._on_error("ledger")
            self._failed(type(error).__name__)
        else:
            self._saved()
        self._store.record_ledger_recoveries(self._file.recoveries)

    async def aclose(self) -> None:
        """Save what is left and close the file: within two seconds, or not at all."""
        if self._file is not None:
            try:
                async with asyncio.timeout(_LEAVE_SECONDS):
                    await self.save()
                    await self._off_the_loop(self._file.close)
            except (TimeoutError, LedgerError) as error:
                _log.error("Ledger not closed", reason=str(error) or _SILENT)
        self._pool.shutdown(wait=False)

    def _collect(self) -> None:
        """Take what is new. Expiry goes by the newest evidence's time: a clock that was set expires nothing."""
        taken = self._store.book.take_unsaved()
        if not taken:
            return
        newest_at = max(entry.seen_at for entry in taken.values())
        gone = frozenset(self._store.book.expire(newest_at, there=self._store.there()))
        if self._file is not None:
            self._gone |= gone
            self._unsaved = {key: entry for key, entry in (self._unsaved | taken).items() if key not in gone}

    async def _write(self, file: File) -> None:
        try:
            await self._off_the_loop(partial(file.save, self._unsaved, frozenset(self._gone)))
        except LedgerDamagedError as error:
            self._unsaved = self._store.book.entries
            await self._off_the_loop(partial(file.set_aside, error))
            await self._off_the_loop(partial(file.save, self._unsaved))

    async def _off_the_loop(self, work: Callable[[], None]) -> None:
        """Raises TimeoutError where the disk does not answer. Nothing more is asked of it before it has."""
        async with asyncio.timeout(_DISK_SECONDS):
            if self._under_way is not None:
                await asyncio.wait({self._under_way})
                self._under_way.exception()  # nobody waits for it any more: what was not saved comes again
            self._under_way = asyncio.get_running_loop().run_in_executor(self._pool, work)
            await asyncio.wait({self._under_way})
        self._under_way.result()

    def _saved(self) -> None:
        _log.debug("Ledger saved", tasks=len(self._unsaved), gone=len(self._gone) or None)
        if self._fault:
            _log.info("Ledger saved again", tasks=len(self._unsaved))
        self._fault, self._unsaved, self._gone = "", {}, set()

    def _failed(self, fault: str) -> None:
        """Told once for each fault, not at every round. Nothing is lost: it is tried again after the next round."""
        if fault != self._fault:
            _log.error("Ledger not saved", reason=fault, tasks=len(self._unsaved))
        self._fault = fault
