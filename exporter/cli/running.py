"""Runs what is asynchronous in a verb, on the real clock."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import structlog

from exporter import logs
from exporter.cli import console
from exporter.cli.lookups import LookupLoop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Iterator


def utc_now() -> datetime:
    return datetime.now(UTC)


def run_to_the_end(
    main: Coroutine[Any, Any, int], *, failed: int = 1, on_bug: Callable[[], object] = lambda: None
) -> NoReturn:
    """Run `main` and leave with its code, at once; with `failed` when it is interrupted or raises.

    `on_bug` is called, from any thread, for each error beside `main` that nobody has caught.
    Not asyncio.run: its end and the interpreter's own wait for threads of pools, and one may be stuck, as at a disk.
    """
    code = failed
    loop = LookupLoop()
    _tell_of_bugs_beside(loop, on_bug)
    try:
        with _waking_on_signals(loop):
            code = loop.run_until_complete(main)
    except Exception as error:  # noqa: BLE001 - the top of the process
        tell_bug("main", error)
    finally:
        logs.finish()
        os._exit(console.settle(code))


def tell_bug(where: str, error: BaseException | None) -> None:
    """Log what nobody has caught by class and place, where Python would print its text, which may hold a secret."""
    if not structlog.is_configured():
        logs.configure()
    structlog.get_logger().error("Internal error", where=where, error=error)


def _tell_of_bugs_beside(loop: asyncio.AbstractEventLoop, on_bug: Callable[[], object]) -> None:
    """Also of what is raised where nothing can be caught, as while an object is thrown away. For the process's life."""

    def tell(where: str, error: BaseException | None) -> None:
        on_bug()
        tell_bug(where, error)

    # In asyncio's own words it would quote the objects it met, and so perhaps a key.
    loop.set_exception_handler(lambda _, context: tell("event loop", context.get("exception")))
    threading.excepthook = lambda found: tell("thread", found.exc_value)
    sys.unraisablehook = lambda found: tell("interpreter", found.exc_value)


@contextlib.contextmanager
def _waking_on_signals(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Each signal makes a socket readable, so that the loop turns and Python's handler runs at once.

    Else one that comes just before the loop goes to sleep, or to another thread, is not seen until it next wakes.
    """
    reading, writing = socket.socketpair()
    with reading, writing:
        for end in (reading, writing):
            end.setblocking(False)
        loop.add_reader(reading, reading.recv, 4096)
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            loop.remove_reader(reading)
