"""Clients that take their time, or a place: what each may take, and by what it is counted when it takes more."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.config import load_web
from exporter.metrics import Refusal
from exporter.web import Limits, build_context
from exporter.web.limits import LATE, Phase
from web.hostile import Manner, endure, slow_manners
from web.shop import PAIR, Shop, open_shop
from web.visits import GREAT, HOST, LIMITS, a_server, ask, run

if TYPE_CHECKING:
    from pathlib import Path

SLOW = slow_manners("/great")
# In which phase each is dropped. What comes at a pace may be a pace late.
DROPPED_IN = {
    "silent": Phase.HEAD,
    "slow request line": Phase.HEAD,
    "slow header": Phase.HEAD,
    "endless headers": Phase.HEAD,
    "slow body": Phase.BODY,
    "slow body of a GET": Phase.BODY,
    "slow chunks": Phase.BODY,
    "body that never comes": Phase.BODY,
    "half a second request": Phase.HEAD,
    "idle": Phase.IDLE,
    "reads nothing": Phase.READER,
    "reads slowly": Phase.READER,
    "reads on and on": Phase.READER,
    "reads nothing and asks on": Phase.READER,
    "reads its last slowly": Phase.READER,
    "reads nothing of its last": Phase.READER,
    "reads nothing of its choice": Phase.READER,
}


def test_every_slow_manner_has_its_deadline() -> None:
    """None is forgotten."""
    assert list(SLOW) == list(DROPPED_IN)


def test_every_phase_that_has_a_deadline_has_its_reason() -> None:
    """Whoever lets one pass is counted, but for who asks for nothing more."""
    with_deadline = {phase for phase in Phase if LIMITS.seconds(phase) is not None}
    assert with_deadline == {*LATE, Phase.IDLE} == set(DROPPED_IN.values())
    assert Phase.IDLE not in LATE


@pytest.mark.parametrize("name", SLOW)
def test_slow_clients_are_dropped(name: str) -> None:
    """Whatever a client takes its time with, it is cut off at that deadline, not before nor later.

    It is counted once; who is idle not at all.
    """
    refused: list[Refusal] = []

    async def main() -> tuple[bytes, float]:
        server = a_server(on_refused=refused.append)
        async with open_shop(server, seconds=60):
            fate = await endure(SLOW[name], HOST, server.port)
        return fate.got, fate.seconds

    got, seconds = run(main())
    deadline_seconds = LIMITS.seconds(DROPPED_IN[name])
    assert deadline_seconds is not None
    assert deadline_seconds <= seconds < deadline_seconds + 1.5
    assert len(got) < len(GREAT)
    assert [LATE[phase] for phase in (DROPPED_IN[name],) if phase is not Phase.IDLE] == refused


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
def test_slow_clients_starve_nobody(is_tls: bool, tmp_path: Path) -> None:
    """With 200 slow clients and one that is silent in TLS a scrape takes less than 1 s, and all are gone after 30 s."""
    shop = Shop(tmp_path)
    ours = None
    if is_tls:
        ours = build_context(load_web(shop.web_file(f"tls_server_config: {{{PAIR}}}").path).tls)
    theirs = shop.client() if is_tls else None

    async def main() -> tuple[list[bytes], float, float]:
        server = a_server(tls=ours)
        async with open_shop(server, seconds=60):
            manners = [*itertools.islice(itertools.cycle(SLOW.values()), 200)]
            slow = [asyncio.create_task(endure(each, HOST, server.port, tls=theirs)) for each in manners]
            slow.append(asyncio.create_task(endure(Manner(), HOST, server.port)))
            await asyncio.sleep(1)
            began = time.perf_counter()
            answers = [await ask(server, path, tls=theirs) for path in ("/metrics", "/-/healthy")]
            took = time.perf_counter() - began
            fates = await asyncio.gather(*slow)
        return answers, took, max(each.seconds for each in fates)

    answers, took, longest = run(main())
    assert [True, True] == [each.startswith(b"HTTP/1.1 200") for each in answers]
    assert took < 1
    assert longest <= 30


def test_a_newcomer_takes_the_place_that_was_waited_for_longest() -> None:
    """When all places are taken, whoever has let us wait longest goes, and Prometheus is served."""
    refused: list[Refusal] = []

    async def main() -> tuple[bool, list[int]]:
        server = a_server(limits=Limits(connections=3), on_refused=refused.append)
        async with open_shop(server, seconds=60):
            idlers = []
            for _ in range(3):
                idlers.append(
                    asyncio.create_task(endure(replace(SLOW["slow header"], pace_seconds=0.1), HOST, server.port))
                )
                await asyncio.sleep(1)
            answer = await ask(server)
            return answer.startswith(b"HTTP/1.1 200"), [round((await each).seconds) for each in idlers]

    served, seconds = run(main())
    assert served
    assert [3, 5, 5] == seconds
    assert [Refusal.DISPLACED, Refusal.SLOW_HEADER, Refusal.SLOW_HEADER] == refused


def test_a_rush_does_not_pass_the_limit() -> None:
    """However many come in the same moment, no more stay than may."""

    async def main() -> int:
        server = a_server(limits=Limits(connections=3))
        async with open_shop(server, seconds=60):
            rush = [asyncio.create_task(endure(Manner(), HOST, server.port)) for _ in range(20)]
            await asyncio.sleep(1)
            staying = len(server._guest.server_state.connections)
            await asyncio.gather(*rush)
        return staying

    assert 3 == run(main())


def test_when_all_are_at_our_work_a_newcomer_is_told_to_come_again() -> None:
    """Nobody is cut off whom we keep waiting ourselves; the newcomer gets a 503, and when there is room again a 200."""
    refused: list[Refusal] = []

    async def main() -> list[bytes]:
        server = a_server(limits=Limits(connections=2), on_refused=refused.append)
        async with open_shop(server, seconds=60):
            waiting = [asyncio.create_task(ask(server, "/hang")) for _ in range(2)]
            await asyncio.sleep(40)
            assert not any(each.done() for each in waiting)
            full = await ask(server, "/great")
            waiting[0].cancel()
            await asyncio.sleep(1)
            answers = [full, await ask(server, "/great")]
            waiting[1].cancel()
        return answers

    full, later = run(main())
    head, _, body = full.lower().partition(b"\r\n\r\n")
    assert (b"http/1.1 503 service unavailable", b"service unavailable") == (head.splitlines()[0], body)
    assert {b"retry-after: 1", b"connection: close", b"cache-control: no-store"} <= set(head.splitlines())
    assert later.endswith(GREAT)
    assert [Refusal.FULL] == refused


def test_what_is_not_read_is_not_copied() -> None:
    """Many who do not read a great answer cost a little each, and none of them a place in the rendering."""

    async def main() -> tuple[int, list[int], bytes]:
        server = a_server()
        async with open_shop(server, seconds=60):
            slow = [asyncio.create_task(endure(SLOW["reads nothing"], HOST, server.port)) for _ in range(50)]
            await asyncio.sleep(5)
            connections = list(server._guest.server_state.connections)
            buffered = [each.transport.get_write_buffer_size() for each in connections]
            answer = await ask(server, "/great")
            await asyncio.gather(*slow)
            return len(server._guest.server_state.connections), buffered, answer

    left, buffered, answer = run(main())
    assert 50 == len(buffered)
    assert 0 < max(buffered) <= 64 * 1024
    assert answer.endswith(GREAT)
    assert 0 == left
