"""The client on real sockets: what only a wire can do to it."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import trustme

from client.wires import (
    KEY,
    TASK_ID,
    an_api,
    an_upstream,
    ask,
    ask_server,
    head_of,
    listening,
    saying,
    whole,
)
from exporter import __version__
from exporter.model import PollError, Reason, Task

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.parametrize(("kib", "reason"), [(1279, None), (1281, Reason.TOO_LARGE)])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_is_around_a_body_is_read_up_to_a_limit(
    tmp_path: Path, scheme: str, kib: int, reason: Reason | None
) -> None:
    """Beside the 1 MiB of a task's answer there may be 256 KiB: of hints before it, as here, of headers, or of chunks."""
    hints = (b"HTTP/1.1 103 Early Hints\r\nX: " + b"x" * 991 + b"\r\n\r\n") * kib
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").configure_cert(context)
    found = ask_server(
        saying(hints + whole()),
        scheme=scheme,
        context=context if scheme == "https" else None,
        ca_file=tmp_path / "ca.pem",
    )
    assert reason is (found.reason if isinstance(found, PollError) else None)


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
