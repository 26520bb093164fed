"""The exporter's web on a real socket, on a clock that goes on only when nobody has anything left to do."""

from __future__ import annotations

import asyncio
import socket
import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.responses import Response
from starlette.routing import Route

from builders import Clock
from exporter.web import Limits, Server, bind, build_web
from web.hostile import request
from web.reports import World

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine

    from starlette.requests import Request

    from exporter.metrics import Refusal

T = TypeVar("T")
HOST = "127.0.0.1"
GREAT = b"x" * 5_000_000
LIMITS = Limits()


def run(main: Coroutine[Any, Any, T]) -> T:
    return Clock(datetime(2025, 1, 1, tzinfo=UTC)).run(main)


async def great(_request: Request) -> Response:
    return Response(GREAT, media_type="text/plain")


async def hang(_request: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


def a_server(
    *,
    tls: ssl.SSLContext | None = None,
    limits: Limits = LIMITS,
    on_refused: Callable[[Refusal], object] = lambda _: None,
) -> Server:
    """The exporter's web, with two routes more: one has a great answer, one none."""
    app = build_web(World().sources())
    app.router.routes += [Route("/great", great), Route("/hang", hang)]
    return Server(app, bind([f"{HOST}:0"]), limits=limits, ssl_context=tls, on_refused=on_refused)


async def ask(server: Server, path: str = "/metrics", *, tls: ssl.SSLContext | None = None) -> bytes:
    """The whole answer to one who closes after it."""
    reader, writer = await asyncio.open_connection(HOST, server.port, ssl=tls)
    writer.write(request(path, "Connection: close"))
    try:
        return await reader.read()
    finally:
        writer.transport.abort()


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection as a crash would."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
