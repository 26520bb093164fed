"""Where clients come in: one in each turn of the event loop, and few amid their TLS handshake."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from exporter.metrics import Refusal
from exporter.web.tls import LiveContext

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Sequence

    from exporter.web.limits import Limits

_PAUSE_SECONDS = 1.0  # when the system lets nobody in, as asyncio's own servers do it
_log = structlog.get_logger()


class Door:
    """Accepts from listeners until it is closed, and counts those who have not come to speak HTTP yet.

    asyncio's own servers accept as many as wait, in one go and before any limit is asked. Here whoever is one too many
    has gone before the next comes in. Of the handshakes under way one more than `limits` allow takes the place of the
    oldest: refusing newcomers would let silent clients shut out Prometheus.
    """

    def __init__(
        self,
        protocol: Callable[[], asyncio.Protocol],
        *,
        limits: Limits,
        on_refused: Callable[[Refusal], object],
    ) -> None:
        self._protocol = protocol
        self._tls: ssl.SSLContext | None = None
        self._limits = limits
        self._on_refused = on_refused
        self._listeners: list[socket.socket] = []
        self._pause: asyncio.TimerHandle | None = None
        self._entering: dict[asyncio.Task[None], None] = {}  # in the order in which they came

    def open(self, listeners: Sequence[socket.socket], *, tls: ssl.SSLContext | None, backlog: int) -> None:
        for listener in listeners:
            listener.listen(backlog)
            listener.setblocking(False)
        self._listeners, self._tls = [*listeners], tls
        self._watch()

    async def close(self) -> None:
        """Lets nobody in any more, and drops who has not come in yet. The listeners are left to their owner."""
        self._look_away()
        for _ in ("the task", "its handshake"):  # which must have begun, or cancelling would not close the socket
            await asyncio.sleep(0)
        self.abort()
        await asyncio.gather(*self._entering, return_exceptions=True)

    def abort(self) -> None:
        """As `close`, for when nothing can be awaited any more."""
        self._look_away()
        self._listeners = []
        for task in self._entering:
            task.cancel()

    def _watch(self) -> None:
        self._pause = None
        for listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _look_away(self) -> None:
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
        if self._pause is not None:
            self._pause.cancel()

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # gone before its turn came
        except OSError as error:
            _log.warning("Cannot accept connections", err=error.strerror)
            self._look_away()
            self._pause = asyncio.get_running_loop().call_later(_PAUSE_SECONDS, self._watch)
        else:
            self._let_in(connection)

    def _let_in(self, connection: socket.socket) -> None:
        if len(self._entering) >= self._limits.handshakes:
            oldest = next(iter(self._entering))
            del self._entering[oldest]
            oldest.cancel()
            self._on_refused(Refusal.DISPLACED)
        task = asyncio.create_task(self._enter(connection), name="handshake")
        self._entering[task] = None
        task.add_done_callback(lambda done: self._entering.pop(done, None))

    async def _enter(self, connection: socket.socket) -> None:
        seconds = None if self._tls is None else self._limits.handshake_seconds
        if isinstance(self._tls, LiveContext):
            await _renew(self._tls, connection)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol, connection, ssl=self._tls, ssl_handshake_timeout=seconds, ssl_shutdown_timeout=seconds
            )
        except ConnectionAbortedError:  # so asyncio ends what takes too long; a client's own end is a reset
            self._on_refused(Refusal.SLOW_HANDSHAKE)
        except OSError:
            self._on_refused(Refusal.BAD_HANDSHAKE)


async def _renew(tls: LiveContext, connection: socket.socket) -> None:
    try:
        await tls.renew()
    except BaseException:
        connection.close()
        raise
