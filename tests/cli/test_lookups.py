"""Look-ups on a loop of our own, with a resolver that is silent until it is told to speak; as a process: test_wire.py."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from client.wires import ask, listening, saying, whole
from exporter.cli.lookups import LookupLoop
from exporter.model import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

MANY = 64  # more than asyncio has threads for, on any machine
PATIENCE_SECONDS = 20


class Resolver:
    """Knows every name to be this machine's, and says so of those called silent only when it is told to speak."""

    def __init__(self, *, code: int = 0) -> None:
        self.asked: list[str] = []
        self.speak = threading.Event()
        self._code = code  # of its error

    def __call__(self, host: str | bytes, port: int, **options: int) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        if "silent" in name:
            self.speak.wait(PATIENCE_SECONDS)
        if self._code:
            raise socket.gaierror(self._code, "resolver's words")
        family = options.get("family", 0) or socket.AF_INET
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]


def play(resolver: Resolver, scenario: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await scenario()

    with asyncio.Runner(loop_factory=partial(LookupLoop, resolve=resolver)) as runner:
        return runner.run(main())


def look_up(name: str, **options: int) -> asyncio.Task[list[Any]]:
    return asyncio.create_task(asyncio.get_running_loop().getaddrinfo(name, 443, **options))


async def give_up_on(name: str) -> None:
    asking = look_up(name)
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def heard(resolver: Resolver, *waiting: asyncio.Task[list[Any]]) -> list[Any]:
    resolver.speak.set()
    return await asyncio.gather(*waiting, return_exceptions=True)


def addresses(found: list[Any]) -> list[tuple[int, str]]:
    return [(family, address[0]) for ((family, *_, address),) in found]


def test_a_silent_name_holds_up_no_other() -> None:
    """However many names the resolver is silent about, another is looked up at once."""
    resolver = Resolver()

    async def scenario() -> list[Any]:
        waiting = [look_up(f"silent-{number}") for number in range(MANY)]
        found = await look_up("upstream.example")
        assert not any(each.done() for each in waiting)
        return [found, *await heard(resolver, *waiting)]

    assert [(socket.AF_INET, "127.0.0.1")] * (MANY + 1) == addresses(play(resolver, scenario))


def test_all_who_ask_for_a_name_share_one_look_up() -> None:
    """Those who give up do not end it, those who come later join it, and it holds one thread however long it takes."""
    resolver = Resolver()

    async def scenario() -> list[Any]:
        first = look_up("silent")
        for _ in range(MANY):
            await give_up_on("silent")
        assert 1 == sum(thread.name == "look-up" and thread.daemon for thread in threading.enumerate())
        late = look_up("silent")
        await asyncio.sleep(0)
        return await heard(resolver, first, late)

    assert [(socket.AF_INET, "127.0.0.1")] * 2 == addresses(play(resolver, scenario))
    assert ["silent"] == resolver.asked


def test_another_question_about_a_name_is_another_look_up() -> None:
    """An answer for one family is none for the other."""
    resolver = Resolver()

    async def scenario() -> list[Any]:
        families = socket.AF_INET, socket.AF_INET6, socket.AF_INET
        return await heard(resolver, *(look_up("silent", family=family) for family in families))

    assert [socket.AF_INET, socket.AF_INET6, socket.AF_INET] == [
        family for family, _ in addresses(play(resolver, scenario))
    ]
    assert 2 == len(resolver.asked)


def test_no_answer_is_kept() -> None:
    """What is asked after an answer has come is looked up anew."""
    resolver = Resolver()

    async def scenario() -> None:
        for _ in range(3):
            await look_up("upstream.example")

    play(resolver, scenario)
    assert ["upstream.example"] * 3 == resolver.asked


def test_a_name_that_is_not_known() -> None:
    """All who asked hear of it, and the next ask anew."""
    resolver = Resolver(code=socket.EAI_NONAME)

    async def scenario() -> list[Any]:
        return [*await heard(resolver, look_up("silent"), look_up("silent")), *await heard(resolver, look_up("silent"))]

    assert [socket.gaierror] * 3 == [type(each) for each in play(resolver, scenario)]
    assert 2 == len(resolver.asked)


def test_a_failure_that_nobody_waits_for_is_not_told() -> None:
    """When all who asked have given up, the loop has no error to report."""
    resolver = Resolver(code=socket.EAI_AGAIN)
    told: list[Any] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        await give_up_on("silent")
        (thread,) = (each for each in threading.enumerate() if each.name == "look-up")
        resolver.speak.set()
        await asyncio.to_thread(thread.join)
        for _ in range(3):
            await asyncio.sleep(0)
        gc.collect()

    play(resolver, scenario)
    assert [] == told


@pytest.mark.parametrize(("host", "asked"), [("localhost", ["localhost"]), ("127.0.0.1", [])])
def test_the_client_looks_up_by_it(host: str, asked: list[str]) -> None:
    """A request by name waits for nobody who asks for another; one by address asks no resolver."""
    resolver = Resolver()

    async def scenario() -> Any:
        waiting = [look_up(f"silent-{number}") for number in range(MANY)]
        async with listening(saying(whole())) as port:
            answer = await ask(f"http://{host}:{port}")
        await heard(resolver, *waiting)
        return answer

    assert isinstance(play(resolver, scenario), Task)
    assert asked == [name for name in resolver.asked if "silent" not in name]
