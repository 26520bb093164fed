"""What stands before every route: the web config file's rate limit, headers and passwords, in the toolkit's order."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

from exporter.config import ConfigError, WebConfig
from exporter.metrics import Refusal
from exporter.web.auth import BusyError, Passwords, parse_basic
from exporter.web.looks import Looks
from exporter.web.routing import HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from exporter.config.web_values import RateLimit
    from exporter.web.web_file import WebFile

_ANSWERS: dict[Refusal, tuple[int, str, dict[str, str]]] = {
    Refusal.WEB_CONFIG: (500, "Internal error; the exporter's log says more.", {}),
    Refusal.RATE_LIMIT: (429, "Too Many Requests", {}),
    Refusal.PASSWORDS: (503, "Too many passwords wait to be checked", {"Retry-After": "1"}),
    Refusal.UNAUTHORIZED: (401, "Unauthorized", {"WWW-Authenticate": "Basic"}),
}


class Bucket:
    """Tokens for requests: full at first, one more after each interval. Without burst there is never one."""

    def __init__(self, limit: RateLimit, *, now_seconds: float) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._at_seconds = now_seconds

    def take(self, now_seconds: float) -> bool:
        """Whether there is a token for one more request."""
        gained = (now_seconds - self._at_seconds) / self._limit.interval.total_seconds()
        self._tokens = min(self._tokens + gained, float(self._limit.burst))
        self._at_seconds = now_seconds
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Guard:
    """An application that is only reached as the web config file allows; no route is left out, health neither.

    `on_refused` hears of each request that it does not let through.
    Raises ConfigError when it is made with a file that is invalid. One that becomes invalid refuses every request but
    those for `healthy_path`, where what was valid last still holds: who probes it would end an exporter that polls on.
    """

    def __init__(
        self,
        app: ASGIApp,
        web_file: WebFile,
        *,
        on_refused: Callable[[Refusal], object] = lambda _: None,
        healthy_path: str = "/-/healthy",
    ) -> None:
        self._app = app
        self._on_refused = on_refused
        self._healthy_path = healthy_path
        self._passwords = Passwords()
        self._last_good = web_file.current()
        # None: what it says is invalid.
        self._looks = Looks[WebConfig | None](
            partial(_valid, web_file), first=self._last_good, executor=web_file.executor
        )
        self._limit = self._last_good.rate_limit  # as in the toolkit, what was there at the start holds
        self._bucket: Bucket | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._refuse(scope) or self._app
        await answer(scope, receive, _with_headers(send, self._last_good.headers))

    async def _refuse(self, scope: Scope) -> Response | None:
        found = await self._looks.now()
        if found is None and scope["path"] != self._healthy_path:
            return self._answer(Refusal.WEB_CONFIG)
        self._last_good = config = found or self._last_good
        if not self._has_token():
            return self._answer(Refusal.RATE_LIMIT)
        return await self._unauthorized(scope, config) if config.users else None

    def _has_token(self) -> bool:
        if self._limit is None:
            return True
        now_seconds = asyncio.get_running_loop().time()
        if self._bucket is None:
            self._bucket = Bucket(self._limit, now_seconds=now_seconds)
        return self._bucket.take(now_seconds)

    async def _unauthorized(self, scope: Scope, config: WebConfig) -> Response | None:
        credentials = parse_basic([value for name, value in scope["headers"] if name == b"authorization"])
        try:
            if credentials is not None and await self._passwords.accept(credentials, config.users):
                return None
        except BusyError:
            return self._answer(Refusal.PASSWORDS)
        return self._answer(Refusal.UNAUTHORIZED)

    def _answer(self, refusal: Refusal) -> Response:
        self._on_refused(refusal)
        status, words, headers = _ANSWERS[refusal]
        return PlainTextResponse(f"{words}\n", status, {**HEADERS, **headers})


def _valid(web_file: WebFile) -> WebConfig | None:
    try:
        return web_file.current()
    except ConfigError:  # told by the file itself
        return None


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """Sends each configured header once: it takes the place of one that the answer has of its own."""
    ours = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    names = {name for name, _ in ours}

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in names]
            message = {**message, "headers": [*own, *ours]}
        await send(message)

    return send_with_headers
