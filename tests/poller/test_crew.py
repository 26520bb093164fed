"""Poll loops that come and go while others run on: real pollers, on a clock that moves when all wait."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from builders import KEY, Clock, at, config_text
from exporter import app
from exporter.config import parse
from exporter.poller import Crew, Poller

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

NOTHING = b'{"tasks": []}'


class Wire(httpx.AsyncBaseTransport):
    """Answers every list with nothing, and remembers whom and when."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.headers["X-Access-Key"])
        return httpx.Response(200, content=NOTHING, request=request)

    def since(self, mark: int) -> list[str]:
        return sorted(set(self.asked[mark:]))


def play(
    scenario: Callable[[Wire, dict[str, Poller]], Coroutine[None, None, None]],
    names: Sequence[str] = ("stays", "goes", "comes"),
) -> None:
    """The scenario with a poller of each name, of whom nobody runs yet; at its end no task is left."""
    accounts = ", ".join(f"{{name: {name}, access_key: {KEY}-{name}}}" for name in names)
    clock, wire = Clock(at("2024-06-10 12:00Z")), Wire()
    config = parse(config_text(accounts=f"[{accounts}]"), name="config.yaml", directory=Path())
    house = app.build(config, now=clock.now, host="test-host", random=lambda: 0.0, transport=wire)

    async def main() -> None:
        await scenario(wire, dict(zip(names, house.pollers, strict=True)))
        assert {asyncio.current_task()} == asyncio.all_tasks()

    clock.run(main())


def keys(*names: str) -> list[str]:
    return sorted(f"{KEY}-{name}" for name in names)


async def ended(running: asyncio.Task[None]) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_loops_are_replaced_while_others_run_on() -> None:
    """One that is halted asks no more, one that takes its place asks at once, the rest notice nothing."""

    async def scenario(wire: Wire, pollers: dict[str, Poller]) -> None:
        crew = Crew({name: pollers[name] for name in ("stays", "goes")})
        running = asyncio.create_task(crew.run())
        await asyncio.sleep(100)
        assert keys("stays", "goes") == wire.since(0)
        await crew.halt({"goes", "a stranger"})
        assert (True, False) == (crew.is_polling("stays"), crew.is_polling("goes"))
        assert [pollers["goes"]] == crew.replace({"goes"}, {"comes": pollers["comes"]})
        mark = len(wire.asked)
        await asyncio.sleep(100)
        assert keys("stays", "comes") == wire.since(mark)
        assert (pollers["stays"], pollers["comes"]) == crew.pollers
        assert not running.done()
        await ended(running)

    play(scenario)


def test_all_may_go_before_others_come() -> None:
    """A crew without anybody waits for the next."""

    async def scenario(wire: Wire, pollers: dict[str, Poller]) -> None:
        crew = Crew({"goes": pollers["goes"]})
        running = asyncio.create_task(crew.run())
        await asyncio.sleep(1)
        await crew.halt(["goes"])
        await asyncio.sleep(100)
        assert keys("goes") == wire.since(0)
        crew.replace({"goes"}, {"comes": pollers["comes"]})
        mark = len(wire.asked)
        await asyncio.sleep(1)
        assert keys("comes") == wire.since(mark)
        await ended(running)

    play(scenario)


@pytest.mark.parametrize("later", [True, False])
def test_a_loop_that_ends_ends_the_crew(later: bool) -> None:
    """Whether it was there from the start or came later: the crew ends as its loop did and takes the others along."""

    async def scenario(_wire: Wire, pollers: dict[str, Poller]) -> None:
        crew = Crew({name: pollers[name] for name in (["stays"] if later else ["stays", "comes"])})
        running = asyncio.create_task(crew.run())
        await asyncio.sleep(1)
        if later:
            crew.replace((), {"comes": pollers["comes"]})
            await asyncio.sleep(1)
        next(task for task in asyncio.all_tasks() if task.get_name() == "poller of comes").cancel()
        (outcome,) = await asyncio.gather(running, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError)

    play(scenario)


def test_many_accounts_do_not_ask_in_one_instant() -> None:
    """Of those that are there from the start, and of those that a reload brings: four at once, all within 5 s."""
    names = [f"account-{number}" for number in range(40)]

    async def begin(wire: Wire, names: Sequence[str]) -> None:
        mark = len(wire.asked)
        await asyncio.sleep(0.1)
        assert keys(*names[:4]) == wire.since(mark)
        await asyncio.sleep(2.5)
        assert keys(*names[:14]) == wire.since(mark)
        await asyncio.sleep(2.4)
        assert keys(*names) == wire.since(mark)

    async def scenario(wire: Wire, pollers: dict[str, Poller]) -> None:
        crew = Crew({name: pollers[name] for name in names[:20]})
        running = asyncio.create_task(crew.run())
        await begin(wire, names[:20])
        crew.replace((), {name: pollers[name] for name in names[20:]})
        await begin(wire, names[20:])
        await ended(running)

    play(scenario, names)
