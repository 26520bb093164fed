"""A Task API on raw sockets that tells the truth of a simulated world, or whatever a fault makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta
    from types import TracebackType

    from exporter.simulator.world import Account, World

BACKLOG = 1024  # who finds the queue full tries again a real second later
SEND_BUFFER = 65_536  # bytes that the kernel may keep for us; the rest that is sent has been taken


class Play(Protocol):
    """What is made of one request that has been read. The connection is closed behind it."""

    async def __call__(self, call: Call) -> None: ...


class Door(Protocol):
    """What a connection meets before anything is read from it. False: it has met its end."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool: ...


@dataclass(slots=True, kw_only=True)
class Asked:
    """One request as it came, and how it went."""

    at: datetime
    account: str  # whose key it had; empty for nobody's
    path: str  # without the query
    head: str
    fault: str | None = None
    sent: int = 0  # bytes that left this process until the asker closed
    seconds: float = 0.0  # on the event loop's clock, until the asker closed

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name."""
        pairs = (line.partition(": ") for line in self.head.splitlines()[1:] if line)
        return {name.lower(): value for name, _, value in pairs}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a play has to work with."""

    asked: Asked
    world: World
    account: Account | None
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    silence: Callable[[], AbstractContextManager[None]]
    elsewhere: str  # the address of another server

    @property
    def now(self) -> datetime:
        return self.world.clock()

    def truth(self, *, ago: timedelta | None = None) -> tuple[int, Any]:
        """The status and JSON value of the true answer, or of the one that was true that long ago."""
        if self.account is None:
            return 401, {"statusCode": 401, "error": "Unauthorized", "message": "The access key is invalid."}
        at = self.now if ago is None else self.now - ago
        if self.asked.path == "/v1/tasks":
            return 200, {"tasks": [task.to_wire(at) for task in self.account.tasks.values()]}
        task = self.account.tasks.get(self.asked.path.removeprefix("/v1/tasks/"))
        if task is None:
            return 404, {"statusCode": 404, "error": "Not Found", "message": "No such task."}
        return 200, task.to_wire(at)

    async def send(self, data: bytes) -> None:
        """Returns when the asker, or the kernel on its behalf, has taken it. Raises ConnectionResetError when it has gone."""
        before = self._waiting()
        self.asked.sent += len(data) + before
        try:
            self.writer.write(data)
            await self.writer.drain()
            await asyncio.sleep(0)  # drain lets nobody tell us that the asker has gone where all seems taken
            if self.reader.at_eof():  # which drain does not tell where there is TLS
                raise ConnectionResetError
        finally:
            self.asked.sent -= self._waiting()

    def _waiting(self) -> int:
        return self.writer.transport.get_write_buffer_size()

    async def end(self) -> None:
        """Say that no more comes, and wait until the asker goes."""
        if self.writer.can_write_eof():
            self.writer.write_eof()
            await self.reader.read()

    async def wait(self) -> None:
        """Keep still until the asker goes."""
        with self.silence():
            await self.reader.read()

    async def pause(self, seconds: float) -> None:
        """Keep still for so long. Raises ConnectionResetError when the asker goes."""
        with self.silence(), contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.reader.read(), seconds)
            raise ConnectionResetError

    def reset(self) -> None:
        """The asker's connection breaks instead of ending."""
        reset(self.writer)


def reset(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def http_date(at: datetime) -> str:
    return format_datetime(at.replace(microsecond=0), usegmt=True)


def answer(body: bytes, *headers: str, at: datetime | None, status: str = "200 OK") -> bytes:
    """The bytes of a proper answer, dated unless `at` is None."""
    dated = () if at is None else (f"Date: {http_date(at)}",)
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *dated, *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def tell_the_truth(call: Call) -> None:
    status, value = call.truth()
    body = json.dumps(value, separators=(",", ":")).encode()
    await call.send(answer(body, "Content-Type: application/json", at=call.now, status=f"{status} Truth"))
    await call.end()


class Chaos:
    """A server on a free port of loopback while it is entered.

    `choose` says for each request what is made of it (None: the truth); `door`, where there is one, what each
    connection meets first. With `tls` it speaks TLS. `silence` is entered while a play keeps still on purpose.
    """

    def __init__(
        self,
        world: World,
        choose: Callable[[Asked], tuple[str, Play] | None],
        *,
        tls: ssl.SSLContext | None = None,
        door: Callable[[], Door | None] = lambda: None,
        silence: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
        elsewhere: str = "http://127.0.0.1:1",
    ) -> None:
        self._world, self._choose, self._tls, self._door = world, choose, tls, door
        self._silence, self._elsewhere = silence, elsewhere
        self._calls: set[asyncio.Task[None]] = set()
        self.requests: list[Asked] = []
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", self.port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._server = await asyncio.start_server(self._serve, sock=listener, backlog=BACKLOG)
        self.port = listener.getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        self.connections += 1
        try:
            await self._meet(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the asker went, or all is over
        finally:
            self._calls.discard(task)
            writer.transport.abort()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        door = self._door()
        if door is not None and not await door(reader, writer):
            return
        if door is None and self._tls is not None:
            await writer.start_tls(self._tls)
        began_seconds = asyncio.get_running_loop().time()
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked = self._read(head)
        chosen = self._choose(asked)
        self.requests.append(asked)
        asked.fault, play = chosen or (None, tell_the_truth)
        call = Call(
            asked=asked,
            world=self._world,
            account=self._world.accounts.get(asked.account),
            reader=reader,
            writer=writer,
            silence=self._silence,
            elsewhere=self._elsewhere,
        )
        try:
            await play(call)
        finally:
            asked.seconds = asyncio.get_running_loop().time() - began_seconds

    def _read(self, head: str) -> Asked:
        target = urlsplit(head.split(" ", 2)[1])
        asked = Asked(at=self._world.clock(), account="", path=target.path, head=head)
        key = asked.headers.get("x-access-key") or parse_qs(target.query).get("access_key", [""])[0]
        account = self._world.find_account(key)
        asked.account = account.name if account else ""
        return asked
