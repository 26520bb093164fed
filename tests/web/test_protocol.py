"""Clients that mean no good, on real sockets; the clock goes on only when nobody has anything left to do."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import struct
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from builders import Clock
from exporter.config import load_web
from exporter.web import Limits, Server, bind, build_context, build_web
from web.hostile import SECRET, Manner, blows, endure, request, slow_manners, strike
from web.reports import World
from web.shop import PAIR, Shop, open_shop

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine
    from pathlib import Path

    from starlette.requests import Request

T = TypeVar("T")
HOST = "127.0.0.1"
POLICY = b"\r\ncontent-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
GREAT = b"x" * 5_000_000
LIMITS = Limits()
SLOW = slow_manners("/great")
# By when each is dropped: the phases that it goes through. What comes at a pace may be a pace late.
DROPPED_SECONDS = {
    "silent": LIMITS.head_seconds,
    "slow request line": LIMITS.head_seconds,
    "slow header": LIMITS.head_seconds,
    "endless headers": LIMITS.head_seconds,
    "slow body": LIMITS.body_seconds,
    "slow body of a GET": LIMITS.body_seconds,
    "slow chunks": LIMITS.body_seconds,
    "body that never comes": LIMITS.body_seconds,
    "half a second request": LIMITS.head_seconds,
    "idle": LIMITS.idle_seconds,
    "reads nothing": LIMITS.reader_seconds,
    "reads slowly": LIMITS.reader_seconds,
    "reads on and on": LIMITS.reader_seconds,
    "reads nothing and asks on": LIMITS.reader_seconds,
    "reads its last slowly": LIMITS.reader_seconds,
    "reads nothing of its last": LIMITS.reader_seconds,
}


def run(main: Coroutine[Any, Any, T]) -> T:
    return Clock(datetime(2025, 1, 1, tzinfo=UTC)).run(main)


async def great(_request: Request) -> Response:
    return Response(GREAT, media_type="text/plain")


def a_server(*, tls: ssl.SSLContext | None = None, limits: Limits = LIMITS, **built_with: Any) -> Server:
    """The exporter's web, with one route more that has a great answer."""
    app = build_web(World().sources(**built_with))
    app.router.routes.append(Route("/great", great))
    return Server(app, bind([f"{HOST}:0"]), limits=limits, ssl_context=tls)


async def ask(server: Server, path: str = "/metrics", *, tls: ssl.SSLContext | None = None) -> bytes:
    """The whole answer to one who closes after it."""
    reader, writer = await asyncio.open_connection(HOST, server.port, ssl=tls)
    writer.write(request(path, "Connection: close"))
    try:
        return await reader.read()
    finally:
        writer.transport.abort()


def test_every_slow_manner_has_its_deadline() -> None:
    """None is forgotten."""
    assert list(SLOW) == list(DROPPED_SECONDS)


@pytest.mark.parametrize("name", SLOW)
def test_slow_clients_are_dropped(name: str) -> None:
    """Whatever a client takes its time with, it is cut off at that deadline, not before and not much later."""

    async def main() -> tuple[bytes, float]:
        server = a_server()
        async with open_shop(server, seconds=60):
            fate = await endure(SLOW[name], HOST, server.port)
        return fate.got, fate.seconds

    got, seconds = run(main())
    assert DROPPED_SECONDS[name] <= seconds < DROPPED_SECONDS[name] + 1.5
    assert len(got) < len(GREAT)


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
def test_slow_clients_starve_nobody(is_tls: bool, tmp_path: Path) -> None:
    """With 200 slow clients and one that is silent in TLS a scrape takes less than 1 s, and all are gone after 30 s."""
    shop = Shop(tmp_path)
    ours = None
    if is_tls:
        ours = build_context(load_web(shop.web_file(f"tls_server_config: {{{PAIR}}}").path).tls)
    theirs = shop.client() if is_tls else None

    async def main() -> tuple[list[bytes], float, float]:
        server = a_server(tls=ours)
        async with open_shop(server, seconds=60):
            manners = [*itertools.islice(itertools.cycle(SLOW.values()), 200)]
            slow = [asyncio.create_task(endure(each, HOST, server.port, tls=theirs)) for each in manners]
            slow.append(asyncio.create_task(endure(Manner(), HOST, server.port)))
            await asyncio.sleep(1)
            began = time.perf_counter()
            answers = [await ask(server, path, tls=theirs) for path in ("/metrics", "/-/healthy")]
            took = time.perf_counter() - began
            fates = await asyncio.gather(*slow)
        return answers, took, max(each.seconds for each in fates)

    answers, took, longest = run(main())
    assert [True, True] == [each.startswith(b"HTTP/1.1 200") for each in answers]
    assert took < 1
    assert longest <= 30


@pytest.mark.parametrize("name", blows())
def test_blows(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """What no honest client sends is refused in fixed words or cut off; nothing of it comes back or is logged."""

    async def main() -> tuple[bytes, bytes]:
        server = a_server()
        async with open_shop(server, seconds=60):
            return await strike(blows()[name], HOST, server.port), await ask(server)

    with capture_logs() as told, caplog.at_level(logging.DEBUG):
        got, after = run(main())
    assert got == b"" or got.startswith(b"HTTP/1.1 4")
    assert got.count(b"HTTP/1.1") <= 1
    assert SECRET not in got
    assert got == b"" or POLICY in got.lower()
    assert after.startswith(b"HTTP/1.1 200")
    assert [] == [*told, *(each.getMessage() for each in caplog.records if each.name != "asyncio" or each.levelno > 10)]


async def hang(_request: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


def test_a_newcomer_takes_the_place_that_was_waited_for_longest() -> None:
    """When all places are taken, whoever has let us wait longest goes, and Prometheus is served."""

    async def main() -> tuple[bool, list[int]]:
        server = a_server(limits=Limits(connections=3))
        async with open_shop(server, seconds=60):
            idlers = []
            for _ in range(3):
                idlers.append(
                    asyncio.create_task(endure(replace(SLOW["slow header"], pace_seconds=0.1), HOST, server.port))
                )
                await asyncio.sleep(1)
            answer = await ask(server)
            return answer.startswith(b"HTTP/1.1 200"), [round((await each).seconds) for each in idlers]

    served, seconds = run(main())
    assert served
    assert [3, 5, 5] == seconds


def test_a_rush_does_not_pass_the_limit() -> None:
    """However many come in the same moment, no more stay than may."""

    async def main() -> int:
        server = a_server(limits=Limits(connections=3))
        async with open_shop(server, seconds=60):
            rush = [asyncio.create_task(endure(Manner(), HOST, server.port)) for _ in range(20)]
            await asyncio.sleep(1)
            staying = len(server._guest.server_state.connections)
            await asyncio.gather(*rush)
        return staying

    assert 3 == run(main())


def test_when_all_are_at_our_work_a_newcomer_is_told_to_come_again() -> None:
    """Nobody is cut off whom we keep waiting ourselves; the newcomer gets a 503, and when there is room again a 200."""
    app = Starlette(routes=[Route("/hang", hang), Route("/", great)])

    async def main() -> list[bytes]:
        server = Server(app, bind([f"{HOST}:0"]), limits=Limits(connections=2), stop_seconds=0)
        async with open_shop(server, seconds=60):
            waiting = [asyncio.create_task(ask(server, "/hang")) for _ in range(2)]
            await asyncio.sleep(40)
            assert not any(each.done() for each in waiting)
            full = await ask(server, "/")
            waiting[0].cancel()
            await asyncio.sleep(1)
            answers = [full, await ask(server, "/")]
            waiting[1].cancel()
        return answers

    full, later = run(main())
    head, _, body = full.lower().partition(b"\r\n\r\n")
    assert (b"http/1.1 503 service unavailable", b"service unavailable") == (head.splitlines()[0], body)
    assert {b"retry-after: 1", b"connection: close", b"cache-control: no-store"} <= set(head.splitlines())
    assert later.endswith(GREAT)


def test_two_hundred_scrapes_at_once() -> None:
    """All are answered in less than 1 s, by one rendering."""
    world = World()
    server = Server(build_web(world.sources()), bind([f"{HOST}:0"]))

    async def main() -> tuple[list[bytes], float]:
        async with open_shop(server):
            began = time.perf_counter()
            return await asyncio.gather(*(ask(server) for _ in range(200))), time.perf_counter() - began

    answers, took = asyncio.run(main())
    assert [b"HTTP/1.1 200"] * 200 == [each[:12] for each in answers]
    assert 1 == world.families.asked
    assert took < 1


def test_what_is_not_read_is_not_copied() -> None:
    """Many who do not read a great answer cost a little each, and none of them a place in the rendering."""

    async def main() -> tuple[int, list[int], bytes]:
        server = a_server()
        async with open_shop(server, seconds=60):
            slow = [asyncio.create_task(endure(SLOW["reads nothing"], HOST, server.port)) for _ in range(50)]
            await asyncio.sleep(5)
            connections = list(server._guest.server_state.connections)
            buffered = [each.transport.get_write_buffer_size() for each in connections]
            answer = await ask(server, "/great")
            await asyncio.gather(*slow)
            return len(server._guest.server_state.connections), buffered, answer

    left, buffered, answer = run(main())
    assert 50 == len(buffered)
    assert 0 < max(buffered) <= 64 * 1024
    assert answer.endswith(GREAT)
    assert 0 == left


class Wire(asyncio.Transport):
    """The end of a connection whose client takes nothing, and has room for nothing."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.unsent, self.is_gone = b"", False
        self._protocol, self._is_closing = protocol, False
        protocol.connection_made(self)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 0

    def write(self, data: bytes) -> None:
        self.unsent += data
        assert len(self.unsent) <= self.high, "more than what makes the server wait for the client"

    def pause_reading(self) -> None:
        """Whatever a test gives to the protocol has been read before."""

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True

    def abort(self) -> None:
        self._is_closing = self.is_gone = True
        asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)


@pytest.mark.parametrize(
    ("headers", "seconds"), [((), LIMITS.idle_seconds), (("Connection: close",), LIMITS.reader_seconds)]
)
def test_an_answer_that_lies_with_us_is_given_up(headers: tuple[str, ...], seconds: float) -> None:
    """A small answer that the client never takes from us has its deadline too, whether the connection stays or not."""

    async def main() -> list[bool]:
        server = a_server()
        async with open_shop(server, seconds=100):
            await asyncio.sleep(1)
            protocol = server._guest._protocol()
            wire = Wire(protocol)
            protocol.data_received(request("/-/healthy", *headers))
            await asyncio.sleep(seconds - 0.5)
            gone = [wire.is_gone]
            await asyncio.sleep(1)
            assert wire.unsent.endswith(b"Healthy")
            return [*gone, wire.is_gone]

    assert [False, True] == run(main())


@pytest.mark.parametrize("takes_some", [False, True])
def test_lagging_is_counted_as_a_whole(takes_some: bool) -> None:
    """Neither a request behind an answer that was not taken, nor taking some and asking on, gives a client more time."""

    async def main() -> list[bool]:
        server = Server(Starlette(routes=[Route("/hang", hang)]), bind([f"{HOST}:0"]), stop_seconds=0)
        async with open_shop(server, seconds=100):
            await asyncio.sleep(1)
            protocol = server._guest._protocol()
            wire = Wire(protocol)
            protocol.data_received(request("/"))
            await asyncio.sleep(1)
            protocol.pause_writing()
            protocol.data_received(request("/hang"))
            gone = []
            for _ in range(16):
                if takes_some:
                    protocol.resume_writing()
                    protocol.data_received(b"x")
                    protocol.pause_writing()
                await asyncio.sleep(1)
                gone.append(wire.is_gone)
        return gone

    gone = run(main())
    assert [False] * 14 == gone[:14]
    assert gone[-1]


def test_an_answer_in_parts() -> None:
    """An answer that the application gives in great parts arrives whole."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"150000")]})
        for number, part in enumerate((b"a", b"b", b"c"), 1):
            await send({"type": "http.response.body", "body": part * 50_000, "more_body": number < 3})

    async def main() -> bytes:
        server = Server(app, bind([f"{HOST}:0"]))
        async with open_shop(server, seconds=60):
            return await ask(server)

    assert run(main()).endswith(b"\r\n\r\n" + b"a" * 50_000 + b"b" * 50_000 + b"c" * 50_000)


def test_a_scraper_may_use_its_connection_again() -> None:
    """Two scrapes 15 s apart go over one connection, again and again, however much they add up to."""

    async def main() -> list[bytes]:
        server = a_server()
        async with open_shop(server, seconds=600):
            reader, writer = await asyncio.open_connection(HOST, server.port)
            lines = []
            for _ in range(10):
                writer.write(request("/-/healthy", f"Cookie: {'x' * 10_000}"))
                lines.append(await reader.readline())
                assert b"Healthy" == (await reader.readuntil(b"Healthy"))[-7:]
                await asyncio.sleep(15)
            writer.transport.abort()
        return lines

    assert [b"HTTP/1.1 200 OK\r\n"] * 10 == run(main())


def test_an_answer_waits_for_no_acknowledgement() -> None:
    """Header and body are sent as they come, whatever the listener was made with."""

    async def main() -> list[int]:
        server = a_server()
        async with open_shop(server, seconds=60):
            _, writer = await asyncio.open_connection(HOST, server.port)
            await asyncio.sleep(1)
            sockets = [each.transport.get_extra_info("socket") for each in server._guest.server_state.connections]
            set_to = [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in sockets]
            writer.transport.abort()
        return set_to

    assert [1] == run(main())


def test_two_requests_at_once_are_answered_in_turn() -> None:
    """What comes before its time waits, and is not lost."""

    async def main() -> bytes:
        server = a_server()
        async with open_shop(server, seconds=60):
            reader, writer = await asyncio.open_connection(HOST, server.port)
            writer.write(request("/-/healthy") + request("/-/ready", "Connection: close"))
            answers = await reader.read()
            writer.transport.abort()
        return answers

    answers = run(main())
    assert 2 == answers.count(b"HTTP/1.1 200 OK")
    assert answers.index(b"Healthy") < answers.index(b"Ready")


@pytest.mark.parametrize(("more_bytes", "status"), [(0, b"200"), (1, b"413")])
def test_a_request_has_so_many_bytes(more_bytes: int, status: bytes) -> None:
    """One that is just small enough is answered; with one byte more it is refused, before all of it is there."""

    async def swallow(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    whole = request("/", "Connection: close", "Content-Length: 60000", method="POST") + b"x" * 60_000
    app = Starlette(routes=[Route("/", swallow, methods=["POST"])])

    async def main() -> bytes:
        server = Server(app, bind([f"{HOST}:0"]), limits=Limits(request_bytes=len(whole) - more_bytes))
        async with open_shop(server, seconds=60):
            return await strike(whole, HOST, server.port)

    answer = run(main())
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert 1 == answer.count(b"HTTP/1.1")


@pytest.mark.parametrize("ending", [b"s3cret\r\n", b"1\r\nx\r\n" * 20_000], ids=["garbage", "too much"])
def test_a_bad_body_while_the_answer_is_made(ending: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """The client is refused once; the answer that was being made is not sent into it, and nobody complains."""
    go_on = asyncio.Event()

    async def slow(_request: Request) -> Response:
        await go_on.wait()
        return PlainTextResponse("late")

    async def main() -> bytes:
        server = Server(Starlette(routes=[Route("/", slow)]), bind([f"{HOST}:0"]))
        async with open_shop(server, seconds=60):
            got = await strike(request("/", "Transfer-Encoding: chunked") + ending, HOST, server.port)
            go_on.set()
        return got

    with caplog.at_level(logging.INFO):
        got = run(main())
    assert got == b"" or got.startswith(b"HTTP/1.1 4")
    assert b"late" not in got
    assert [] == caplog.records


def test_a_bad_body_while_the_answer_is_sent() -> None:
    """No second answer is put into the first: the connection ends."""

    async def main() -> bytes:
        server = a_server()
        async with open_shop(server, seconds=60):
            reader, writer = await asyncio.open_connection(HOST, server.port)
            writer.write(request("/great", "Transfer-Encoding: chunked"))
            got = await reader.readexactly(1000)
            writer.write(b"s3cret\r\n")
            with contextlib.suppress(ConnectionError):
                while part := await reader.read(1_000_000):
                    got += part
            writer.transport.abort()
        return got

    got = run(main())
    assert 1 == got.count(b"HTTP/1.1")
    assert len(got) < len(GREAT)


def test_nothing_is_kept_of_those_who_left() -> None:
    """A connection that the client resets leaves no timer behind, which would hold its memory."""

    async def main() -> list[object]:
        server = a_server()
        async with open_shop(server, seconds=60):
            reader, writer = await asyncio.open_connection(HOST, server.port)
            writer.write(request("/-/healthy"))
            await reader.readuntil(b"Healthy")
            (ours,) = server._guest.server_state.connections
            reset(writer)
            await asyncio.sleep(1)
            return [ours._deadline, ours.timeout_keep_alive_task, *server._guest.server_state.connections]

    assert [None, None] == run(main())


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection as a crash would."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def test_a_client_that_leaves_in_the_midst_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """Who resets the connection while a great answer is sent, or before, leaves no line in the log."""

    async def main() -> None:
        server = a_server()
        async with open_shop(server, seconds=60):
            for wanted in (0, 1, 100_000):
                reader, writer = await asyncio.open_connection(HOST, server.port)
                writer.write(request("/great"))
                if wanted:
                    await reader.readexactly(wanted)
                reset(writer)
                await asyncio.sleep(1)
            assert not server._guest.server_state.connections

    with caplog.at_level(logging.INFO):
        run(main())
    assert [] == caplog.records


def test_a_broken_application_tells_nothing() -> None:
    """A bug above all routes is a 500 in fixed words, and the connection ends."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError("internal words")

    async def main() -> bytes:
        server = Server(broken, bind([f"{HOST}:0"]))
        async with open_shop(server, seconds=60):
            return await strike(request("/"), HOST, server.port)

    answer = run(main())
    assert answer.startswith(b"HTTP/1.1 500")
    assert POLICY in answer.lower()
    assert b"internal words" not in answer
