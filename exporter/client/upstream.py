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
from exporter.model import PollError, Task, TaskList

if TYPE_CHECKING:
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
    """A good answer, and the instant just before its request started."""

    value: _T
    fetched_at: datetime


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
        # Its own: the loop's default threads may all be stuck in a silent resolver.
        self._parser = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parse")

    async def get_task(self, task_id: str) -> Fetched[Task]:
        """The task with this id (decimal text)."""
        path = f"/v1/tasks/{quote(task_id, safe='')}"
        return await self._fetch(path, partial(_task, task_id), cap=_LARGEST_TASK)

    async def list_tasks(self) -> Fetched[TaskList]:
        """All tasks of the account."""
        return await self._fetch("/v1/tasks", _task_list, cap=self._api.max_list_bytes)

    async def aclose(self) -> None:
        """Close every connection; a request under way fails."""
        self._parser.shutdown(wait=False, cancel_futures=True)
        if self._transport is not None:
            await self._transport.aclose()

    async def _fetch(self, path: str, parse: Callable[[bytes], _T], *, cap: int) -> Fetched[_T]:
        request = self._request(path)
        transport = self._opened()
        exchange = Exchange(start_at=self._now(), now=self._now, cap=cap)
        body = await self._ask(transport, request, exchange)
        if len(body) <= _LARGEST_INLINE:
            return Fetched(parse(body), exchange.start_at)
        loop = asyncio.get_running_loop()
        return Fetched(await loop.run_in_executor(self._parser, parse, body), exchange.start_at)

    def _request(self, path: str) -> httpx.Request:
        """Raises PollError(KEY)."""
        key = self._key.read().reveal()
        url = httpx.URL(f"{self._api.base_url}{path}")
        headers = dict(_HEADERS)
        if self._api.auth == "query":
            url = url.copy_merge_params({"access_key": key})
        else:
            headers["X-Access-Key"] = key
        phases = dict.fromkeys(("connect", "read", "write", "pool"), self._api.timeout.total_seconds())
        return httpx.Request("GET", url, headers=headers, extensions={"timeout": phases})

    def _opened(self) -> httpx.AsyncBaseTransport:
        """Raises PollError(TLS), and again at the next request, until `ca_file` can be used."""
        if self._transport is None:
            self._transport = build_transport(self._api)
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


def _task(task_id: str, body: bytes) -> Task:
    return parse_task(decode(body), expected_id=task_id)


def _task_list(body: bytes) -> TaskList:
    return parse_list(decode(body))
