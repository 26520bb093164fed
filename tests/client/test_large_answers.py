"""Large Get Task answers of one account: what of several is in memory at once, and who waits for whom."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from client.wires import TASK, TASK_ID, an_api, an_upstream
from exporter.model import PollError, Reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from exporter.client import Fetched
    from exporter.model import Task

PIECE = 8 * 1024
LARGE = TASK + b" " * (512 * 1024 - len(TASK))
READ_FREELY = 17 * PIECE  # 128 KiB, and the piece that is one too many


class Broken(httpx.AsyncByteStream):
    """All but the end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(LARGE), PIECE):
            yield LARGE[start : start + PIECE]
        raise httpx.ReadError("it broke")


class Body(httpx.AsyncByteStream):
    """Comes in pieces, and stalls behind `until` bytes until it may go on."""

    def __init__(self, data: bytes, *, until: int) -> None:
        self._data, self._until = data, until
        self.taken = 0
        self.stalled, self.go_on = asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._data), PIECE):
            if start == self._until:
                self.stalled.set()
                await self.go_on.wait()
            self.taken += PIECE
            yield self._data[start : start + PIECE]


async def answered(task: asyncio.Task[Fetched[Task]]) -> str:
    async with asyncio.timeout(10):
        return (await task).value.id


@pytest.mark.parametrize("ending", ["answered", "cut off"])
def test_large_answers_of_an_account_are_read_in_turn(ending: str) -> None:
    """While one is under way the next is left unread, those of ordinary size are not, and its end is the next one's turn."""

    async def main() -> None:
        first, second, ordinary = (Body(data, until=READ_FREELY + PIECE) for data in (LARGE, LARGE, TASK))
        bodies = iter((first, second, ordinary))
        wire = httpx.MockTransport(lambda _: httpx.Response(200, stream=next(bodies)))
        upstream = an_upstream(an_api(), transport=wire)

        def asking() -> asyncio.Task[Any]:
            return asyncio.create_task(upstream.get_task(TASK_ID))

        asked = asking()
        await asyncio.wait_for(first.stalled.wait(), 10)
        waiting = asking()
        assert TASK_ID == await answered(asking())
        for _ in range(100):  # turns enough for all of it
            await asyncio.sleep(0)
        assert READ_FREELY == second.taken
        if ending == "answered":
            first.go_on.set()
            assert TASK_ID == await answered(asked)
        else:
            asked.cancel()
        second.go_on.set()
        assert TASK_ID == await answered(waiting)

    asyncio.run(main())


def test_answers_of_40_kib_do_not_wait_for_each_other() -> None:
    """Slow ones are read side by side: in turn the last of four would run into its own deadline."""

    async def main() -> None:
        slow = [Body(TASK + b" " * (5 * PIECE - len(TASK)), until=4 * PIECE) for _ in range(4)]
        bodies = iter(slow)
        wire = httpx.MockTransport(lambda _: httpx.Response(200, stream=next(bodies)))
        upstream = an_upstream(an_api(), transport=wire)
        asked = [asyncio.create_task(upstream.get_task(TASK_ID)) for _ in slow]
        async with asyncio.timeout(10):
            for body in slow:
                await body.stalled.wait()
        for body in slow:
            body.go_on.set()
        assert [TASK_ID] * 4 == [await answered(each) for each in asked]

    asyncio.run(main())


def test_what_has_come_of_a_broken_answer_is_not_kept_with_its_failure() -> None:
    """While a poll waits to be tried again its failure is held, and of the body no more."""

    async def main() -> PollError:
        wire = httpx.MockTransport(lambda _: httpx.Response(200, stream=Broken()))
        with pytest.raises(PollError) as caught:
            await an_upstream(an_api(), transport=wire).get_task(TASK_ID)
        return caught.value

    tracemalloc.start()
    try:
        failure = asyncio.run(main())
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert Reason.RESET is failure.reason
    assert held < len(LARGE) / 2 < len(LARGE) < most


def test_accounts_do_not_wait_for_each_other() -> None:
    """A large answer that stalls keeps no other account's from being read."""

    async def main() -> None:
        stalling, going = Body(LARGE, until=READ_FREELY + PIECE), Body(LARGE, until=-1)
        asked = []
        for body in (stalling, going):
            wire = httpx.MockTransport(lambda _, body=body: httpx.Response(200, stream=body))
            asked.append(asyncio.create_task(an_upstream(an_api(), transport=wire).get_task(TASK_ID)))
            await asyncio.wait([*asked[1:], asyncio.create_task(stalling.stalled.wait())], return_when="ALL_COMPLETED")
        assert TASK_ID == await answered(asked[1])
        assert not asked[0].done()
        asked[0].cancel()

    asyncio.run(main())
