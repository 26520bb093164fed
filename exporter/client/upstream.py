"""Asks the Task API for one account: one request, one answer, or one PollError with its reason."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import quote

import httpx

from exporter import __version__
from exporter.client.exchange import Exchange
from exporter.client.listing import ListReader
from exporter.client.parse import decode, parse_task
from exporter.client.reasons import failure
from exporter.client.transport import build_transport
from exporter.model import PollError, Reason, Secret, Task, TaskList

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.client.exchange import Take
    from exporter.client.key import KeySource
    from exporter.client.listing import Selection
    from exporter.config import Api

_T = TypeVar("_T")

Observe = Callable[[str, float, timedelta | None], None]
"""Called once for every request sent: status or "none", seconds it took, the answer's Date minus our clock."""

_LARGEST_TASK = 1024 * 1024  # bytes of a Get Task answer
_ORDINARY_TASK = 128 * 1024  # far above any real one: whoever waits for its turn does so within its own deadline
_HEADERS = {
    "User-Agent": f"screenshotmax-exporter/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache",
    "Connection": "close",
}


@dataclass(frozen=True, slots=True)
class Fetched(Generic[_T]):
    """A good answer, and since when it has been true: just before its request started, less the answer's Age."""

    value: _T
    fetched_at: datetime
    fetched_seconds: float  # the same on the event loop's clock


class Upstream:
    """The Task API as one account sees it. Its two questions raise PollError; anything else is a bug of ours."""

    def __init__(
        self,
        api: Api,
        key: KeySource,
        *,
        now: Callable[[], datetime],
        observe: Observe,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._api = api
        self._key = key
        self._now = now
        self._observe = observe
        self._transport = transport
        self._opened_with: _Signature | None = None  # the ca_file of a transport that we have built
        self._sent: Secret | None = None  # the key of the newest request
        self._large = asyncio.Lock()  # together they would take memory for each of an account's requests

    async def get_task(self, task_id: str) -> Fetched[Task]:
        """The task with this id (decimal text). Of several large answers only one is read to its end at a time."""
        body = bytearray()
        path = f"/v1/tasks/{quote(task_id, safe='')}"
        async with contextlib.AsyncExitStack() as turn:
            turn.callback(body.clear)  # or whoever keeps a failure would keep it too, in the traceback

            async def take(piece: bytes) -> None:
                if len(body) <= _ORDINARY_TASK < len(body) + len(piece):
                    await turn.enter_async_context(self._large)
                body.extend(piece)

            return await self._fetch(
                path, take, lambda: parse_task(decode(body), expected_id=task_id), cap=_LARGEST_TASK
            )

    async def list_tasks(self, selection: Selection | None = None) -> Fetched[TaskList]:
        """The selected tasks of the account; by default all."""
        reader = ListReader(selection)

        async def take(piece: bytes) -> None:
            reader.feed(piece)

        return await self._fetch("/v1/tasks", take, reader.finish, cap=self._api.max_list_bytes)

    async def prepare(self) -> None:
        """Read the key and the authorities, as every request does. Raises PollError."""
        self._key.read()
        self._opened()

    def key_renewed(self) -> bool:
        """Whether there is another key now than in the newest request."""
        return self._differs(self._sent)

    async def aclose(self) -> None:
        """Close every connection; a request under way fails, unless `ca_file` was replaced amid it."""
        if self._transport is not None:
            await self._transport.aclose()

    async def _fetch(self, path: str, take: Take, finish: Callable[[], _T], *, cap: int) -> Fetched[_T]:
        """Ask for `path`, hand the body to `take` as it comes, and give what `finish` makes of it."""
        key = self._sent = self._key.read()
        request = self._request(path, key)
        transport = self._opened()
        exchange = Exchange(start_at=self._now(), now=self._now, cap=cap)
        start_seconds = asyncio.get_running_loop().time()
        try:
            await self._ask(exchange.run(transport, request, take), exchange)
        except PollError as error:
            error.key_renewed = error.reason is Reason.HTTP_401 and self._differs(key)
            raise
        return Fetched(finish(), exchange.start_at - exchange.age, start_seconds - exchange.age.total_seconds())

    def _differs(self, key: Secret | None) -> bool:
        """Whether there is another key now."""
        try:
            return self._key.read() != key
        except PollError:
            return False

    def _request(self, path: str, key: Secret) -> httpx.Request:
        """Raises PollError(CONNECT) for a host that no request can name."""
        phases = dict.fromkeys(("connect", "read", "write", "pool"), self._api.timeout.total_seconds())
        by_query = self._api.auth == "query"
        try:
            return httpx.Request(
                "GET",
                f"{self._api.base_url}{path}",
                params={"access_key": key.reveal()} if by_query else None,
                headers=_HEADERS if by_query else _HEADERS | {"X-Access-Key": key.reveal()},
                extensions={"timeout": phases},
            )
        except (httpx.InvalidURL, UnicodeError):
            raise PollError(Reason.CONNECT, "base_url names no usable host") from None

    def _opened(self) -> httpx.AsyncBaseTransport:
        """The transport, made anew when `ca_file` has been replaced. Raises PollError(TLS) until it can be used."""
        signature = _signature(self._api.ca_file)
        if self._transport is None or (self._opened_with is not None and signature != self._opened_with):
            # The one before is not closed: that would break what is under way, and beyond it no connection is kept.
            self._transport, self._opened_with = None, None
            self._transport, self._opened_with = build_transport(self._api), signature
        return self._transport

    async def _ask(self, running: Awaitable[None], exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        deadline = asyncio.timeout(self._api.timeout.total_seconds())
        try:
            async with deadline:
                await running
        except PollError:
            raise
        except Exception as exc:  # noqa: BLE001 -- no exception leaves with the key: it may be in text or chain
            raise failure(exc, timed_out=deadline.expired()) from None
        finally:
            self._observe(exchange.code, loop.time() - started, exchange.skew)


_Signature = tuple[int, int, int]


def _signature(path: Path | None) -> _Signature:
    """What changes when a file is written anew, renamed over or swapped; the same for none and for a missing one."""
    if path is None:
        return 0, 0, 0
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_ino, found.st_size
