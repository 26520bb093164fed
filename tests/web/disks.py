"""A disk that may stop to answer, as that of a server that went does."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable
    from typing import Self

_ALWAYS = threading.Event()
_ALWAYS.set()


class Disk:
    """On which `path` is. What is asked of it while it hangs waits until it answers, at the latest at the end."""

    def __init__(self, path: Path) -> None:
        self._answers = threading.Event()
        self._answers.set()
        self.path = _Path(path)
        self.path.answers = self._answers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.answer()

    def hang(self) -> None:
        self._answers.clear()

    def answer(self) -> None:
        self._answers.set()


class _Path(type(Path())):
    answers = _ALWAYS  # what is beside it is on another disk

    def stat(self, **options: Any) -> os.stat_result:
        assert self.answers.wait(30), "a test that never ends its wait"
        return super().stat(**options)


class Nowhere(type(Path())):
    """A file that can be read, of which nobody can tell whether it has changed."""

    def stat(self, **_options: Any) -> os.stat_result:
        raise OSError


async def eventually(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Returns once it is so; fails where it does not come to be."""
    async with asyncio.timeout(10):
        while True:
            if await is_so():
                return
            await asyncio.sleep(0.01)
