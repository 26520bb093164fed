"""Requests that mean no good or come at odd times, on real sockets: each is answered once, or cut off."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from exporter.metrics import Refusal
from exporter.web import Limits, Server, bind, build_web
from web.hostile import SECRET, blows, request, strike
from web.reports import World
from web.shop import open_shop
from web.visits import GREAT, HOST, a_server, ask, reset, run

if TYPE_CHECKING:
    from starlette.requests import Request

POLICY = b"\r\ncontent-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
COUNTED_AS = {  # by the status of the answer
    b"400": [Refusal.BAD_REQUEST],
    b"403": [Refusal.SLOW_BODY],
    b"404": [],
    b"405": [],
    b"413": [Refusal.TOO_LARGE],
    b"": [Refusal.SLOW_HEADER],
}


@pytest.mark.parametrize("name", blows())
def test_blows(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """What no honest client sends is refused in fixed words or cut off; nothing of it comes back or is logged.

    It is counted once, but for whom a route has answered, who may stay for as long as anybody.
    """
    refused: list[Refusal] = []

    async def main() -> tuple[bytes, bytes]:
        server = a_server(on_refused=refused.append)
        async with open_shop(server, seconds=60):
            return await strike(blows()[name], HOST, server.port), await ask(server)

    with capture_logs() as told, caplog.at_level(logging.DEBUG):
        got, after = run(main())
    assert got == b"" or got.startswith(b"HTTP/1.1 4")
    assert got.count(b"HTTP/1.1") <= 1
    assert COUNTED_AS[got[9:12]] == refused
    assert SECRET not in got
    assert got == b"" or POLICY in got.lower()
    assert after.startswith(b"HTTP/1.1 200")
    assert [] == [*told, *(each.getMessage() for each in caplog.records if each.name != "asyncio" or each.levelno > 10)]


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
