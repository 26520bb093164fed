"""Ways to spoil an answer, to be given what exactly is sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chaos.server import answer, tell_the_truth
from exporter.model import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import timedelta

    from chaos.certificates import Certificates
    from chaos.server import Call, Door, Play
    from exporter.model import Problem, Reason

    Silence = Callable[[], AbstractContextManager[None]]
    MakeDoor = Callable[[Certificates, Silence], Door]
    Make = Callable[[Call], bytes]
    Change = Callable[[dict[str, Any]], dict[str, Any]]

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BLOCK = b" " * 65_536
DRIP_SECONDS = 1.0
HELD = "\ufdd0"  # stands in a JSON text for what json.dumps would not write


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is sent, and what the exporter must make of it.

    A request is answered by `play`, or connections end at `door` before there is one, or there is no server at all.
    With a `reason` the poll fails for it and the facts stay as they were; without one the answer is accepted.
    `state` is that of a task some minutes after its next deadline: by default what old facts or true ones tell.
    """

    play: Play = tell_the_truth
    door: MakeDoor | None = None
    tls: bool = False
    nowhere: str = ""  # a base_url
    reason: Reason | None = None
    told: str = ""  # what the log says besides; anything where it is empty
    state: State = State.OK
    problem: Problem | None = None
    listed: bool = False  # meets List Tasks instead of Get Task
    gone: bool = False  # the task is withdrawn
    block: timedelta | None = None  # how long the account must not ask again

    @property
    def on_request(self) -> bool:
        """Whether any server can play it, once it has read a request."""
        return self.door is None and not self.nowhere and not self.tls


def failing(reason: Reason, play: Play = tell_the_truth, **more: Any) -> Fault:
    """The poll fails, and what is known of the task has nothing to say of its newest fire."""
    return Fault(play=play, reason=reason, **({"state": State.DUE} | more))


def unsure(problem: Problem, play: Play, **more: Any) -> Fault:
    """The task's facts allow no verdict."""
    return Fault(play=play, state=State.UNKNOWN, problem=problem, **more)


def true_json(call: Call) -> bytes:
    return json.dumps(call.truth()[1]).encode()


def made(make: bytes | Make, call: Call) -> bytes:
    return make if isinstance(make, bytes) else make(call)


def raw(make: bytes | Make) -> Play:
    """These bytes, then the end."""

    async def play(call: Call) -> None:
        await call.send(made(make, call))
        await call.end()

    return play


def body(make: bytes | Make, *headers: str, status: str = "200 OK") -> Play:
    """A proper answer with this body."""
    return raw(lambda call: answer(made(make, call), *headers, at=call.now, status=status))


def headed(*headers: str, status: str = "200 OK") -> Play:
    """The truth, with these headers."""
    return body(true_json, *headers, status=status)


def dated(skew: timedelta, *headers: str, status: str = "200 OK", ago: timedelta | None = None) -> Play:
    """The truth, or what was true so long `ago`, with a Date that is off by `skew`."""
    return raw(
        lambda call: answer(json.dumps(call.truth(ago=ago)[1]).encode(), *headers, at=call.now + skew, status=status)
    )


def reworded(change: Callable[[bytes], bytes]) -> Play:
    """The truth, its bytes changed."""
    return body(lambda call: change(true_json(call)))


def changed(change: Change) -> Play:
    """The truth, the task (of a list: the first) changed."""

    def make(call: Call) -> bytes:
        status, value = call.truth()
        if status != 200:
            return json.dumps(value).encode()
        if "tasks" in value:
            first, *others = value["tasks"]
            return json.dumps({"tasks": [change(first), *others]}).encode()
        return json.dumps(change(value)).encode()

    return body(make)


def fields(**values: Any) -> Play:
    return changed(lambda task: task | values)


def literal(name: str, text: str) -> Play:
    """A field whose value is this JSON text, proper or not."""

    def make(call: Call) -> bytes:
        task = call.truth()[1] | {name: HELD}
        return json.dumps(task, ensure_ascii=False).replace(f'"{HELD}"', text).encode()

    return body(make)


def elements(change: Callable[[list[Any]], list[Any]]) -> Play:
    """A list with other elements."""
    return body(lambda call: json.dumps({"tasks": change(call.truth()[1]["tasks"])}).encode())


def drip(head: bytes, drop: bytes) -> Play:
    """Alive for ever, a drop at a time."""

    async def play(call: Call) -> None:
        await call.send(head)
        while True:
            await call.send(drop)
            await call.pause(DRIP_SECONDS)

    return play


def flood(head: bytes, block: bytes = BLOCK) -> Play:
    """More and more, as fast as it is taken: up to 64 MiB, far beyond what anybody should take."""

    async def play(call: Call) -> None:
        await call.send(head)
        for _ in range(1024):
            await call.send(block)

    return play


def stall(make: bytes | Make) -> Play:
    """These bytes, then silence, without the end."""

    async def play(call: Call) -> None:
        await call.send(made(make, call))
        await call.wait()

    return play


def broken(head: bytes) -> Play:
    """So much, then a reset."""

    async def play(call: Call) -> None:
        await call.send(head)
        call.reset()

    return play
