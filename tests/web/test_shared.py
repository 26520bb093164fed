"""One rendering for many who ask."""

from __future__ import annotations

import asyncio
import threading

import pytest

from exporter.web.shared import MAX_KEPT, Shared


class Kitchen:
    """A rendering that waits until it is let go, and counts how often it was begun."""

    def __init__(self, *, fails: bool = False) -> None:
        self.begun = 0
        self.let_go = asyncio.Event()
        self._fails = fails

    async def render(self) -> bytes:
        self.begun += 1
        await self.let_go.wait()
        if self._fails:
            raise ZeroDivisionError
        return str(self.begun).encode()


def test_who_gives_up_does_not_take_it_from_the_others() -> None:
    """When the first who asked is cancelled, the second still gets the one rendering."""

    async def run() -> tuple[bytes, int]:
        kitchen, shared = Kitchen(), Shared(lambda: 1)
        first = asyncio.create_task(shared.get("a", kitchen.render))
        second = asyncio.create_task(shared.get("a", kitchen.render))
        await asyncio.wait([first, second], timeout=0)
        first.cancel()
        kitchen.let_go.set()
        return await second, kitchen.begun

    assert asyncio.run(run()) == (b"1", 1)


def test_a_failure_reaches_all_and_is_not_kept() -> None:
    """Everyone who waits sees the error; the next who asks starts anew."""

    async def run() -> list[type]:
        kitchen, shared = Kitchen(fails=True), Shared(lambda: 1)
        kitchen.let_go.set()
        asked = [shared.get("a", kitchen.render) for _ in range(2)]
        seen = await asyncio.gather(*asked, return_exceptions=True)
        last = await asyncio.gather(shared.get("a", kitchen.render), return_exceptions=True)
        return [*map(type, seen + last), kitchen.begun]

    assert [ZeroDivisionError, ZeroDivisionError, ZeroDivisionError, 2] == asyncio.run(run())


@pytest.mark.parametrize(("moments", "begun"), [((1, 1), 1), ((1, 2), 2), ((None, None), 2)])
def test_kept_until_the_moment_changes(moments: tuple[object, ...], begun: int) -> None:
    """An answer is kept for its moment; one for no moment is never kept."""

    async def run() -> int:
        kitchen, ahead = Kitchen(), iter(moments)
        shared = Shared(lambda: next(ahead))
        kitchen.let_go.set()
        for _ in moments:
            await shared.get("a", kitchen.render)
        return kitchen.begun

    assert begun == asyncio.run(run())


def test_what_strangers_ask_for_is_bounded() -> None:
    """However many different things are asked for, few answers are kept."""

    async def run() -> int:
        kitchen, shared = Kitchen(), Shared(lambda: 1)
        kitchen.let_go.set()
        for number in range(10 * MAX_KEPT):
            await shared.get(number, kitchen.render)
        return len(shared._kept)

    assert asyncio.run(run()) <= MAX_KEPT


def test_work_is_done_in_a_thread_of_its_own() -> None:
    """What is given to the thread does not run in the event loop's."""
    name = asyncio.run(Shared(lambda: 1).in_thread(lambda: threading.current_thread().name))
    assert name.startswith("render")
