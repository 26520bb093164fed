"""The poll loops of all accounts as one root task: a reload replaces single ones, and none may end by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from exporter.poller.pace import wait_before_first_round

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import timedelta

    from exporter.poller.loop import Poller

# For a loop that was cancelled; its requests under way are dropped. That long only a reload waits: the process, when it
# ends, leaves sooner.
_LEAVE_SECONDS = 2.0
_log = structlog.get_logger()


class Crew:
    """The pollers by account. Before `run` they only stand ready."""

    def __init__(self, pollers: Mapping[str, Poller]) -> None:
        self._pollers = dict(pollers)
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._running = False
        self._changed = asyncio.Event()

    @property
    def pollers(self) -> tuple[Poller, ...]:
        return tuple(self._pollers.values())

    def is_polling(self, name: str) -> bool:
        return name in self._loops or (name in self._pollers and not self._running)

    def beat_seconds(self, name: str) -> float | None:
        """When an account's loop last showed life, on the event loop's clock; None before it has begun."""
        return self._pollers[name].beat_seconds

    async def run(self) -> None:
        """Poll all accounts. Ends only when one of their loops does, as that one has ended."""
        self._running = True
        self._start(self._pollers)
        try:
            while not (ended := [name for name, loop in self._loops.items() if loop.done()]):
                await self._wait()
            _log.error("A poll loop has ended", account=ended[0])
            self._loops[ended[0]].result()
        finally:
            self._running = False
            await self._cancel(self._loops.values())

    async def halt(self, names: Iterable[str]) -> None:
        """End these accounts' loops: what they have under way is dropped, and they record nothing any more."""
        await self._cancel([self._loops.pop(name) for name in names if name in self._loops])

    def replace(self, gone: Iterable[str], pollers: Mapping[str, Poller]) -> list[Poller]:
        """Poll these accounts in the place of those that were halted; gives the pollers that are to be closed."""
        out = [self._pollers.pop(name) for name in {*gone, *pollers} if name in self._pollers]
        self._pollers |= pollers
        if self._running:
            self._start(pollers)
            self._changed.set()
        return out

    async def aclose(self) -> None:
        for poller in self._pollers.values():
            await poller.aclose()

    def _start(self, names: Collection[str]) -> None:
        for place, name in enumerate(names):
            wait = wait_before_first_round(place, count=len(names))
            self._loops[name] = asyncio.create_task(_run(self._pollers[name], wait), name=f"poller of {name}")

    async def _wait(self) -> None:
        """Until a loop has ended or there are other loops."""
        change = asyncio.create_task(self._changed.wait(), name="crew's change")
        try:
            await asyncio.wait({*self._loops.values(), change}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            change.cancel()
            self._changed.clear()

    @staticmethod
    async def _cancel(loops: Iterable[asyncio.Task[None]]) -> None:
        cancelled = list(loops)
        for loop in cancelled:
            loop.cancel()
        if cancelled:
            await asyncio.wait(cancelled, timeout=_LEAVE_SECONDS)


async def _run(poller: Poller, wait: timedelta) -> None:
    await asyncio.sleep(wait.total_seconds())
    await poller.run()
