"""Looking at what may take its time, and what failed not too often."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from exporter.web.looks import Failure, Looks
from web.disks import eventually

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Thing:
    """Something to look at, which may be held from showing itself."""

    def __init__(self) -> None:
        self.state = self.looks = 0
        self.shows = threading.Event()
        self.shows.set()
        self.executor = ThreadPoolExecutor(max_workers=1)

    def look(self) -> int:
        self.looks += 1
        state = self.state
        assert self.shows.wait(10)
        return state

    async def is_looked_at(self) -> bool:
        return self.looks > 0

    def run(self, main: Coroutine[None, None, None]) -> None:
        try:
            asyncio.run(asyncio.wait_for(main, 10))
        finally:
            self.shows.set()
            self.executor.shutdown()


def test_a_look_is_never_older_than_the_question() -> None:
    """Who asks while a look is under way gets what the next one finds, which all who ask meanwhile share."""
    thing = Thing()

    async def main() -> None:
        looks = Looks(thing.look, first=-1, executor=thing.executor)
        thing.shows.clear()
        early = asyncio.create_task(looks.now())
        await eventually(thing.is_looked_at)
        thing.state = 1
        late = [asyncio.create_task(looks.now()) for _ in range(10)]
        await asyncio.wait(late, timeout=0)
        thing.shows.set()
        await early
        assert [1] * 10 == [await each for each in late]
        assert 2 == thing.looks

    thing.run(main())


def test_who_waits_in_vain_gets_what_was_found_last() -> None:
    """The first who asks waits a little, the others not at all; when it shows itself again, it is looked at anew."""
    thing = Thing()

    async def main() -> None:
        looks = Looks(thing.look, first=-1, executor=thing.executor)
        assert 0 == await looks.now()
        thing.shows.clear()
        thing.state = 1
        began = asyncio.get_running_loop().time()
        assert {0} == {await looks.now() for _ in range(100)}
        assert asyncio.get_running_loop().time() - began < 1
        assert 2 == thing.looks
        thing.state = 2
        thing.shows.set()

        async def shows_itself() -> bool:
            return await looks.now() == 2

        await eventually(shows_itself)

    thing.run(main())


def test_a_bug_reaches_who_asks() -> None:
    """And nobody who asks later."""
    thing, failing = Thing(), [True]

    def look() -> int:
        return 1 // (not failing.pop()) if failing else 2

    async def main() -> None:
        looks = Looks(look, first=-1, executor=thing.executor)
        with pytest.raises(ZeroDivisionError):
            await looks.now()
        assert 2 == await looks.now()

    thing.run(main())


def test_what_failed_is_not_tried_again_at_once() -> None:
    """The same not for a second; another at once."""
    now = [5.0]
    failure = Failure(lambda: now[0])
    seen = [failure.is_recent("a")]
    failure.note("a")
    for seconds in (5.0, 5.9, 6.0):
        now[0] = seconds
        seen += [failure.is_recent("a"), failure.is_recent("b")]
    assert [False, True, False, True, False, False, False] == seen
