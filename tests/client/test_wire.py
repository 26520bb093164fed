"""The client on real sockets: what only a wire can do to it."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from client.wires import (
    KEY,
    TASK,
    TASK_ID,
    Observed,
    an_api,
    an_upstream,
    ask,
    ask_server,
    head_of,
    listening,
    say_nothing,
    saying,
    whole,
)
from exporter import __version__
from exporter.model import PollError, Reason, Task

if TYPE_CHECKING:
    from pathlib import Path

    from client.wires import Serve

HEAD = f"""\
GET /v1/tasks/{TASK_ID} HTTP/1.1
Host: 127.0.0.1:PORT
User-Agent: screenshotmax-exporter/{__version__}
Accept: application/json
Accept-Encoding: identity
Cache-Control: no-cache
Connection: close
X-Access-Key: {KEY}

"""
SHORT = timedelta(milliseconds=300)
DRIP_SECONDS = 0.05


def dripping(head: bytes, drop: bytes) -> Serve:
    """Keeps an answer alive for ever, a drop at a time."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(head)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(DRIP_SECONDS)

    return serve


def resetting(before: bytes) -> Serve:
    """Says this, then resets the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(before)
        await writer.drain()
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    return serve


def test_whole_request() -> None:
    """These bytes and no others go out: the key in one header, no cookie, no body."""
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await head_of(reader))
        writer.write(whole())
        await writer.drain()
        heads.append((await reader.read()).decode())

    async def once() -> tuple[Task | PollError, int]:
        async with listening(serve) as port:
            return await ask(f"http://127.0.0.1:{port}"), port

    task, port = asyncio.run(once())
    assert isinstance(task, Task)
    assert HEAD.replace("PORT", str(port)).replace("\n", "\r\n") == "".join(heads)


@pytest.mark.parametrize(
    "serve",
    [
        pytest.param(say_nothing, id="no answer"),
        pytest.param(dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), id="endless 1xx"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n"), id="endless headers"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\n\r\n", b" "), id="endless body"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"), id="chunks"),
    ],
)
def test_total_deadline(serve: Serve) -> None:
    """However an answer is kept alive, it is cut off at the deadline."""
    observed = Observed()
    error = ask_server(serve, timeout=SHORT, observe=observed)
    assert Reason.TIMEOUT is error.reason
    ((_, seconds, _),) = observed.requests
    assert 0.3 <= seconds < 3


def test_deadline_of_the_handshake() -> None:
    """A server that is silent in the TLS handshake is a timeout, and its connection is closed at once."""

    async def once() -> Task | PollError:
        closed = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.read()
            closed.set()

        async with listening(serve) as port:
            upstream = an_upstream(an_api(f"https://127.0.0.1:{port}", timeout=SHORT))
            with pytest.raises(PollError) as caught:
                await upstream.get_task(TASK_ID)
            await asyncio.wait_for(closed.wait(), 5)
            await upstream.aclose()
        return caught.value

    error = asyncio.run(once())
    assert isinstance(error, PollError)
    assert Reason.TIMEOUT is error.reason


def test_deadline_of_the_resolver() -> None:
    """A resolver that does not answer does not hold the deadline: its thread is left behind."""
    release = threading.Event()

    async def amid_stuck_resolver() -> Task | PollError:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(max_workers=1))
        stuck = loop.run_in_executor(None, release.wait)
        try:
            return await ask("http://localhost:1", timeout=SHORT)
        finally:
            release.set()
            await stuck

    error = asyncio.run(amid_stuck_resolver())
    assert isinstance(error, PollError)
    assert Reason.TIMEOUT is error.reason


def test_nobody_there() -> None:
    """A refused connection and an unknown host are told apart."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        refused = asyncio.run(ask(f"http://127.0.0.1:{bound.getsockname()[1]}"))
    unknown = asyncio.run(ask("http://no..name"))
    assert [Reason.CONNECT, Reason.DNS] == [refused.reason, unknown.reason]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
HOSTILE = [
    pytest.param(saying(b""), Reason.PROTOCOL, id="closed without an answer"),
    pytest.param(saying(b"nonsense\r\n\r\n"), Reason.PROTOCOL, id="garbage"),
    pytest.param(saying(TASK), Reason.PROTOCOL, id="HTTP/0.9"),
    pytest.param(saying(whole(status="2x0 OK")), Reason.PROTOCOL, id="bad status line"),
    pytest.param(saying(whole()[:-5]), Reason.PROTOCOL, id="truncated by length"),
    pytest.param(saying(CHUNKED + b"\r\nff\r\n{}"), Reason.PROTOCOL, id="truncated by chunk"),
    pytest.param(saying(CHUNKED + b"\r\n" + b"f" * 30 + b"\r\n{}"), Reason.PROTOCOL, id="endless chunk size"),
    pytest.param(saying(whole(b"{}", "Content-Length: 3")), Reason.PROTOCOL, id="two lengths"),
    pytest.param(saying(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}"), Reason.PROTOCOL, id="negative length"),
    pytest.param(
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000000\r\n\r\n{}"), Reason.PROTOCOL, id="exabyte"
    ),
    pytest.param(saying(whole(TASK, "X: " + "x" * 1_048_576)), Reason.PROTOCOL, id="1 MiB header"),
    pytest.param(saying(whole(TASK, *["X: x"] * 100_000)), Reason.PROTOCOL, id="100 000 headers"),
    pytest.param(saying(whole(TASK, "X: a\x00b")), Reason.PROTOCOL, id="NUL in a header"),
    pytest.param(resetting(b""), Reason.RESET, id="reset before the answer"),
    pytest.param(resetting(b"HTTP/1.1 200 OK\r\nContent-"), Reason.RESET, id="reset in the headers"),
    pytest.param(resetting(whole()[:-5]), Reason.RESET, id="reset in the body"),
    pytest.param(saying(whole(gzip.compress(TASK), "Content-Encoding: gzip")), Reason.ENCODING, id="gzip"),
    pytest.param(saying(gzip.compress(TASK)), Reason.PROTOCOL, id="gzip instead of HTTP"),
    pytest.param(saying(whole(gzip.compress(TASK))), Reason.BAD_JSON, id="gzip not declared"),
    pytest.param(saying(whole(status="429 Too Many Requests")), Reason.HTTP_429, id="429"),
    pytest.param(saying(whole(status="999 Whatever")), Reason.HTTP_OTHER, id="999"),
    pytest.param(saying(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), Reason.PROTOCOL, id="101 not asked for"),
    pytest.param(saying(b"HTTP/1.1 204 No Content\r\n\r\n"), Reason.HTTP_OTHER, id="204"),
]


@pytest.mark.parametrize(("serve", "reason"), HOSTILE)
def test_hostile_server(serve: Serve, reason: Reason) -> None:
    """Whatever a server does, its task is not had and the reason is fixed."""
    error = ask_server(serve)
    assert isinstance(error, PollError)
    assert reason is error.reason


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + whole(), id="1xx before it"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + TASK, id="ended by closing"),
        pytest.param(CHUNKED + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(TASK), TASK), id="chunked"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + TASK, id="HTTP/1.0"),
        pytest.param(whole(TASK, "Content-Encoding: identity", "Set-Cookie: a=b"), id="identity and a cookie"),
    ],
)
def test_unusual_but_good(answer: bytes) -> None:
    """What HTTP allows is read."""
    assert TASK_ID == ask_server(saying(answer)).id


def test_nothing_is_kept_between_requests() -> None:
    """Bytes behind one answer do not become the next: each request has its own connection, and no cookie."""
    heads: list[str] = []
    poison = whole(TASK.replace(b"task screenshot", b"POISON"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await head_of(reader))
        writer.write(whole(TASK, "Set-Cookie: a=b", "Connection: keep-alive") + poison)
        await writer.drain()
        await reader.read()

    async def thrice() -> list[str]:
        async with listening(serve) as port:
            upstream = an_upstream(an_api(f"http://127.0.0.1:{port}"))
            names = [(await upstream.get_task(TASK_ID)).value.name for _ in range(3)]
            await upstream.aclose()
        return names

    assert ["task screenshot"] * 3 == asyncio.run(thrice())
    assert [heads[0]] * 3 == heads


def test_large_body_is_stopped() -> None:
    """An endless body is left at the cap: the server gets rid of no more than that and what sockets buffer."""
    sent: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000000\r\n\r\n")
        while True:
            writer.write(b" " * 65_536)
            await writer.drain()
            sent.append(65_536)

    error = ask_server(serve)
    assert isinstance(error, PollError)
    assert (Reason.TOO_LARGE, "the answer is larger than 1048576 bytes") == (error.reason, error.detail)
    assert sum(sent) < 32 * 1024 * 1024


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_redirect_is_not_followed(status: str) -> None:
    """A redirect is a failure: where it points, nobody is asked and the key is not sent."""
    asked: list[str] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await head_of(reader))
        writer.write(whole())

    async def once() -> Task | PollError:
        async with listening(elsewhere) as other:
            location = f"Location: http://127.0.0.1:{other}/v1/tasks/{TASK_ID}"
            async with listening(saying(whole(b"", location, status=status))) as port:
                return await ask(f"http://127.0.0.1:{port}")

    error = asyncio.run(once())
    assert isinstance(error, PollError)
    assert (Reason.REDIRECT, []) == (error.reason, asked)


def test_netrc_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that somebody has stored for this host is not sent, however it is pointed to."""
    heads: list[str] = []
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password stored\ndefault login a password b\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await head_of(reader))
        writer.write(whole())

    async def once() -> tuple[Task | PollError, int]:
        async with listening(serve) as port:
            return await ask(f"http://127.0.0.1:{port}"), port

    task, port = asyncio.run(once())
    assert isinstance(task, Task)
    assert [HEAD.replace("PORT", str(port)).replace("\n", "\r\n")] == heads


def test_environment_proxies_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the environment sees a request."""
    heard: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await head_of(reader))
        writer.write(whole())

    async def once() -> Task | PollError:
        async with listening(proxy) as proxy_port, listening(saying(whole())) as port:
            for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy_port}")
            return await ask(f"http://127.0.0.1:{port}")

    assert isinstance(asyncio.run(once()), Task)
    assert [] == heard


def test_refusing_proxy() -> None:
    """A proxy that does not let us through is a failure to connect."""

    async def once() -> Task | PollError:
        refusal = whole(b"", status=f"407 {KEY}")
        async with listening(saying(refusal)) as port:
            return await ask("https://upstream.example", proxy_url=f"http://127.0.0.1:{port}")

    error = asyncio.run(once())
    assert isinstance(error, PollError)
    assert (Reason.CONNECT, "the proxy refused to connect") == (error.reason, error.detail)


@pytest.mark.parametrize("auth", ["header", "query"])
def test_key_is_in_no_log_line(auth: str, caplog: pytest.LogCaptureFixture) -> None:
    """At the most talkative level no library logs the key, in whatever form it is sent."""
    caplog.set_level(logging.DEBUG)
    assert isinstance(ask_server(saying(whole()), auth=auth), Task)
    assert caplog.records
    assert KEY not in caplog.text
