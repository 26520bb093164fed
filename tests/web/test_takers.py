"""Clients that do not take what they asked for, on wires of ours: how long each may lie there, and whose place it has."""

from __future__ import annotations

import asyncio

import pytest

from exporter.metrics import Refusal
from web.hostile import request
from web.shop import open_shop
from web.visits import LIMITS, a_server, ask, run


class Wire(asyncio.Transport):
    """The end of a connection whose client takes nothing, and has room for nothing."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.unsent, self.is_gone = b"", False
        self._protocol, self._is_closing = protocol, False
        protocol.connection_made(self)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 0

    def write(self, data: bytes) -> None:
        self.unsent += data
        assert len(self.unsent) <= self.high, "more than what makes the server wait for the client"

    def pause_reading(self) -> None:
        """Whatever a test gives to the protocol has been read before."""

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True

    def abort(self) -> None:
        self._is_closing = self.is_gone = True
        asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)


@pytest.mark.parametrize(
    ("headers", "seconds"), [((), LIMITS.idle_seconds), (("Connection: close",), LIMITS.reader_seconds)]
)
def test_an_answer_that_lies_with_us_is_given_up(headers: tuple[str, ...], seconds: float) -> None:
    """A small answer that the client never takes from us has its deadline too, whether the connection stays or not."""

    async def main() -> list[bool]:
        server = a_server()
        async with open_shop(server, seconds=100):
            await asyncio.sleep(1)
            protocol = server._guest._protocol()
            wire = Wire(protocol)
            protocol.data_received(request("/-/healthy", *headers))
            await asyncio.sleep(seconds - 0.5)
            gone = [wire.is_gone]
            await asyncio.sleep(1)
            assert wire.unsent.endswith(b"Healthy")
            return [*gone, wire.is_gone]

    assert [False, True] == run(main())


def test_who_does_not_take_a_refusal_is_counted_once() -> None:
    """By what it was refused for, and not again when it is cut off."""
    refused: list[Refusal] = []

    async def main() -> tuple[bytes, bool]:
        server = a_server(on_refused=refused.append)
        async with open_shop(server, seconds=100):
            await asyncio.sleep(1)
            protocol = server._guest._protocol()
            wire = Wire(protocol)
            protocol.data_received(b"no request\r\n\r\n")
            await asyncio.sleep(LIMITS.reader_seconds + 1)
        return wire.unsent[:12], wire.is_gone

    assert (b"HTTP/1.1 400", True) == run(main())
    assert [Refusal.BAD_REQUEST] == refused


@pytest.mark.parametrize("takes_some", [False, True])
def test_lagging_is_counted_as_a_whole(takes_some: bool) -> None:
    """Neither a request behind an answer that was not taken, nor taking some and asking on, gives a client more time."""

    async def main() -> list[bool]:
        server = a_server()
        async with open_shop(server, seconds=100):
            await asyncio.sleep(1)
            protocol = server._guest._protocol()
            wire = Wire(protocol)
            protocol.data_received(request("/-/healthy"))
            await asyncio.sleep(1)
            protocol.pause_writing()
            protocol.data_received(request("/hang"))
            gone = []
            for _ in range(16):
                if takes_some:
                    protocol.resume_writing()
                    protocol.data_received(b"x")
                    protocol.pause_writing()
                await asyncio.sleep(1)
                gone.append(wire.is_gone)
        return gone

    gone = run(main())
    assert [False] * 14 == gone[:14]
    assert gone[-1]


@pytest.mark.parametrize("headers", [(), ("Connection: close",)])
def test_who_has_still_to_take_its_last_has_a_place(headers: tuple[str, ...]) -> None:
    """Clients whose answers lie with us are among the most there may be, closing or not; the oldest makes room."""
    refused: list[Refusal] = []

    async def main() -> tuple[list[bool], bytes]:
        server = a_server(on_refused=refused.append)
        async with open_shop(server, seconds=100):
            await asyncio.sleep(1)
            wires = []
            for _ in range(LIMITS.connections + 44):
                protocol = server._guest._protocol()
                wires.append(Wire(protocol))
                protocol.data_received(request("/-/healthy", *headers))
                await asyncio.sleep(0.01)
            answer = await ask(server, "/-/healthy")
            return [each.is_gone for each in wires], answer

    gone, answer = run(main())
    assert [True] * 45 + [False] * (LIMITS.connections - 1) == gone
    assert answer.startswith(b"HTTP/1.1 200")
    assert [Refusal.DISPLACED] * 45 == refused
