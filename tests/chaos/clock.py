"""A virtual clock for real sockets: time jumps only when nothing is on its way from one end to the other."""

from __future__ import annotations

import asyncio
import selectors
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from builders import Clock, _Jumping, _VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

T = TypeVar("T")
PATIENCE_SECONDS = 0.25  # real ones, for what another end in this very process has sent
ENDS = 2  # the selector knows a connection by both


class _Patient(_Jumping):
    """Waits in earnest while a connection is open whose silence nobody means."""

    def __init__(self) -> None:
        super().__init__()
        self.meant = 0  # connections on which silence is meant
        self.at_rest = 0  # what is registered while nobody is connected

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = selectors.DefaultSelector.select(self, 0)
        if not ready and timeout != 0 and len(self.get_map()) - self.at_rest > ENDS * self.meant:
            ready = selectors.DefaultSelector.select(self, PATIENCE_SECONDS)
        return ready or super().select(timeout)


class _SocketLoop(_VirtualLoop):
    def __init__(self) -> None:
        self.jumping = _Patient()
        asyncio.SelectorEventLoop.__init__(self, self.jumping)


class SocketClock(Clock):
    """A Clock whose loop may have sockets, as long as both ends of each are in it."""

    _loop: _SocketLoop

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        self._loop = _SocketLoop()
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            return runner.run(main)

    def settle(self) -> None:
        """All servers listen, and nobody is connected yet."""
        self._loop.jumping.at_rest = len(self._loop.jumping.get_map())

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Inside, one more connection is silent on purpose: nobody waits for it in earnest."""
        self._loop.jumping.meant += 1
        try:
            yield
        finally:
            self._loop.jumping.meant -= 1
