"""A real server on real sockets: how it begins, answers and ends."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
import ssl
from typing import TYPE_CHECKING

import bcrypt
import httpx
import pytest
import trustme
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from exporter.config import ConfigError
from exporter.web import Server, TlsError, bind, build_web
from web.reports import World, accepts
from web.serving import serving
from web.shop import PAIR, Shop

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request


def test_answers_carry_a_date_and_no_banner() -> None:
    """A real answer has a Date, says nothing about the software, and HEAD has no body."""
    server = Server(build_web(World().sources()), bind(["127.0.0.1:0"]))

    async def visit(client: httpx.AsyncClient) -> None:
        answer, head = await client.get("/metrics"), await client.head("/metrics")
        assert (answer.status_code, head.status_code, head.content) == (200, 200, b"")
        assert "date" in answer.headers
        assert "server" not in answer.headers
        assert answer.headers["content-length"] == head.headers["content-length"]

    serving(server, visit)


def test_every_socket_is_served_and_freed() -> None:
    """One server answers on all its sockets, and after the end none of them accepts."""
    sockets = bind(["127.0.0.1:0", "127.0.0.1:0"])
    server = Server(build_web(World().sources()), sockets)
    ports = [each.getsockname()[1] for each in sockets]
    assert [f"http://127.0.0.1:{port}" for port in ports] == server.urls
    assert ports[0] == server.port

    async def visit(client: httpx.AsyncClient) -> None:
        assert [(await client.get(f"{url}/-/healthy")).status_code for url in server.urls] == [200, 200]

    serving(server, visit)
    assert [accepts(port, "127.0.0.1") for port in ports] == [False, False]


def test_a_wildcard_is_shown_as_localhost() -> None:
    """The address shown is one that can be opened."""
    (listener,) = bind([":0"])
    with listener:
        server = Server(build_web(World().sources()), [listener])
        assert [f"http://localhost:{server.port}"] == server.urls


def test_an_answer_begun_is_finished() -> None:
    """A stop that comes while an answer is being made lets it be finished."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> PlainTextResponse:
        begun.set()
        await go_on.wait()
        return PlainTextResponse("finished")

    server = Server(Starlette(routes=[Route("/", slow)]), bind(["127.0.0.1:0"]), stop_seconds=10)

    async def visit(client: httpx.AsyncClient) -> str:
        asked = asyncio.create_task(client.get("/"))
        await begun.wait()
        server.stop()
        go_on.set()
        return (await asked).text

    assert serving(server, visit) == "finished"


def test_an_answer_that_does_not_end_is_dropped() -> None:
    """The stop has a deadline: who never ends is cut off, and told nothing."""
    begun = asyncio.Event()

    async def endless(_request: Request) -> PlainTextResponse:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    server = Server(Starlette(routes=[Route("/", endless)]), bind(["127.0.0.1:0"]), stop_seconds=0)

    async def visit(client: httpx.AsyncClient) -> None:
        asked = asyncio.create_task(client.get("/"))
        await begun.wait()
        server.stop()
        with pytest.raises(httpx.RemoteProtocolError):
            await asked

    serving(server, visit)


def test_who_does_not_read_does_not_hold_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """A client that takes nothing of a great answer is dropped at the stop's deadline, which is no fault to log."""
    begun = asyncio.Event()

    async def great(_request: Request) -> PlainTextResponse:
        begun.set()
        return PlainTextResponse("x" * 50_000_000)

    server = Server(Starlette(routes=[Route("/", great)]), bind(["127.0.0.1:0"]), stop_seconds=0)

    async def run() -> int:
        task = asyncio.create_task(server.serve())
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await begun.wait()
        server.stop()
        async with asyncio.timeout(10):
            await task
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while part := await reader.read(1_000_000):
                received += len(part)
        writer.close()
        return received

    assert asyncio.run(run()) < 50_000_000
    assert ["Cancel 1 running task(s), timeout graceful shutdown exceeded"] == caplog.messages


def test_a_silent_client_does_not_hold_the_end() -> None:
    """A connection on which nothing was asked is closed at the stop."""
    server = Server(build_web(World().sources()), bind(["127.0.0.1:0"]), stop_seconds=10)

    async def visit(_client: httpx.AsyncClient) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        server.stop()
        try:
            return await reader.read()
        finally:
            writer.close()

    assert serving(server, visit) == b""


def test_a_stop_before_the_start_holds() -> None:
    """A server told to stop before it began ends at once."""
    server = Server(build_web(World().sources()), bind(["127.0.0.1:0"]))
    server.stop()

    async def run() -> None:
        async with asyncio.timeout(10):
            await server.serve()

    asyncio.run(run())


def test_cancelling_leaves_nothing_open() -> None:
    """A server whose task is cancelled frees its sockets."""
    server = Server(build_web(World().sources()), bind(["127.0.0.1:0"]))

    async def run() -> None:
        task = asyncio.create_task(server.serve())
        async with httpx.AsyncClient(base_url=server.urls[0], trust_env=False) as client:
            assert (await client.get("/-/healthy")).status_code == 200
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
    assert not accepts(server.port, "127.0.0.1")


def test_signals_are_left_to_the_host() -> None:
    """While it serves, the process's signal handlers are those that were there before."""
    signals = (signal.SIGINT, signal.SIGTERM)
    server = Server(build_web(World().sources()), bind(["127.0.0.1:0"]))

    async def run() -> None:
        before = [signal.getsignal(each) for each in signals]
        task = asyncio.create_task(server.serve())
        async with httpx.AsyncClient(base_url=server.urls[0], trust_env=False) as client:
            assert (await client.get("/-/healthy")).status_code == 200
            assert before == [signal.getsignal(each) for each in signals]
        server.stop()
        await task

    asyncio.run(run())


def test_a_context_makes_it_https() -> None:
    """With a TLS context the same server speaks HTTPS, and says so in its address."""
    authority = trustme.CA()
    ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    authority.configure_trust(theirs)
    server = Server(build_web(World().sources()), bind(["127.0.0.1:0"]), ssl_context=ours)
    assert server.urls[0].startswith("https://127.0.0.1:")

    async def visit(client: httpx.AsyncClient) -> str:
        return (await client.get("/-/healthy")).text

    assert serving(server, visit, verify=theirs) == "Healthy"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"TRACE / HTTP/1.1\r\nHost: x\r\nX-Secret: s3cret\r\n\r\n",
        b"GET /s3cret HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-Secret: s3cret\r\n\r\n",
        b"s3cret\r\n\r\n",
        b"\x16\x03\x01\x02\x00s3cret\r\n\r\n",
    ],
    ids=["trace", "path", "no host", "not http", "tls"],
)
def test_nothing_sent_comes_back(request_bytes: bytes) -> None:
    """Whatever is sent, the answer is a refusal in fixed words."""
    server = Server(build_web(World().sources()), bind(["127.0.0.1:0"]))

    async def visit(_client: httpx.AsyncClient) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request_bytes)
        try:
            return await reader.readuntil(b"\r\n\r\n") + await reader.read(100)
        finally:
            writer.close()

    answer = serving(server, visit)
    assert isinstance(answer, bytes)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404", b"HTTP/1.1 405"))
    assert b"s3cret" not in answer


needs_ipv6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize(
    ("bound", "addresses", "urls"),
    [
        ("127.0.0.1:0", "127.0.0.1:{}", "http://127.0.0.1:{}"),
        pytest.param("[::1]:0", "[::1]:{}", "http://[::1]:{}", marks=needs_ipv6),
        pytest.param(":0", "[::]:{}", "http://localhost:{}", marks=needs_ipv6),
    ],
)
def test_addresses(bound: str, addresses: str, urls: str) -> None:
    """Sockets are named as Prometheus's programs log them, and as they can be opened."""
    (listener,) = bind([bound])
    with listener:
        server = Server(build_web(World().sources()), [listener])
        assert [addresses.format(server.port)] == server.addresses
        assert [urls.format(server.port)] == server.urls
        assert not server.tls


def test_a_unix_socket(tmp_path: Path) -> None:
    """A socket in the file system, as systemd may pass it, is served too; it has no port and no URL."""
    path = tmp_path / "web"
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0{path}")
    with abstract, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        server = Server(build_web(World().sources()), [listener, abstract])
        assert [str(path), f"@{path}"] == server.addresses
        assert ([], 0) == (server.urls, server.port)

        async def run() -> str:
            async with asyncio.timeout(10), asyncio.TaskGroup() as group:
                group.create_task(server.serve())
                transport = httpx.AsyncHTTPTransport(uds=str(path))
                async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
                    text = (await client.get("/-/healthy")).text
                server.stop()
            return text

        assert "Healthy" == asyncio.run(run())


def test_a_web_file_is_enforced(tmp_path: Path) -> None:
    """With a web config file the server speaks TLS and asks for its passwords; one that cannot be used is refused."""
    hashed = bcrypt.hashpw(b"word", bcrypt.gensalt(4)).decode()
    shop = Shop(tmp_path)
    users = f"tls_server_config: {{{PAIR}}}\nbasic_auth_users: {{one: '{hashed}'}}\n"
    server = Server(build_web(World().sources()), bind(["127.0.0.1:0"]), web_file=shop.web_file(users))
    assert server.tls
    assert server.urls[0].startswith("https://127.0.0.1:")

    async def visit(client: httpx.AsyncClient) -> list[int]:
        return [(await client.get("/metrics", auth=auth)).status_code for auth in (None, ("one", "word"))]

    assert [401, 200] == serving(server, visit, verify=shop.client())
    for text, error in (("nonsense: 1", ConfigError), ("tls_server_config: {cert_file: x, key_file: y}", TlsError)):
        with pytest.raises(error, match=re.escape(str(tmp_path / "web.yml"))):
            Server(build_web(World().sources()), [], web_file=shop.web_file(text))


def test_a_web_file_without_tls(tmp_path: Path) -> None:
    """Passwords alone leave the server at HTTP, as in Prometheus's own programs, and TLS waits for the next start."""
    shop = Shop(tmp_path)
    hashed = bcrypt.hashpw(b"word", bcrypt.gensalt(4)).decode()
    users = f"basic_auth_users: {{one: '{hashed}'}}\n"
    server = Server(build_web(World().sources()), bind(["127.0.0.1:0"]), web_file=shop.web_file(users))
    assert not server.tls

    async def visit(client: httpx.AsyncClient) -> list[int]:
        first = await client.get("/metrics", auth=("one", "word"))
        shop.web_file(f"tls_server_config: {{{PAIR}}}\n{users}")
        return [first.status_code, (await client.get("/metrics")).status_code]

    assert [200, 401] == serving(server, visit)
