"""Answers in the vendor's form, and what a fault makes of them."""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import Response, StreamingResponse

from exporter.simulator.faults import Fault, Kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from datetime import datetime

    from starlette.requests import Request

    from exporter.simulator.world import World

DETAILS = {
    400: "The request was rejected due to a missing or invalid parameter.",
    401: "The request was rejected due to an invalid access key.",
    402: "Access denied due to an unpaid invoice.",
    403: "Access denied.",
    404: "The requested resource was not found.",
    423: "The request was denied due to insufficient quota.",
    429: "The rate limit has been exceeded (too many requests per minute).",
}
NO_BODY = {204, 304}
CLIENT_GONE = 499
PADDING = b" " * 65_536


def http_date(at: datetime) -> str:
    """An aware UTC instant as HTTP headers write it."""
    return format_datetime(at.replace(microsecond=0), usegmt=True)


def send_json(value: object, status: int = 200) -> Response:
    """Plain ASCII, so that any text survives, a lone surrogate too."""
    return Response(json.dumps(value, separators=(",", ":")), status, media_type="application/json")


def send_error(status: int, message: str = "", headers: Mapping[str, str] | None = None) -> Response:
    text = message or DETAILS.get(status, "The request failed due to an internal server error.")
    answer = send_json({"statusCode": status, "error": _phrase(status), "message": text}, status)
    answer.headers.update(headers or {})
    return answer


async def play(fault: Fault, request: Request, *, world: World, answer: Callable[[], Awaitable[Response]]) -> Response:
    """The answer as the fault has it; the true one is only asked for where something of it is sent."""
    match fault.kind:
        case Kind.STATUS:
            spoilt = _send_status(fault)
        case Kind.BODY:
            spoilt = Response(fault.body or b"", media_type="application/json")
        case Kind.HANG:
            await _disconnected(request)
            spoilt = Response(status_code=CLIENT_GONE)
        case Kind.LATENCY:
            await world.sleep(fault.seconds)
            spoilt = await answer()
        case _:
            spoilt = _spoil(fault, await answer(), world)
    for name, value in (*fault.headers, *_retry_after(fault, world.clock())):
        spoilt.headers.append(name, value)
    return spoilt


def _spoil(fault: Fault, answer: Response, world: World) -> Response:
    body = bytes(getattr(answer, "body", b""))
    if not body:
        return answer
    match fault.kind:
        case Kind.DRIP:
            return _stream(answer, _drip(body, fault.seconds, world))
        case Kind.OVERSIZED:
            return _stream(answer, _pad(body, fault.size))
        case Kind.WRONG_ID:
            return _send_body(answer, json.dumps(_renumber(json.loads(body))).encode())
        case Kind.BAD_JSON:
            return _send_body(answer, body[: len(body) // 2])
        case _:
            answer.headers["Date"] = http_date(world.clock() + timedelta(seconds=fault.seconds))
            return answer


def _send_status(fault: Fault) -> Response:
    if fault.status in NO_BODY:
        return Response(status_code=fault.status)
    if fault.body is not None:
        return Response(fault.body, fault.status, media_type="application/json")
    if not fault.html:
        return send_error(fault.status)
    title = f"{fault.status} {_phrase(fault.status)}"
    page = f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>\n"
    return Response(page, fault.status, media_type="text/html")


def _retry_after(fault: Fault, now: datetime) -> list[tuple[str, str]]:
    values = [] if fault.retry_after is None else [fault.retry_after]
    if fault.retry_after_date_seconds is not None:
        values.append(http_date(now + timedelta(seconds=fault.retry_after_date_seconds)))
    return [("Retry-After", value) for value in values]


def _send_body(answer: Response, body: bytes) -> Response:
    return Response(body, answer.status_code, media_type="application/json")


def _stream(answer: Response, parts: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(parts, answer.status_code, media_type="application/json")


def _renumber(value: Any) -> Any:
    """Every task's id, in a list or alone, plus one."""
    if "tasks" in value:
        return {"tasks": [_renumber(task) for task in value["tasks"]]}
    return value | {"id": value["id"] + 1} if "id" in value else value


async def _drip(body: bytes, seconds: float, world: World) -> AsyncIterator[bytes]:
    for byte in body:
        yield bytes([byte])
        await world.sleep(seconds)


async def _pad(body: bytes, size: int) -> AsyncIterator[bytes]:
    yield body
    for start in range(len(body), size, len(PADDING)):
        yield PADDING[: size - start]


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
