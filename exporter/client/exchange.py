"""One request and its answer: status first, then the clocks, then the body, raw; all of it no further than its cap."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from exporter.client.http_date import clock_skew, parse_http_date
from exporter.client.reasons import status_error
from exporter.client.retry_after import retry_after
from exporter.model import PollError, Reason

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from datetime import datetime

    import httpx

    Take = Callable[[bytes], Awaitable[object]]

LARGEST_SKEW = timedelta(seconds=60)
_LONGEST_AGE_SECONDS = 31 * 86_400
_MOST_AROUND = 256 * 1024  # bytes of an answer that are not its body: headers, 1xx before it, the framing of chunks
_PIECE = 16 * 1024  # bytes that are parsed before others have their turn
_AGE = re.compile(r"[0-9]{1,10}")


@dataclass(slots=True, kw_only=True)
class Exchange:
    """What is known so far of one request that started at `start_at`: it can be observed however it ends."""

    start_at: datetime
    now: Callable[[], datetime]
    cap: int  # bytes of the body
    code: str = "none"
    skew: timedelta | None = None  # the answer's Date minus our clock; None without a usable Date
    age: timedelta = timedelta()  # how long before the request the answer may have been true, by its Age
    received: int = 0  # bytes of HTTP, within TLS where there is any

    async def run(self, transport: httpx.AsyncBaseTransport, request: httpx.Request, take: Take) -> None:
        """Hand the body of a good answer to `take`, piece by piece.

        Raises PollError, and whatever the transport and `take` raise.
        """
        async with contextlib.AsyncExitStack() as opened:
            request.extensions["trace"] = partial(self._meet, opened)
            response = await transport.handle_async_request(request)
            opened.push_async_callback(response.aclose)
            self._judge(response)
            await self._body(response, take)

    async def _meet(self, opened: contextlib.AsyncExitStack, event: str, info: dict[str, Any]) -> None:
        """Close the connection whatever happens, and count what comes in on it: neither is httpcore's habit."""
        if event.endswith("connect_tcp.complete"):
            # Cut off amid a TLS handshake, it would stay open.
            opened.push_async_callback(info["return_value"].aclose)
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            info["return_value"].read = self._counted(info["return_value"].read)

    def _counted(self, read: Callable[..., Awaitable[bytes]]) -> Callable[..., Awaitable[bytes]]:
        most = self.cap + _MOST_AROUND

        async def counted(*args: Any, **options: Any) -> bytes:
            data = await read(*args, **options)
            self.received += len(data)
            if self.received > most:
                raise PollError(Reason.TOO_LARGE, f"the answer and what is around it are larger than {most} bytes")
            return data

        return counted

    def _judge(self, response: httpx.Response) -> None:
        end_at = self.now()
        date_at = parse_http_date(response.headers.get("Date"))
        self.code = str(response.status_code)
        self.age = _age(response.headers.get("Age", ""))
        if date_at is not None:
            self._compare_clocks(date_at, end_at)
        if response.status_code != 200:
            wait = retry_after(response.headers.get("Retry-After"), answered_at=date_at or end_at)
            raise status_error(response.status_code, blocked_for=wait)
        if self.skew is not None and abs(self.skew) > LARGEST_SKEW:
            seconds = f"{self.skew.total_seconds():.0f} s"
            raise PollError(Reason.CLOCK_SKEW, f"the answer's Date minus our clock is {seconds}")
        if "Content-Length" in response.headers and "Transfer-Encoding" in response.headers:
            # RFC 9112, 6.3: it may be an attempt to smuggle an answer in.
            raise PollError(Reason.PROTOCOL, "the answer has two kinds of length")
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise PollError(Reason.ENCODING, "the answer is encoded although identity was asked for")

    def _compare_clocks(self, date_at: datetime, end_at: datetime) -> None:
        # A cache keeps the Date of what it has kept (RFC 9111, 4.2.3), or says its own.
        as_kept, as_sent = (self._skew(date_at, end_at, kept=kept) for kept in (self.age, timedelta()))
        self.skew = min(as_kept, as_sent, key=abs)
        if as_sent < -LARGEST_SKEW:
            # It may be its own all the same, and our clock fast by just the Age.
            self.age -= as_sent

    def _skew(self, date_at: datetime, end_at: datetime, *, kept: timedelta) -> timedelta:
        return clock_skew(date_at, start_at=self.start_at - kept, end_at=end_at - kept)

    async def _body(self, response: httpx.Response, take: Take) -> None:
        size = 0
        # Not aiter_raw(): a transport that answers from memory counts as read.
        chunks = aiter(cast("httpx.AsyncByteStream", response.stream))
        async with contextlib.aclosing(cast("AsyncGenerator[bytes, None]", chunks)):
            async for chunk in chunks:
                size += len(chunk)
                if size > self.cap:
                    raise PollError(Reason.TOO_LARGE, f"the answer is larger than {self.cap} bytes")
                for start in range(0, len(chunk), _PIECE):
                    await take(chunk[start : start + _PIECE])
                    await asyncio.sleep(0)  # others' turn: what is at hand already would not wait for anything


def _age(text: str) -> timedelta:
    """RFC 9111, 5.1: whole seconds. What is no such number is none; what is absurd proves nothing, so it is capped."""
    return timedelta(seconds=min(int(text), _LONGEST_AGE_SECONDS)) if _AGE.fullmatch(text) else timedelta()
