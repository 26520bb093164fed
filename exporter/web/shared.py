"""One rendering for all who ask for the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable
    from concurrent.futures import Executor

MAX_KEPT = 16  # a key may hold what a stranger sent, so the number of answers kept is bounded
MOST_CHOSEN = 8  # and so is that of the renderings of each kind which those that everybody asks for may wait for
MOST_CHOSEN_BYTES = 8 * 1024 * 1024  # of answers that are kept, and again of those that are being taken

P = ParamSpec("P")
T = TypeVar("T")


class CrowdError(Exception):
    """More of clients' own choice is wanted than is let wait, or taken at once."""


def one_thread() -> Executor:
    """For renderings alone: no other work, which may hang, holds them up."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="render")


class Loans:
    """Answers of clients' own choice while these take them: the same bytes count once, however many take them."""

    def __init__(self, most_bytes: int = MOST_CHOSEN_BYTES) -> None:
        self._most_bytes = most_bytes
        self._takers: Counter[int] = Counter()  # by the identity of what they take
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return self._bytes >= self._most_bytes

    def take(self, body: bytes) -> None:
        """Raises CrowdError where that would be too many bytes; a single answer may have as many as it needs."""
        if id(body) not in self._takers:
            if self._bytes and self._bytes + len(body) > self._most_bytes:
                raise CrowdError
            self._bytes += len(body)
        self._takers[id(body)] += 1

    def give_back(self, body: bytes) -> None:
        self._takers[id(body)] -= 1
        if not self._takers[id(body)]:
            del self._takers[id(body)]
            self._bytes -= len(body)


class Shared:
    """Hands one rendering to everyone who asks while it runs, and after that until the moment changes.

    `moment` gives what an answer is an answer of; it is kept until that is no longer equal. None is not kept.
    Of answers of clients' own choice `most_bytes` are kept, and as many again may be on loan.
    """

    def __init__(
        self, moment: Callable[[], object], *, pool: Executor | None = None, most_bytes: int = MOST_CHOSEN_BYTES
    ) -> None:
        self._moment = moment
        self._pool = pool or one_thread()
        self._most_bytes = most_bytes
        self._running: dict[Hashable, asyncio.Task[bytes]] = {}
        self._chosen: set[Hashable] = set()  # of those running
        self._kept: dict[Hashable, bytes] = {}
        self._kept_moment: object = None
        self._kept_bytes = 0  # of clients' own choice
        self.loans = Loans(most_bytes)

    async def get(
        self, key: Hashable, render: Callable[[], Coroutine[None, None, bytes]], *, is_chosen: bool = False
    ) -> bytes:
        """The bytes for `key`: kept, being rendered, or rendered now. Raises what `render` raises.

        Of the keys that `is_chosen` says are of a client's own choice, few are rendered at the same time, and none
        while as many bytes are on loan as may be: CrowdError.
        """
        running = self._running.get(key)
        if running is None:
            moment = self._moment()
            if moment is not None and moment == self._kept_moment and key in self._kept:
                return self._kept[key]
            if is_chosen:
                self._let_in(key)
            running = asyncio.create_task(self._run(key, moment, render, is_chosen=is_chosen), name="render")
            self._running[key] = running
        return await asyncio.shield(running)

    def let_go(self, moment: object) -> None:
        """Of what is kept of another moment, which nobody can get any more."""
        if moment != self._kept_moment:
            self._clear()

    def _clear(self) -> None:
        self._kept.clear()
        self._kept_moment, self._kept_bytes = None, 0

    def _let_in(self, key: Hashable) -> None:
        if len(self._chosen) >= MOST_CHOSEN or self.loans.is_full:
            raise CrowdError
        self._chosen.add(key)

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `work` off the event loop, which goes on polling and answering meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(work, *args, **kwargs))

    async def _run(
        self, key: Hashable, moment: object, render: Callable[[], Coroutine[None, None, bytes]], *, is_chosen: bool
    ) -> bytes:
        try:
            body = await render()
        finally:
            del self._running[key]
            self._chosen.discard(key)
        self._keep(key, moment, body, is_chosen=is_chosen)
        return body

    def _keep(self, key: Hashable, moment: object, body: bytes, *, is_chosen: bool) -> None:
        self.let_go(moment)
        if len(self._kept) >= MAX_KEPT:
            self._clear()
        self._kept_moment = moment
        chosen_bytes = len(body) if is_chosen else 0
        if moment is not None and self._kept_bytes + chosen_bytes <= self._most_bytes:
            self._kept[key] = body
            self._kept_bytes += chosen_bytes
