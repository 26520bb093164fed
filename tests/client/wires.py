"""What the client's tests share: accounts, fake wires and small servers on loopback."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from exporter.client import KeySource, Upstream
from exporter.config import Account, Api
from exporter.model import PollError, Secret, Task

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

KEY = "not-a-real-key"
NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
DATE = "Sun, 01 Jun 2025 12:00:00 GMT"
SAMPLES = Path(__file__).parents[1] / "data" / "screenshotmax"
TASK_ID = "5650820808835072"
TASK = (SAMPLES / "get-task.json").read_bytes()


def an_account(**source: Any) -> Account:
    """An account with its key where `source` says."""
    return Account(name="main", tasks="all", **source)


def an_api(base_url: str = "https://upstream.example", **changes: Any) -> Api:
    """How to reach a pretend upstream."""
    return Api(base_url=base_url, **changes)


@dataclass
class Observed:
    """Keeps what an Upstream observes of its requests."""

    requests: list[tuple[str, float, timedelta | None]] = field(default_factory=list)

    def __call__(self, code: str, seconds: float, skew: timedelta | None) -> None:
        self.requests.append((code, seconds, skew))

    @property
    def codes(self) -> list[str]:
        return [code for code, _, _ in self.requests]


def an_upstream(
    api: Api,
    *,
    now: Callable[[], datetime] = lambda: NOW,
    observe: Callable[[str, float, timedelta | None], None] | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    **source: Any,
) -> Upstream:
    """An Upstream that asks `api`, with the pretend key unless `source` says otherwise."""
    account = an_account(**(source or {"access_key": Secret(KEY)}))
    return Upstream(api, KeySource(account), now=now, observe=observe or Observed(), transport=transport)


def answering(body: bytes = TASK, *, status: int = 200, **headers: str) -> httpx.MockTransport:
    """A wire on which every request is answered alike; an underscore in a header's name is a hyphen."""
    pairs = {name.replace("_", "-"): value for name, value in headers.items()}
    # A stream, as on a real wire: httpx would decode a body given as content.
    return httpx.MockTransport(lambda _: httpx.Response(status, headers=pairs, stream=httpx.ByteStream(body)))


def list_of(*elements: object) -> bytes:
    return json.dumps({"tasks": elements}).encode()


@asynccontextmanager
async def listening(serve: Serve, **options: ssl.SSLContext | None) -> AsyncIterator[int]:
    """A server on a free port of loopback that reads a request's head and lets `serve` answer."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went, or the test is over
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def head_of(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode()


def whole(body: bytes = TASK, *headers: str, status: str = "200 OK") -> bytes:
    """The bytes of a proper answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def ask(base_url: str, *, observe: Observed | None = None, **api: Any) -> Task | PollError:
    """The sample task, or why it could not be had."""
    upstream = an_upstream(an_api(base_url, **api), observe=observe)
    try:
        return (await upstream.get_task(TASK_ID)).value
    except PollError as error:
        return error
    finally:
        await upstream.aclose()


def ask_server(serve: Serve, *, scheme: str = "http", context: ssl.SSLContext | None = None, **api: Any) -> Any:
    """What comes of asking a server that serves each connection like this."""

    async def once() -> Task | PollError:
        async with listening(serve, ssl=context) as port:
            return await ask(f"{scheme}://127.0.0.1:{port}", **api)

    return asyncio.run(once())


def saying(answer: bytes) -> Serve:
    """Answers anything with these bytes and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(answer)
        await writer.drain()
        writer.write_eof() if writer.can_write_eof() else writer.close()
        await reader.read()

    return serve
