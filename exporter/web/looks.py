"""Looks at files for those who must not wait for a disk that may not answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from concurrent.futures import Executor

T = TypeVar("T")
_LOOK_SECONDS = 0.2  # of a request or handshake; a disk that is there answers in a thousandth of it
_AGAIN_SECONDS = 1.0


class Looks(Generic[T]):
    """What `look` finds, which is called in a thread of `executor`. One event loop only.

    One look is under way at a time. All who ask meanwhile share the next, since what they ask about may have changed
    after this one began.
    """

    def __init__(self, look: Callable[[], T], *, first: T, executor: Executor) -> None:
        self._look = look
        self._found = first
        self._executor = executor
        self._under_way: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        self._is_late = False

    async def now(self) -> T:
        """What a look finds that begins from now on; what was found last where that takes too long.

        Raises what `look` raises.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._look_after(self._under_way), name="look")
        if not self._is_late:  # else each would wait in vain
            done, pending = await asyncio.wait([self._next], timeout=_LOOK_SECONDS)
            self._is_late = bool(pending)
            for each in done:
                each.result()
        return self._found

    async def _look_after(self, other: asyncio.Task[None] | None) -> None:
        if other is not None and not other.done():
            await asyncio.wait([other])
        self._under_way, self._next = self._next, None
        try:
            self._found = await asyncio.get_running_loop().run_in_executor(self._executor, self._look)
        finally:
            self._is_late = False


class Failure:
    """What failed last. While it is the same it is not worth another try for a second: not every fault is in a file."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._last: tuple[Hashable, float] | None = None

    def note(self, what: Hashable) -> None:
        self._last = (what, self._seconds())

    def is_recent(self, what: Hashable) -> bool:
        return self._last is not None and self._last[0] == what and self._seconds() - self._last[1] < _AGAIN_SECONDS
