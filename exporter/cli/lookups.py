"""Looks up host names, so that a resolver which is silent about one of them holds up no polls at the others."""

from __future__ import annotations

import asyncio
import concurrent.futures
import socket
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Question = tuple[object, ...]


class LookupLoop(asyncio.SelectorEventLoop):
    """An event loop on which look-ups of one name at the same time are one look-up, in a thread of its own.

    asyncio's share a few threads among all names, and one that has timed out keeps its thread until the resolver gives
    up. Here no more are held than there are names with their ports, and the end of the process waits for none of them.
    `resolve` is the system's resolver, which may block. An address to connect to does not come here: asyncio knows it.
    """

    def __init__(self, *, resolve: Callable[..., list[Any]] = socket.getaddrinfo) -> None:
        super().__init__()
        self._resolve = resolve
        self._running: dict[Question, asyncio.Future[list[Any]]] = {}

    async def getaddrinfo(self, host: bytes | str | None, port: bytes | str | int | None, **options: int) -> list[Any]:
        """As asyncio's. Raises what the resolver raises; whoever waits no longer leaves the look-up to the others."""
        question = (host, port, *sorted(options.items()))
        if question not in self._running:
            self._running[question] = self._begin(question, partial(self._resolve, host, port, **options))
        answer = self._running[question]
        await asyncio.wait([answer])  # awaited itself, it would be cancelled with the first who waits
        return answer.result()

    def _begin(self, question: Question, resolve: Callable[[], list[Any]]) -> asyncio.Future[list[Any]]:
        found = concurrent.futures.Future[list[Any]]()
        threading.Thread(target=_look_up, args=(resolve, found), name="look-up", daemon=True).start()
        answer = asyncio.wrap_future(found, loop=self)
        answer.add_done_callback(partial(self._end, question))
        return answer

    def _end(self, question: Question, answer: asyncio.Future[list[Any]]) -> None:
        del self._running[question]
        answer.exception()  # is seen, or asyncio would tell of it where all who asked have gone


def _look_up(resolve: Callable[[], list[Any]], found: concurrent.futures.Future[list[Any]]) -> None:
    try:
        found.set_result(resolve())
    except Exception as error:  # noqa: BLE001 - it is raised to all who asked
        found.set_exception(error)
