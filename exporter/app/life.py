"""The life of the process: root tasks that live or die together, and the signals that end or reload it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping

    from exporter.app.house import House
    from exporter.web import Server

_LEAVE_SECONDS = 4.0  # for everything to end after a signal; an orchestrator kills after 30 s, a user long before
_LOOPS_SECONDS = 1.0  # of them for loops that are cancelled
_ENDING = (signal.SIGTERM, signal.SIGINT)
_HARMLESS = (signal.SIGUSR1, signal.SIGUSR2)  # a supervisor's habit
_log = structlog.get_logger()


async def serve(house: House, server: Server) -> int:
    """Poll and serve until SIGTERM or SIGINT (exit code 0), or until a root task ends by itself (1)."""
    return await live_or_die(
        servers={"web server": server}, loops=house.loops(), on_hangup=house.ask_to_reload, close=house.aclose
    )


async def _nothing() -> None:
    pass


async def live_or_die(
    *,
    servers: Mapping[str, Server],
    loops: Mapping[str, Coroutine[object, object, None]],
    on_hangup: Callable[[], object] | None = None,
    close: Callable[[], Coroutine[object, object, None]] = _nothing,
) -> int:
    """Run the root tasks until a signal (0), or until one of them ends, which none ever should (1); then end all.

    Servers finish the answers they have begun; loops are cancelled, and what they worked with is closed by `close`. All
    that has four seconds, and what lingers is left behind.
    `on_hangup` is called in the event loop at each SIGHUP; without it that signal does nothing.
    """
    serving = {asyncio.create_task(server.serve(), name=name) for name, server in servers.items()}
    looping = {asyncio.create_task(loop, name=name) for name, loop in loops.items()}
    with _signals(on_hangup) as signalled:
        waiting = asyncio.create_task(signalled.wait(), name="signal")
        done, _ = await asyncio.wait({*serving, *looping, waiting}, return_when=asyncio.FIRST_COMPLETED)
        ended = done - {waiting}
        for task in ended:
            error = None if task.cancelled() else task.exception()
            _log.error("A root task has ended; leaving", task=task.get_name(), error=error)
        for server in servers.values():
            server.stop()
        waiting.cancel()
        closing = asyncio.create_task(_end(looping, close), name="end of loops")
        done, _ = await asyncio.wait({*serving, closing, waiting}, timeout=_LEAVE_SECONDS)
        if closing in done:
            closing.result()
    return 1 if ended else 0


async def _end(loops: Collection[asyncio.Task[None]], close: Callable[[], Coroutine[object, object, None]]) -> None:
    for task in loops:
        task.cancel()
    if loops:
        await asyncio.wait(loops, timeout=_LOOPS_SECONDS)
    await close()


@contextmanager
def _signals(on_hangup: Callable[[], object] | None) -> Iterator[asyncio.Event]:
    """An event that the first SIGTERM or SIGINT sets; the second ends the process on the spot, with 1.

    Not the event loop's own handlers: those wait for a turn of the loop, which may be what does not come.
    """
    loop = asyncio.get_running_loop()
    signalled = asyncio.Event()
    received: list[int] = []

    def leave(name: str) -> None:
        _log.warning(f"Received {name}, exiting gracefully...")
        signalled.set()

    def handle(number: int, _frame: object) -> None:
        if received:
            os._exit(1)
        received.append(number)
        loop.call_soon_threadsafe(leave, signal.Signals(number).name)

    def hang_up(_number: int, _frame: object) -> None:
        if on_hangup is not None:
            loop.call_soon_threadsafe(on_hangup)

    before = {number: signal.signal(number, handle) for number in _ENDING}
    before |= {number: signal.signal(number, signal.SIG_IGN) for number in _HARMLESS}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, hang_up)
    # Held back since the start, so that one that came early finds the handler.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    try:
        yield signalled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
