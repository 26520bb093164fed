"""Runs what is asynchronous in a verb, on the real clock."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import structlog

from exporter.cli import console

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator


def utc_now() -> datetime:
    return datetime.now(UTC)


def run_to_the_end(main: Coroutine[Any, Any, int], *, failed: int = 1) -> NoReturn:
    """Run `main` and leave with its code, at once; with `failed` when it is interrupted or raises.

    Not asyncio.run: it would wait for a resolver's thread that got stuck, and so would the interpreter's own exit.
    """
    code = failed
    loop = asyncio.new_event_loop()
    try:
        with _waking_on_signals(loop):
            code = loop.run_until_complete(main)
    except Exception as error:  # noqa: BLE001 - the top of the process: told without its text, which may hold a secret
        structlog.get_logger().error("Internal error", where="main", error=error)
    finally:
        os._exit(console.settle(code))


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
