"""Asks the Task API for one account: one request, one answer, or one PollError with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import quote

import httpx

from exporter import __version__
from exporter.client.exchange import Exchange
from exporter.client.parse import decode, parse_list, parse_task
from exporter.client.reasons import failure
from exporter.client.transport import build_transport
from exporter.model import PollError, Reason, Task, TaskList

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.client.key import KeySource
    from exporter.config import Api

_T = TypeVar("_T")

Observe = Callable[[str, float, timedelta | None], None]
"""Called once for every request sent: status or "none", seconds it took, the answer's Date minus our clock."""

_LARGEST_TASK = 1024 * 1024  # bytes of a Get Task answer
_LARGEST_INLINE = 256 * 1024  # bytes parsed on the event loop; more goes to a thread
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
        # Its own: the loop's default threads may all be stuck in a silent resolver.
        self._parser = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parse")

    async def get_task(self, task_id: str) -> Fetched[Task]:
        """The task with this id (decimal text)."""
        path = f"/v1/tasks/{quote(task_id, safe='')}"
        return await self._fetch(path, partial(_task, task_id), cap=_LARGEST_TASK)

    async def list_tasks(self) -> Fetched[TaskList]:
        """All tasks of the account."""
        return await self._fetch("/v1/tasks", _task_list, cap=self._api.max_list_bytes)

    async def prepare(self) -> None:
        """Read the key and the authorities, as every request does. Raises PollError."""
        self._key.read()
        await self._opened()

    async def aclose(self) -> None:
        """Close every connection; a request under way fails."""
        self._parser.shutdown(wait=False, cancel_futures=True)
        if self._transport is not None:
            await self._transport.aclose()

    async def _fetch(self, path: str, parse: Callable[[bytes], _T], *, cap: int) -> Fetched[_T]:
        request = self._request(path)
        transport = await self._opened()
        loop = asyncio.get_running_loop()
        exchange, start_seconds = Exchange(start_at=self._now(), now=self._now, cap=cap), loop.time()
        body = await self._ask(transport, request, exchange)
        value = parse(body) if len(body) <= _LARGEST_INLINE else await loop.run_in_executor(self._parser, parse, body)
        return Fetched(value, exchange.start_at - exchange.age, start_seconds - exchange.age.total_seconds())

    def _request(self, path: str) -> httpx.Request:
        """Raises PollError(KEY), or PollError(CONNECT) for a host that no request can name."""
        key = self._key.read().reveal()
        phases = dict.fromkeys(("connect", "read", "write", "pool"), self._api.timeout.total_seconds())
        by_query = self._api.auth == "query"
        try:
            return httpx.Request(
                "GET",
                f"{self._api.base_url}{path}",
                params={"access_key": key} if by_query else None,
                headers=_HEADERS if by_query else _HEADERS | {"X-Access-Key": key},
                extensions={"timeout": phases},
            )
        except (httpx.InvalidURL, UnicodeError):
            raise PollError(Reason.CONNECT, "base_url names no usable host") from None

    async def _opened(self) -> httpx.AsyncBaseTransport:
        """The transport, made anew when `ca_file` has been replaced. Raises PollError(TLS) until it can be used."""
        signature = _signature(self._api.ca_file)
        if self._transport is None or (self._opened_with is not None and signature != self._opened_with):
            if self._transport is not None:
                await self._transport.aclose()
            self._transport, self._opened_with = None, None
            self._transport, self._opened_with = build_transport(self._api), signature
        return self._transport

    async def _ask(self, transport: httpx.AsyncBaseTransport, request: httpx.Request, exchange: Exchange) -> bytes:
        loop = asyncio.get_running_loop()
        started = loop.time()
        deadline = asyncio.timeout(self._api.timeout.total_seconds())
        try:
            async with deadline:
                return await exchange.run(transport, request)
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


def _task(task_id: str, body: bytes) -> Task:
    return parse_task(decode(body), expected_id=task_id)


def _task_list(body: bytes) -> TaskList:
    return parse_list(decode(body))
