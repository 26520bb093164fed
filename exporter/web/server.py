"""uvicorn made into a guest that leaves signals, logs and exits to its host."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from typing import TYPE_CHECKING

import uvicorn

from exporter.web import tls
from exporter.web.door import Door
from exporter.web.guard import Guard
from exporter.web.limits import Limits
from exporter.web.protocol import Protocol
from exporter.web.sockets import BACKLOG

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Generator, Sequence

    from starlette.types import ASGIApp

    from exporter.metrics import Refusal
    from exporter.web.web_file import WebFile


class _Guest(uvicorn.Server):
    """uvicorn without its signal handlers, and with an end that comes when asked and leaves nothing open."""

    def __init__(self, config: uvicorn.Config, *, limits: Limits, on_refused: Callable[[Refusal], object]) -> None:
        super().__init__(config)
        self._limits = limits
        self._on_refused = on_refused
        self._door = Door(self._protocol, limits=limits, on_refused=on_refused)
        self.servers = []  # asyncio's, of which there are none
        self.asked_to_stop = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """What uvicorn's own does for sockets that are there, by a door of ours."""
        await self.on_tick(0)  # sets the Date header, before the first answer can need it
        self._door.open(sockets or (), tls=self.config.ssl, backlog=self.config.backlog)
        self.started = True

    def _protocol(self) -> Protocol:
        return Protocol(self.config, self.server_state, limits=self._limits, on_refused=self._on_refused)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._door.close()
        await super().shutdown(sockets)

    async def main_loop(self) -> None:
        """Once a second, for the Date header, and at once when asked to stop."""
        while not self.asked_to_stop.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.asked_to_stop.wait(), timeout=1)

    def abort(self) -> None:
        """Drops whatever is still open: who has not read the answer by now will not."""
        self._door.abort()
        for connection in list(self.server_state.connections):
            connection.transport.abort()


class Server:
    """An ASGI application served on sockets that `bind` made, inside the running event loop.

    With a `web_file` its TLS, users, headers and rate limit stand before the application, whose routes begin with
    `route_prefix`; without one `ssl_context` may make it HTTPS. What a client can take of it is bounded by `limits`;
    `on_refused` hears of each that is turned away or cut off.
    Raises ConfigError and TlsError for a web file that cannot be used.
    """

    def __init__(
        self,
        app: ASGIApp,
        sockets: Sequence[socket.socket],
        *,
        web_file: WebFile | None = None,
        route_prefix: str = "",
        ssl_context: ssl.SSLContext | None = None,
        stop_seconds: int = 3,
        limits: Limits | None = None,
        on_refused: Callable[[Refusal], object] = lambda _: None,
        date_header: bool = True,
    ) -> None:
        if web_file is not None:
            app = Guard(app, web_file, on_refused=on_refused, healthy_path=f"{route_prefix}/-/healthy")
            ssl_context = None if web_file.current().tls is None else tls.LiveContext(web_file)
        self.tls = ssl_context is not None
        self._sockets = list(sockets)
        self._names = [listener.getsockname() for listener in sockets]
        self._hosts = [name[:2] for name in self._names if isinstance(name, tuple)]  # not those of the file system
        limits = limits or Limits()
        idle_seconds = math.ceil(limits.idle_seconds) + 1  # so that uvicorn's deadline never comes before ours
        config = _configure(app, ssl_context, stop_seconds, date_header=date_header, idle_seconds=idle_seconds)
        self._guest = _Guest(config, limits=limits, on_refused=on_refused)

    @property
    def port(self) -> int:
        """The port of the first socket that has one; 0 where none has."""
        return int(self._hosts[0][1]) if self._hosts else 0

    @property
    def addresses(self) -> list[str]:
        """One `host:port` per socket, as Prometheus's programs log it: `[::]:10142`; a path for a Unix socket."""
        return [_address(name) for name in self._names]

    @property
    def urls(self) -> list[str]:
        """One address per socket with a port that works on this machine; a wildcard is shown as localhost."""
        scheme = "https" if self.tls else "http"
        return [f"{scheme}://{_host(str(host))}:{port}" for host, port in self._hosts]

    async def serve(self) -> None:
        """Serves until `stop`; answers begun by then are finished, within `stop_seconds`."""
        try:
            await self._guest.serve(self._sockets)
        finally:
            self._guest.abort()
            for listener in self._sockets:
                listener.close()

    def stop(self) -> None:
        self._guest.asked_to_stop.set()


def _host(address: str) -> str:
    if address in {"::", "0.0.0.0"}:  # noqa: S104 - recognised, not bound
        return "localhost"
    return _bracketed(address)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _address(name: tuple[object, ...] | str | bytes) -> str:
    """Of a socket's name, which for a Unix socket is its path, and bytes where that is an abstract one."""
    if isinstance(name, tuple):
        return f"{_bracketed(str(name[0]))}:{name[1]}"
    return "@" + name[1:].decode(errors="replace") if isinstance(name, bytes) else name


def _configure(
    app: ASGIApp,
    ssl_context: ssl.SSLContext | None,
    stop_seconds: int,
    *,
    date_header: bool,
    idle_seconds: int,
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=date_header,
        backlog=BACKLOG,
        timeout_keep_alive=idle_seconds,
        timeout_graceful_shutdown=stop_seconds,
        ssl_context_factory=None if ssl_context is None else lambda _config, _default: ssl_context,
    )
