"""Puts another configuration in the place of the one in force, while everything runs: tried whole, swapped or refused.

SIGHUP, POST /-/reload and the watch over the file feed one queue, so reloads never overlap; who asks while one is
under way shares the next.
"""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

import structlog

from exporter.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta

    from exporter.config import Config

T = TypeVar("T")
_READ_SECONDS = 10.0  # for a file on a disk that hangs, or a pipe that nobody writes to
_log = structlog.get_logger()


class File(Protocol):
    """A configuration file. Both raise ConfigError."""

    def read(self) -> bytes: ...
    def parse(self, content: bytes) -> Config: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What a reload does to the house. `record` is told whether it went well, `on_error` where a bug was caught."""

    apply: Callable[[Config], Awaitable[None]]
    record: Callable[[bool], None]
    on_error: Callable[[str], None]


class Reloader:
    """Reloads a file that holds `content` now. With `watch_every` also whenever that changes. One event loop only."""

    def __init__(
        self,
        file: File,
        content: bytes,
        effects: Effects,
        *,
        watch_every: timedelta | None = None,
        read_seconds: float = _READ_SECONDS,
    ) -> None:
        self._file = file
        self._read_seconds = read_seconds
        self._effects = effects
        self._watch_every_seconds = None if watch_every is None else watch_every.total_seconds()
        self._tried: bytes | None = _digest(content)  # None: there was no file to read
        self._waiting: list[asyncio.Future[str]] = []
        self._asked = asyncio.Event()
        # Its own: no other work, which may hang, holds it up.
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reload")

    def ask(self) -> asyncio.Future[str]:
        """Ask for a reload. The future gives an empty text when it has succeeded, else why the old one stays."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._asked.set()
        return waiting

    async def run(self) -> None:
        """Reload when asked, without end. What a reload meets is told, never raised."""
        while True:
            if await self._is_asked() or await self._has_changed():
                self._asked.clear()
                waiting, self._waiting = self._waiting, []
                reason = await self._reload()
                for each in waiting:
                    if not each.done():  # whoever asked may have gone
                        each.set_result(reason)

    async def _is_asked(self) -> bool:
        """Whether somebody has asked, before it was time to look at the file."""
        try:
            async with asyncio.timeout(self._watch_every_seconds):
                return await self._asked.wait()
        except TimeoutError:
            return False

    async def _has_changed(self) -> bool:
        """A file that went, or that was refused, is tried again once it is another."""
        try:
            return _digest(await self._in_thread(self._file.read)) != self._tried
        except (ConfigError, TimeoutError):
            return self._tried is not None

    async def _reload(self) -> str:
        reason = ""
        try:
            config = await self._load()
            await self._effects.apply(config)
            _log.info("Reloaded config file", file=config.name, accounts=len(config.accounts))
        except ConfigError as error:
            reason = str(error)
        except TimeoutError:
            self._tried = None
            reason = f"the file could not be read within {self._read_seconds:g} s"
        except Exception as error:  # noqa: BLE001 - a bug in reloading must not end the polling
            self._effects.on_error("reload")
            reason = f"internal error ({type(error).__name__})"
        self._effects.record(not reason)
        if reason:
            _log.error("Error reloading config", err=reason)
        return reason

    async def _load(self) -> Config:
        """What the threads do is told here: one that ends after its time has changed nothing."""
        self._tried = None
        content = await self._in_thread(self._file.read)
        self._tried = _digest(content)
        return await self._in_thread(partial(self._file.parse, content))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Raises TimeoutError where the disk does not answer; what comes later waits in line behind it."""
        async with asyncio.timeout(self._read_seconds):
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _digest(content: bytes) -> bytes:
    """What is kept of the file: it may be large, and hold keys."""
    return hashlib.sha256(content).digest()
