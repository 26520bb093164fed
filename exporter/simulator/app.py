"""The Task API as an ASGI app: routes, keys, limits and faults over one World."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

from exporter.simulator.answers import http_date, play, send_error, send_json
from exporter.simulator.control import build_control
from exporter.simulator.tasks import SimTask
from exporter.simulator.world import Account, RetryAfter, Seen, World
from exporter.simulator.writes import Refused, parse_create, parse_update

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from exporter.simulator.faults import Fault

    Handler = Callable[["_Call"], Response]

MINUTE = timedelta(minutes=1)
READS = {"GET", "HEAD"}
CONCURRENCY = 10


def build_simulator(world: World, *, control: bool = False) -> Starlette:
    """The pretend Task API. With `control`, POSTs under `/_control` steer it: for loopback only.

    Behind uvicorn set `date_header=False`: the Date sent is the world's own.
    """
    service = _Service(world)
    routes = [
        Route(path, service.endpoint(handlers), methods=list(handlers))
        for path, handlers in {
            "/v1/tasks": {"GET": _list_tasks, "POST": _create},
            "/v1/tasks/{task_id}": {"GET": _get, "PATCH": _update, "DELETE": _delete},
            "/v1/usage": {"GET": _usage},
        }.items()
    ]
    app = Starlette(
        routes=[*routes, *(build_control(world) if control else [])],
        middleware=[Middleware(_Edge, world=world)],
        exception_handlers={HTTPException: _explain},
    )
    app.router.redirect_slashes = False
    return app


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One request that got past the door."""

    world: World
    account: Account
    now: datetime
    task_id: str | None
    body: Mapping[str, Any] | None  # None: no JSON object

    @property
    def body_or_refuse(self) -> Mapping[str, Any]:
        if self.body is None:
            raise Refused("body: expected a JSON object")
        return self.body

    @property
    def task(self) -> SimTask:
        try:
            return self.account.tasks[self.task_id or ""]
        except KeyError:
            raise HTTPException(404) from None


class _Service:
    """What every route does first: find the account by its key, count the request, play the faults."""

    def __init__(self, world: World) -> None:
        self._world = world

    def endpoint(self, handlers: Mapping[str, Handler]) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            handler = handlers["GET" if request.method in READS else request.method]
            fault = self._world.faults.take(account=None)
            return await self._play(fault, request, lambda: self._admit(request, handler))

        return serve

    async def _admit(self, request: Request, handler: Handler) -> Response:
        now = self._world.clock()
        body = {} if request.method in READS else await _parse_body(request)
        account = self._world.find_account(_find_key(request, body))
        if account is None or not _is_signed(account, request):
            return send_error(401)
        limits, exceeded = _limit(account, now)
        if exceeded:
            return send_error(429, headers=limits)
        task_id = request.path_params.get("task_id")
        call = _Call(world=self._world, account=account, now=now, task_id=task_id, body=body)
        fault = self._world.faults.take(account=account.name, task_id=task_id)
        answer = await self._play(fault, request, lambda: _answer(handler, call))
        answer.headers.update(limits)
        return answer

    async def _play(self, fault: Fault | None, request: Request, answer: Callable[[], Awaitable[Response]]) -> Response:
        return await (play(fault, request, world=self._world, answer=answer) if fault else answer())


async def _answer(handler: Handler, call: _Call) -> Response:
    try:
        return handler(call)
    except Refused as refused:
        return send_error(400, str(refused))
    except HTTPException as exception:
        return send_error(exception.status_code)


def _list_tasks(call: _Call) -> Response:
    return send_json({"tasks": [task.to_wire(call.now) for task in call.account.tasks.values()]})


def _get(call: _Call) -> Response:
    return send_json(call.task.to_wire(call.now))


def _create(call: _Call) -> Response:
    fields = parse_create(call.body_or_refuse, call.now)
    task = SimTask(id=call.world.new_id(), created_at=call.now, seed=call.world.seed, **fields)
    call.account.add(task)
    return send_json(task.to_wire(call.now), 201)


def _update(call: _Call) -> Response:
    task = call.task
    changes = parse_update(call.body_or_refuse, task, call.now, resets=call.world.patch_resets)
    task.edit(changes, call.now)
    return send_json(task.to_wire(call.now))


def _delete(call: _Call) -> Response:
    del call.account.tasks[str(call.task.id)]
    return Response(status_code=204)


def _usage(call: _Call) -> Response:
    quota = call.account.quota
    used = min(quota, sum(task.to_wire(call.now)["runs"] for task in call.account.tasks.values()))
    reset_at = call.now + MINUTE
    return send_json(
        {
            "hits": {"quota": quota, "used": used, "remaining": quota - used},
            "concurrency": {
                "limit": CONCURRENCY,
                "remaining": CONCURRENCY,
                "reset": int(reset_at.timestamp()),
            },
        }
    )


async def _parse_body(request: Request) -> dict[str, Any] | None:
    """None for what is no JSON object."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _find_key(request: Request, body: Mapping[str, Any] | None) -> str:
    """The header on any method, the query on reads, the body on creates and updates; empty without any."""
    key = request.headers.get("X-Access-Key")
    if key is None and request.method in READS:
        key = request.query_params.get("access_key")
    elif key is None and request.method != "DELETE":
        key = (body or {}).get("access_key")
    return key if isinstance(key, str) else ""


def _is_signed(account: Account, request: Request) -> bool:
    """Whether a read that must be signed is: hex HMAC-SHA256 over the query as it stands before the signature."""
    if not account.signed or request.method not in READS:
        return True
    signed, _, signature = request.scope["query_string"].rpartition(b"signature=")
    right = hmac.new(account.secret_key.encode(), signed.removesuffix(b"&"), hashlib.sha256).hexdigest()
    return hmac.compare_digest(right.encode(), signature)


def _limit(account: Account, now: datetime) -> tuple[dict[str, str], bool]:
    """Count the request; the headers that tell of the limit, and whether it is exceeded."""
    count, limit = account.count_request(now), account.rate_limit
    if limit is None:
        return {}, False
    reset_at = now.replace(second=0, microsecond=0) + MINUTE
    headers = {
        "X-RateLimit-Limit": str(limit.per_minute),
        "X-RateLimit-Remaining": str(max(0, limit.per_minute - count)),
        "X-RateLimit-Reset": str(int(reset_at.timestamp())),
    }
    exceeded = count > limit.per_minute
    told = headers if limit.headers else {}
    if exceeded and limit.retry_after is not None:
        seconds = str(ceil((reset_at - now).total_seconds()))
        told = told | {"Retry-After": http_date(reset_at) if limit.retry_after is RetryAfter.DATE else seconds}
    return told, exceeded


async def _explain(_request: Request, exception: Exception) -> Response:
    status = exception.status_code if isinstance(exception, HTTPException) else 500
    headers = exception.headers if isinstance(exception, HTTPException) else None
    return send_error(status, headers=headers)


class _Edge:
    """Dates each answer by the world's clock, unless a fault did, and notes what was asked."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._date(scope, message)
            await send(message)

        await self._app(scope, receive, dated if scope["type"] == "http" else send)

    def _date(self, scope: Scope, message: Message) -> None:
        now = self._world.clock()
        if self._world.date_header:
            MutableHeaders(scope=message).setdefault("Date", http_date(now))
        if scope["path"].startswith("/v1/"):
            self._world.seen.append(Seen(now, scope["method"], scope["path"], message["status"]))
