"""Poll loops that come and go while others run on."""

from __future__ import annotations

import asyncio

import pytest

from exporter.poller import Crew


class Loop:
    """Stands where a Poller does: runs until cancelled, or until told to end."""

    def __init__(self, error: Exception | None = None) -> None:
        self.beat_seconds: float | None = None
        self.end = asyncio.Event()
        self.error = error
        self.ran = self.closed = 0

    async def run(self) -> None:
        self.ran += 1
        self.beat_seconds = asyncio.get_running_loop().time()
        await self.end.wait()
        if self.error:
            raise self.error

    async def aclose(self) -> None:
        self.closed += 1


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_loops_are_replaced_while_others_run_on() -> None:
    """One that is dismissed is closed and never missed; one that is taken on runs; the rest notice nothing."""
    stays, goes, comes = Loop(), Loop(), Loop()

    async def main() -> None:
        crew = Crew({"stays": stays, "goes": goes})
        running = asyncio.create_task(crew.run())
        await settled()
        await crew.dismiss({"goes", "a stranger"})
        crew.take_on({"comes": comes})
        await settled()
        assert not running.done()
        assert (stays, comes) == crew.pollers
        assert [(1, 0), (1, 1), (1, 0)] == [(each.ran, each.closed) for each in (stays, goes, comes)]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await crew.aclose()
        assert [1, 1, 1] == [each.closed for each in (stays, goes, comes)]
        assert 1 == len(asyncio.all_tasks())

    asyncio.run(main())


def test_all_may_go_before_others_come() -> None:
    """A crew without anybody waits for the next."""
    goes, comes = Loop(), Loop()

    async def main() -> None:
        crew = Crew({"only": goes})
        running = asyncio.create_task(crew.run())
        await settled()
        await crew.dismiss(["only"])
        await settled()
        crew.take_on({"only": comes})
        await settled()
        assert (False, 1) == (running.done(), comes.ran)
        running.cancel()

    asyncio.run(main())


@pytest.mark.parametrize("later", [True, False])
@pytest.mark.parametrize("error", [None, ValueError("broken")])
def test_a_loop_that_ends_ends_the_crew(error: Exception | None, later: bool) -> None:
    """Whether it was there from the start or came later: the crew ends as its loop did and takes the others along."""
    stays, broken = Loop(), Loop(error)

    async def main() -> None:
        crew = Crew({"stays": stays} if later else {"stays": stays, "broken": broken})
        running = asyncio.create_task(crew.run())
        await settled()
        if later:
            crew.take_on({"broken": broken})
            await settled()
        broken.end.set()
        (outcome,) = await asyncio.gather(running, return_exceptions=True)
        assert error is outcome
        assert 1 == len(asyncio.all_tasks())

    asyncio.run(main())
