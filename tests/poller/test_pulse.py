from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from builders import Clock, at
from exporter.poller.pulse import Pulse

if TYPE_CHECKING:
    from collections.abc import Iterator


def shown_after(waits: list[float], *, during: float) -> list[float | None]:
    """When the newest sign of life was, after so many seconds each amid something that may take `during`."""
    clock, pulse, shown = Clock(at("2024-06-10 12:00Z")), Pulse(), []

    async def main() -> None:
        began_seconds = asyncio.get_running_loop().time()
        with pulse.during(during):
            for seconds in waits:
                await asyncio.sleep(seconds)
                shown.append(pulse.beat_seconds and pulse.beat_seconds - began_seconds)
        await asyncio.sleep(60)
        shown.append(pulse.beat_seconds and pulse.beat_seconds - began_seconds)

    clock.run(main())
    return shown


def test_a_sleeper_shows_life() -> None:
    """Every five seconds, and when it wakes; before it has begun there is no sign."""
    clock, pulse = Clock(at("2024-06-10 12:00Z")), Pulse()
    assert pulse.beat_seconds is None

    async def main() -> None:
        began_seconds = asyncio.get_running_loop().time()
        sleeping = asyncio.create_task(pulse.until(began_seconds + 12))
        for seconds, shown_seconds in ((4, 0), (2, 5), (5, 10), (2, 12)):
            await asyncio.sleep(seconds)
            assert shown_seconds == pulse.beat_seconds - began_seconds
        assert sleeping.done()

    clock.run(main())


@pytest.mark.parametrize(
    ("waits", "during", "shown"),
    [([1, 10], 60, [0, 10, 10]), ([7, 100], 12, [5, 12, 12]), ([0.5], 60, [0, 0])],
)
def test_who_waits_shows_life(waits: list[float], during: float, shown: list[float]) -> None:
    """As long as it may take and no longer; once it is over there are no more signs."""
    assert shown == shown_after(waits, during=during)


def test_long_work_gives_others_their_turn() -> None:
    """Every few milliseconds, with a sign of life; all that the steps give is there in the end."""
    pulse, turns = Pulse(), []

    def steps() -> Iterator[int]:
        for number in range(40):
            end_seconds = perf_counter() + 0.001
            while perf_counter() < end_seconds:
                pass
            yield number

    async def main() -> list[int]:
        working = asyncio.create_task(pulse.through(steps()))
        while not working.done():
            await asyncio.sleep(0)
            turns.append(pulse.beat_seconds)
        return await working

    assert list(range(40)) == asyncio.run(main())
    assert len(turns) > 4
    assert len({*turns} - {None}) > 2
