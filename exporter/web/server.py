"""uvicorn made into a guest that leaves signals, logs and exits to its host."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import uvicorn

from exporter.web.sockets import BACKLOG

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Generator, Sequence

    from starlette.types import ASGIApp


class _Guest(uvicorn.Server):
    """uvicorn without its signal handlers, and with an end that comes when asked and leaves nothing open."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.asked_to_stop = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.on_tick(0)  # sets the Date header, before the first answer can need it
        await super().startup(sockets)

    async def main_loop(self) -> None:
        """Once a second, for the Date header, and at once when asked to stop."""
        while not self.asked_to_stop.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.asked_to_stop.wait(), timeout=1)

    def abort(self) -> None:
        """Drops whatever is still open: who has not read the answer by now will not."""
        for listener in getattr(self, "servers", []):
            listener.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()


class Server:
    """An ASGI application served on sockets that `bind` made, inside the running event loop."""

    def __init__(
        self,
        app: ASGIApp,
        sockets: Sequence[socket.socket],
        *,
        ssl_context: ssl.SSLContext | None = None,
        stop_seconds: int = 3,
        date_header: bool = True,
    ) -> None:
        self._sockets = list(sockets)
        self._names = [listener.getsockname() for listener in sockets]
        self._scheme = "http" if ssl_context is None else "https"
        self._guest = _Guest(_configure(app, ssl_context, stop_seconds, date_header=date_header))

    @property
    def port(self) -> int:
        """The port of the first socket."""
        return int(self._names[0][1])

    @property
    def urls(self) -> list[str]:
        """One address per socket that works on this machine; a wildcard is shown as localhost."""
        return [f"{self._scheme}://{_host(str(name[0]))}:{name[1]}" for name in self._names]

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
    return f"[{address}]" if ":" in address else address


def _configure(
    app: ASGIApp, ssl_context: ssl.SSLContext | None, stop_seconds: int, *, date_header: bool
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=date_header,
        backlog=BACKLOG,
        timeout_graceful_shutdown=stop_seconds,
        ssl_context_factory=None if ssl_context is None else lambda _config, _default: ssl_context,
    )
