"""A poll loop's signs of life: liveness takes a loop without them for dead."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BEAT_SECONDS = 5.0
_TURN_SECONDS = 0.005
Value = TypeVar("Value")


class Pulse:
    """When a loop last showed life, on the event loop's clock; None before it has begun."""

    def __init__(self) -> None:
        self.beat_seconds: float | None = None

    async def until(self, at_seconds: float) -> None:
        """Sleep until then, showing life meanwhile."""
        loop = asyncio.get_running_loop()
        self.beat_seconds = loop.time()
        while (left := at_seconds - loop.time()) > 0:
            await asyncio.sleep(min(left, _BEAT_SECONDS))
            self.beat_seconds = loop.time()

    async def through(self, steps: Iterable[Value]) -> list[Value]:
        """What steps give that take long together, showing life; all others get their turn every few milliseconds."""
        loop, taken = asyncio.get_running_loop(), []
        began_seconds = perf_counter()
        for each in steps:
            taken.append(each)
            if perf_counter() - began_seconds > _TURN_SECONDS:
                self.beat_seconds = loop.time()
                await asyncio.sleep(0)
                began_seconds = perf_counter()
        return taken

    @contextmanager
    def during(self, seconds: float) -> Iterator[None]:
        """Show life while something is awaited that takes no longer than this; beyond it no more."""
        beating = asyncio.create_task(self.until(asyncio.get_running_loop().time() + seconds))
        try:
            yield
        finally:
            beating.cancel()
