"""One rendering for all who ask for the same thing at the same time."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

MAX_KEPT = 16  # a key may hold what a stranger sent, so the number of answers kept is bounded
MOST_CHOSEN = 8  # and so is that of the renderings which those that everybody asks for may have to wait for

P = ParamSpec("P")
T = TypeVar("T")


class CrowdError(Exception):
    """More renderings of somebody's own choice are wanted than are let wait."""


class Shared:
    """Hands one rendering to everyone who asks while it runs, and after that until the moment changes.

    `moment` gives what an answer is an answer of; it is kept until that is no longer equal. None is not kept.
    """

    def __init__(self, moment: Callable[[], object]) -> None:
        self._moment = moment
        # Its own thread: the loop's default pool may be filled with look-ups of a resolver that hangs.
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="render")
        self._running: dict[Hashable, asyncio.Task[bytes]] = {}
        self._chosen: set[Hashable] = set()  # of those running
        self._kept: dict[Hashable, bytes] = {}
        self._kept_moment: object = None

    async def get(
        self, key: Hashable, render: Callable[[], Coroutine[None, None, bytes]], *, is_chosen: bool = False
    ) -> bytes:
        """The bytes for `key`: kept, being rendered, or rendered now. Raises what `render` raises.

        Of the keys that `is_chosen` says are of a client's own choice, few are rendered at the same time: CrowdError.
        """
        running = self._running.get(key)
        if running is None:
            moment = self._moment()
            if moment is not None and moment == self._kept_moment and key in self._kept:
                return self._kept[key]
            if is_chosen:
                self._let_in(key)
            running = asyncio.create_task(self._run(key, moment, render), name="render")
            self._running[key] = running
        return await asyncio.shield(running)

    def _let_in(self, key: Hashable) -> None:
        if len(self._chosen) >= MOST_CHOSEN:
            raise CrowdError
        self._chosen.add(key)

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `work` off the event loop, which goes on polling and answering meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(work, *args, **kwargs))

    async def _run(self, key: Hashable, moment: object, render: Callable[[], Coroutine[None, None, bytes]]) -> bytes:
        try:
            body = await render()
        finally:
            del self._running[key]
            self._chosen.discard(key)
        self._keep(key, moment, body)
        return body

    def _keep(self, key: Hashable, moment: object, body: bytes) -> None:
        if moment != self._kept_moment or len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        if moment is not None:
            self._kept[key] = body
        self._kept_moment = moment
