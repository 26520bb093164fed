"""One rendering for many who ask."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from exporter.web.shared import MAX_KEPT, MOST_CHOSEN, MOST_CHOSEN_BYTES, CrowdError, Loans, Shared

if TYPE_CHECKING:
    from collections.abc import Coroutine


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


def test_what_is_kept_of_another_moment_is_let_go() -> None:
    """Memory is not held by an answer that nobody can get any more; that of this very moment stays."""

    async def run() -> list[int]:
        kitchen, shared = Kitchen(), Shared(lambda: 1)
        kitchen.let_go.set()
        begun = []
        for moment in (1, 2):
            await shared.get("a", kitchen.render)
            shared.let_go(moment)
            await shared.get("a", kitchen.render)
            begun.append(kitchen.begun)
        return begun

    assert [1, 2] == asyncio.run(run())


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


def test_what_strangers_choose_is_kept_only_while_it_is_small() -> None:
    """Of answers of clients' own choice few bytes are kept; those that everybody asks for have no such bound."""

    async def run() -> tuple[int, int]:
        shared = Shared(lambda: 1)

        async def great() -> bytes:
            return bytes(MOST_CHOSEN_BYTES // 2)

        for number in range(4):
            await shared.get(number, great, is_chosen=True)
        chosen = sum(map(len, shared._kept.values()))
        for key in ("a", "b"):
            await shared.get(key, great)
        return chosen, sum(map(len, shared._kept.values()))

    assert (MOST_CHOSEN_BYTES, 2 * MOST_CHOSEN_BYTES) == asyncio.run(run())


def test_loans() -> None:
    """The same bytes count once, more than the most are refused unless they are alone, and what comes back is free."""
    loans, one, other, great = Loans(10), b"x" * 6, b"y" * 6, b"z" * 20
    loans.take(one)
    loans.take(one)
    for too_much in (other, great):
        with pytest.raises(CrowdError):
            loans.take(too_much)
    loans.give_back(one)
    with pytest.raises(CrowdError):
        loans.take(other)
    loans.give_back(one)
    loans.take(great)
    assert loans.is_full
    loans.give_back(great)
    assert not loans.is_full
    loans.take(other)


def test_few_renderings_of_somebodys_choice_run_at_once() -> None:
    """One too many is refused; who joins one that runs, and what all ask for, is not; nor is one more after one ended."""

    async def run() -> tuple[list[object], bytes]:
        kitchen, shared = Kitchen(), Shared(lambda: 1)
        keys = [*range(MOST_CHOSEN), 0, "one too many"]
        asked = [asyncio.create_task(shared.get(key, kitchen.render, is_chosen=True)) for key in keys]
        asked.append(asyncio.create_task(shared.get("common", kitchen.render)))
        await asyncio.wait(asked, timeout=0)
        kitchen.let_go.set()
        seen = await asyncio.gather(*asked, return_exceptions=True)
        return [type(each) for each in seen], await shared.get("one too many", kitchen.render, is_chosen=True)

    seen, later = asyncio.run(run())
    assert [*[bytes] * (MOST_CHOSEN + 1), CrowdError, bytes] == seen
    assert str(MOST_CHOSEN + 2).encode() == later


def test_a_failed_choice_leaves_its_place() -> None:
    """However many renderings of somebody's choice fail, the next is let in."""

    async def run() -> set[type]:
        kitchen, shared = Kitchen(fails=True), Shared(lambda: 1)
        kitchen.let_go.set()
        seen: set[type] = set()
        for number in range(3 * MOST_CHOSEN):
            seen |= {type(each) for each in await _outcomes(shared.get(number, kitchen.render, is_chosen=True))}
        return seen

    assert {ZeroDivisionError} == asyncio.run(run())


async def _outcomes(*asked: Coroutine[None, None, bytes]) -> list[object]:
    return await asyncio.gather(*asked, return_exceptions=True)


def test_work_is_done_in_a_thread_of_its_own() -> None:
    """What is given to the thread does not run in the event loop's."""
    name = asyncio.run(Shared(lambda: 1).in_thread(lambda: threading.current_thread().name))
    assert name.startswith("render")
