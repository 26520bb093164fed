"""uvicorn's HTTP/1.1 for clients that nobody knows: each has so much time, so many bytes, and so much of our memory."""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING

import h11
import structlog
from starlette.responses import PlainTextResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter.metrics import Refusal
from exporter.web import tls
from exporter.web.limits import LATE, Phase
from exporter.web.routing import HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import uvicorn
    from starlette.types import Message, Receive, Scope, Send
    from uvicorn.protocols.http.h11_impl import RequestResponseCycle
    from uvicorn.server import ServerState

    from exporter.web.limits import Limits

_PIECE_BYTES = 32 * 1024  # of an answer; little more of it is ever copied for one client
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER's: on, for no time
_GULP_BYTES = 4 * 1024  # of a request; h11 looks at a header's size only between two of them
_BROKEN = PlainTextResponse("Internal Server Error", 500, {**HEADERS, "Connection": "close"})
_REFUSED = PlainTextResponse("Bad Request", 400, {**HEADERS, "Connection": "close"})
_STATUS = {
    Refusal.BAD_REQUEST: HTTPStatus.BAD_REQUEST,
    Refusal.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Refusal.FULL: HTTPStatus.SERVICE_UNAVAILABLE,
}
_log = structlog.get_logger()


class Protocol(H11Protocol):
    """One connection. A client that lets a deadline pass is cut off without a word, and without a line in the log.

    So is, when there are too many, the one that we have waited for longest: a newcomer finds a place unless all
    are at our own work, and it is told to come again if they are. A client whose certificate has none of the allowed
    names is dropped before it is read. `on_refused` hears of each once.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        *,
        limits: Limits,
        on_refused: Callable[[Refusal], object],
    ) -> None:
        super().__init__(config, server_state, app_state={})
        self._application = self.app
        self.app = self._answer
        self._limits = limits
        self._on_refused = on_refused
        self._is_refused = self.is_dropped = False
        self._received_bytes = 0  # of the request under way
        self._lagging: RequestResponseCycle | None = None  # the answer of which the client once left much unread
        self._state: tuple[Phase, RequestResponseCycle | None] = (Phase.OURS, None)
        self._deadline: asyncio.TimerHandle | None = None
        self.waiting_since_seconds: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=_PIECE_BYTES)
        _send_at_once(transport)
        session = transport.get_extra_info("ssl_object")
        if session is not None and not tls.permits(session):
            _log.warning("Refused a client certificate without any of the allowed names")
            self.drop(Refusal.BAD_CERTIFICATE)
        elif not self._find_place():
            self._refuse(Refusal.FULL)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # which uvicorn does only for a connection that ended well
        self._wait(Phase.OURS)

    def data_received(self, data: bytes) -> None:
        self._received_bytes += len(data)
        if self._received_bytes > self._limits.request_bytes:
            self._refuse(Refusal.TOO_LARGE)
        for start in range(0, len(data), _GULP_BYTES):
            if not self.transport.is_closing():
                super().data_received(data[start : start + _GULP_BYTES])
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._lagging = self.cycle
        self._look()

    def on_response_complete(self) -> None:
        self._received_bytes = 0
        super().on_response_complete()
        self._look()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, which are not needed
        self._refuse(Refusal.BAD_REQUEST)

    def drop(self, refusal: Refusal | None) -> None:
        """Cut the client off, and count it where it is one of the refusals."""
        if refusal is not None:
            self._count(refusal)
        connection = self.transport.get_extra_info("socket")
        if self._state[0] is Phase.READER and connection is not None:
            # Or the kernel would go on offering what is unread, for minutes and on our memory's account.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.is_dropped = True
        self._wait(Phase.OURS)
        self.transport.abort()

    def _find_place(self) -> bool:
        others = [each for each in self.connections if isinstance(each, Protocol) and each is not self]
        # Who is only to take the last of its answer stays too: it holds a descriptor, and what it has not taken.
        staying = [each for each in others if not each.is_dropped]
        waiting = [(each.waiting_since_seconds, each) for each in staying if each.waiting_since_seconds is not None]
        has_room = len(staying) < self._limits.connections
        if waiting and not has_room:
            min(waiting, key=lambda each: each[0])[1].drop(Refusal.DISPLACED)
        return has_room or bool(waiting)

    def _count(self, refusal: Refusal) -> None:
        """Once: who is slow to take a refusal was refused for something else."""
        if not self._is_refused:
            self._is_refused = True
            self._on_refused(refusal)

    def _refuse(self, refusal: Refusal) -> None:
        """In fixed words, if an answer is still to come; the application's own is not sent any more."""
        can_tell = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing()
        if can_tell:
            self._count(refusal)
            self.transport.write(_refusal(_STATUS[refusal], self.server_state.default_headers))
            self.transport.close()
        else:
            self.drop(refusal)

    def _look(self) -> None:
        """Gives the client a new deadline when it is waited for in another way than before."""
        state = (self._phase(), self.cycle)
        if state != self._state and not self.is_dropped:
            self._state = state
            self._wait(state[0])

    def _wait(self, phase: Phase) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        seconds = self._limits.seconds(phase)
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.drop, LATE.get(phase))
        self.waiting_since_seconds = None if seconds is None else self.loop.time()

    def _phase(self) -> Phase:
        if self.transport.is_closing():
            return Phase.READER
        if self.cycle is not None and not self.cycle.response_complete and self._is_lagging():
            return Phase.READER
        if self.conn.their_state is h11.SEND_BODY:
            return Phase.BODY
        if self.conn.their_state is not h11.IDLE:
            return Phase.OURS
        return Phase.HEAD if self.cycle is None or self.conn.trailing_data[0] else Phase.IDLE

    def _is_lagging(self) -> bool:
        """With this answer, or still with one before it, behind which this one waits."""
        return self._lagging is self.cycle or self.flow.write_paused

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application's answer, or a refusal of what h11 lets pass and no honest client sends."""

        async def send_in_pieces(message: Message) -> None:
            for piece in _pieces(message):
                # Else uvicorn would go on after a refusal, or to one who has left, of which asyncio would complain.
                self.cycle.disconnected = self.cycle.disconnected or self.transport.is_closing()
                await send(piece)

        answer = self._application
        if _is_ambiguous(scope):
            self._count(Refusal.BAD_REQUEST)
            answer = _REFUSED
        try:
            await answer(scope, receive, send_in_pieces)
        except (
            asyncio.CancelledError
        ):  # the end of the server, which is not the answer's fault: uvicorn would tell it so
            self.cycle.disconnected = True
            self.transport.abort()
        except Exception:
            if not self.cycle.response_started:
                await _BROKEN(scope, receive, send_in_pieces)
            raise


def _send_at_once(transport: asyncio.Transport) -> None:
    """The body of an answer must not wait until its header is acknowledged, some 40 ms.

    asyncio itself sees to that only for listeners that were made with their protocol named.
    """
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _is_ambiguous(scope: Scope) -> bool:
    """Whether two readers may see two requests in it."""
    names = {name for name, _ in scope["headers"]}
    return {b"content-length", b"transfer-encoding"} <= names or scope["http_version"] not in {"1.0", "1.1"}


def _refusal(status: HTTPStatus, defaults: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A whole answer, for when there is no request to answer through the application."""
    body = status.phrase.encode()
    own = {
        **HEADERS,
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **({"Retry-After": "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}),
    }
    headers = [*defaults, *((name.encode(), value.encode()) for name, value in own.items())]
    head = b"".join(b"%s: %s\r\n" % header for header in headers)
    return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, body, head, body)


def _pieces(message: Message) -> Iterator[Message]:
    """The message, in small ones where it has a great body: what the client has not taken yet is not copied."""
    body, more = message.get("body", b""), message.get("more_body", False)
    if len(body) <= _PIECE_BYTES:
        yield message
        return
    for start in range(0, len(body), _PIECE_BYTES):
        end = start + _PIECE_BYTES
        yield {**message, "body": body[start:end], "more_body": more or end < len(body)}
