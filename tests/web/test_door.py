"""How clients come in: one at a time, few amid a handshake, and nobody while the system has no room."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from exporter.config import load_web
from exporter.metrics import Refusal
from exporter.web import Limits, build_context
from log_lines import written
from web.shop import PAIR, Shop, open_shop
from web.visits import HOST, LIMITS, a_server, ask, run

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from exporter.web import Server

GOOD = b"HTTP/1.1 200"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def context(shop: Shop) -> ssl.SSLContext:
    tls = load_web(shop.web_file(f"tls_server_config: {{{PAIR}}}").path).tls
    assert tls is not None
    return build_context(tls)


def a_crowd(server: Server, number: int, opened: ExitStack) -> list[socket.socket]:
    """So many who have connected before the server has had a turn, and say nothing."""
    crowd = [opened.enter_context(socket.create_connection((HOST, server.port))) for _ in range(number)]
    for each in crowd:
        each.setblocking(False)
    return crowd


def dropped(crowd: list[socket.socket]) -> int:
    """How many of them the server has ended."""
    ended = 0
    for each in crowd:
        try:
            ended += each.recv(1) == b""
        except BlockingIOError:
            continue
        except ConnectionResetError:  # who was never accepted
            ended += 1
    return ended


def test_silent_handshakes_are_bounded(shop: Shop) -> None:
    """Of a crowd that says nothing of TLS few stay, and no longer than the deadline; who speaks it is served at once."""
    refused: Counter[Refusal] = Counter()
    limits = Limits(handshakes=8)

    async def main() -> tuple[bytes, list[int]]:
        server = a_server(tls=context(shop), limits=limits, on_refused=lambda refusal: refused.update([refusal]))
        async with open_shop(server, seconds=60):
            with ExitStack() as opened:
                crowd = a_crowd(server, 300, opened)
                answer = await ask(server, "/-/healthy", tls=shop.client())
                gone = [dropped(crowd)]
                for seconds in (limits.handshake_seconds - 0.5, 1):
                    await asyncio.sleep(seconds)
                    gone.append(dropped(crowd))
        return answer, gone

    answer, gone = run(main())
    assert GOOD == answer[: len(GOOD)]
    # The one that spoke took a place of a silent one as well, until its handshake was done.
    assert [293, 293, 300] == gone
    assert {Refusal.DISPLACED: 293, Refusal.SLOW_HANDSHAKE: 7} == refused


def test_no_more_than_the_limit_are_ever_there() -> None:
    """However many wait to be let in, whoever is one too many has gone before a handful more come in."""

    async def main() -> int:
        server, most = a_server(limits=Limits(connections=3)), 0
        async with open_shop(server, seconds=60):
            with ExitStack() as opened:
                crowd = a_crowd(server, 100, opened)
                while dropped(crowd) < 97:
                    most = max(most, len(server._guest.server_state.connections))
                    await asyncio.sleep(0)
        return most

    assert 3 <= run(main()) <= 6


def test_handshakes_do_not_hold_the_end(shop: Shop) -> None:
    """Who is amid a handshake, or has just come in, is dropped when the server stops, long before its time is up."""

    async def main() -> float:
        server = a_server(tls=context(shop))
        with ExitStack() as opened:
            async with open_shop(server, seconds=60):
                crowd = a_crowd(server, 3, opened)
                await asyncio.sleep(1)
                crowd += a_crowd(server, 3, opened)
            assert len(crowd) == dropped(crowd)
        return asyncio.get_running_loop().time()

    assert run(main()) < LIMITS.handshake_seconds


def test_a_cancelled_server_drops_handshakes(shop: Shop) -> None:
    """Also where there is no time for an orderly end, nothing stays open."""

    async def main() -> list[int]:
        server = a_server(tls=context(shop))
        serving = asyncio.create_task(server.serve())
        with ExitStack() as opened:
            crowd = a_crowd(server, 3, opened)
            await asyncio.sleep(1)
            gone = [dropped(crowd)]
            serving.cancel()
            await asyncio.wait([serving])
            await asyncio.sleep(0.1)
            return [*gone, dropped(crowd)]

    assert [0, 3] == run(main())


def test_who_leaves_amid_a_handshake_is_counted(shop: Shop) -> None:
    """Whoever comes to no agreement about TLS is."""
    refused: list[Refusal] = []

    async def main() -> None:
        server = a_server(tls=context(shop), on_refused=refused.append)
        async with open_shop(server, seconds=60):
            with ExitStack() as opened:
                a_crowd(server, 1, opened)
                await asyncio.sleep(1)
            await asyncio.sleep(1)

    run(main())
    assert [Refusal.BAD_HANDSHAKE] == refused


def test_without_descriptors_clients_wait() -> None:
    """While the system lets us open nothing, one line tells it each second; then whoever waits is served."""

    async def main() -> bytes:
        server = a_server()
        async with open_shop(server, seconds=60):
            await asyncio.sleep(1)
            connection = socket.create_connection((HOST, server.port))
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
            try:
                await asyncio.sleep(2.5)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            reader, writer = await asyncio.open_connection(sock=connection)
            writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
        return answer

    with written() as log:
        assert GOOD == run(main())[: len(GOOD)]
    assert ['level=warn msg="Cannot accept connections" err="Too many open files"'] * 3 == [
        line.partition(" ")[2] for line in log.getvalue().splitlines()
    ]
