"""The routes under `/_control`: what the Python interface of the world can do, for those who only have curl."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from exporter.simulator.answers import send_error
from exporter.simulator.faults import Fault, Kind
from exporter.simulator.tasks import Behaviour, SimTask

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from exporter.simulator.world import World

    Order = dict[str, Any]
    Command = Callable[[World, Order], None]


def build_control(world: World) -> list[Route]:
    """POST a JSON object to /_control/{fault,clear,behaviour,wire,run,key}: 204, or 400 with one sentence."""
    return [
        Route(f"/_control/{name}", _endpoint(world, command), methods=["POST"]) for name, command in COMMANDS.items()
    ]


def _endpoint(world: World, command: Command) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            command(world, _parse(await request.body()))
        except KeyError as error:
            return _refuse(f"{error.args[0]}: missing or not known")
        except (OverflowError, TypeError, ValueError) as error:
            return _refuse(str(error))
        return Response(status_code=204)

    return serve


def _refuse(sentence: str) -> Response:
    """In the vendor's form, and with a newline for whoever asks in a shell."""
    return Response(bytes(send_error(400, sentence).body) + b"\n", 400, media_type="application/json")


def _parse(body: bytes) -> Order:
    order = json.loads(body or b"{}")
    if not isinstance(order, dict):
        raise TypeError("expected a JSON object")
    return order


def _fault(world: World, order: Order) -> None:
    """{"account", "task_id"} say for whom, and the rest are fields of Fault."""
    account, task_id = _scope(world, order)
    known = {name: FAULT[name](value) for name, value in order.items() if name not in SCOPE}
    world.faults.add(Fault(**known), account=account, task_id=task_id)


def _clear(world: World, order: Order) -> None:
    account, task_id = _scope(world, order)
    world.faults.clear(account=account, task_id=task_id)


def _behaviour(world: World, order: Order) -> None:
    """{"account", "task_id"} and fields of Behaviour (instants in unix seconds); without any, back to normal."""
    known = {BEHAVIOUR[name][0]: BEHAVIOUR[name][1](v) for name, v in order.items() if name not in SCOPE}
    _task(world, order).behave(Behaviour(**known), world.clock())


def _wire(world: World, order: Order) -> None:
    """{"account", "task_id", "shown": {name: value}, "hidden": [name]} overrule what a task tells of itself."""
    task = _task(world, order)
    task.shown, task.hidden = dict(order.get("shown", {})), set(order.get("hidden", []))


def _run(world: World, order: Order) -> None:
    _task(world, order).run_once(world.clock())


def _key(world: World, order: Order) -> None:
    world.accounts[order["account"]].rotate(_text(order["access_key"]))


def _scope(world: World, order: Order) -> tuple[str | None, str | None]:
    account, task_id = order.get("account"), order.get("task_id")
    if account is not None and account not in world.accounts:
        raise ValueError("account: no account has this name")
    return account, None if task_id is None else str(task_id)


def _task(world: World, order: Order) -> SimTask:
    return world.accounts[order["account"]].task(order["task_id"])


def _kind(value: object) -> Kind:
    try:
        return Kind(str(value))
    except ValueError:
        raise ValueError(f"kind: found {value!r}, expected one of {', '.join(Kind)}") from None


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected a whole number, found {value!r}")
    return value


def _number(value: object) -> float:
    return value if isinstance(value, float) else _integer(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _headers(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise TypeError("headers: expected an object")
    return tuple((name, _text(text)) for name, text in value.items())


def _instant(value: object) -> datetime:
    return datetime.fromtimestamp(_number(value), UTC)


SCOPE = {"account", "task_id"}
FAULT: dict[str, Callable[[Any], Any]] = {
    "kind": _kind,
    "status": _integer,
    "html": bool,
    "body": lambda value: _text(value).encode(),
    "headers": _headers,
    "retry_after": _text,
    "retry_after_date_seconds": _number,
    "seconds": _number,
    "size": _integer,
    "count": _integer,
}
BEHAVIOUR: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "stops_at": ("stops_at", _instant),
    "stops_after_runs": ("stops_after_runs", _integer),
    "lag_seconds": ("lag", lambda value: timedelta(seconds=_number(value))),
    "runs_per_fire": ("runs_per_fire", _integer),
}
COMMANDS: dict[str, Command] = {
    "fault": _fault,
    "clear": _clear,
    "behaviour": _behaviour,
    "wire": _wire,
    "run": _run,
    "key": _key,
}
