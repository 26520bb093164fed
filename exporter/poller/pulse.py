"""A poll loop's signs of life: liveness takes a loop without them for dead."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEAT_SECONDS = 5.0


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

    @contextmanager
    def during(self, seconds: float) -> Iterator[None]:
        """Show life while something is awaited that takes no longer than this; beyond it no more."""
        beating = asyncio.create_task(self.until(asyncio.get_running_loop().time() + seconds))
        try:
            yield
        finally:
            beating.cancel()
