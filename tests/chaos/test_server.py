"""The chaos upstream itself: that it tells the truth when asked to, and knows what came of each request."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from builders import at
from chaos.certificates import Certificates
from chaos.choosers import always, truth
from chaos.clock import SocketClock
from chaos.faults import FAULTS
from chaos.server import Chaos
from chaos.stage import NEIGHBOUR, VICTIM, a_world, key_of

if TYPE_CHECKING:
    from chaos.choosers import Choose
    from chaos.server import Asked

MAIN = {"X-Access-Key": key_of("main")}


def asking(choose: Choose, *paths: str, **headers: str) -> tuple[list[httpx.Response], list[Asked]]:
    """What is answered to these paths, at 12:30, and what the server has noted."""
    clock = SocketClock(at("2024-06-10 12:30:00Z"))

    async def main() -> tuple[list[httpx.Response], list[Asked]]:
        async with Chaos(a_world(["main"], clock), choose, silence=clock.silence) as upstream:
            clock.settle()
            async with httpx.AsyncClient(base_url=upstream.url, headers=headers or MAIN, trust_env=False) as client:
                return [await client.get(path) for path in paths], upstream.requests

    return clock.run(main())


def test_the_truth() -> None:
    """Without a fault a task and the list are as the world has them, dated by its clock."""
    (one, all_), asked = asking(truth, f"/v1/tasks/{NEIGHBOUR}", "/v1/tasks")
    assert (200, "Mon, 10 Jun 2024 12:30:00 GMT") == (one.status_code, one.headers["Date"])
    assert (7002, "Neighbour", 901) == tuple(one.json()[name] for name in ("id", "name", "runs"))
    assert [int(VICTIM), 7002] == [task["id"] for task in all_.json()["tasks"]]
    assert ["main", "main"] == [each.account for each in asked]
    assert [None, None] == [each.fault for each in asked]
    assert (f"/v1/tasks/{NEIGHBOUR}", key_of("main")) == (asked[0].path, asked[0].headers["x-access-key"])
    assert len(one.content) < asked[0].sent < len(one.content) + 200


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [("/v1/tasks", "another", 401), ("/v1/tasks/1", key_of("main"), 404), ("/v1/tasks", key_of("main"), 200)],
)
def test_who_may_know(path: str, key: str, status: int) -> None:
    """A wrong key and an unknown id are told as such."""
    (found,), _ = asking(truth, path, **{"X-Access-Key": key})
    assert status == found.status_code


def test_a_key_in_the_query() -> None:
    """It opens the account too, and is no part of the path that is noted."""
    (found,), (asked,) = asking(truth, f"/v1/tasks?access_key={key_of('main')}", Accept="*/*")
    assert (200, "main", "/v1/tasks") == (found.status_code, asked.account, asked.path)


def test_a_fault_by_name() -> None:
    """It is played, and noted beside its request."""
    (found,), (asked,) = asking(always("U8-503", FAULTS), f"/v1/tasks/{VICTIM}")
    assert (503, "U8-503") == (found.status_code, asked.fault)


def test_how_long_and_how_much() -> None:
    """Of a flood and of a silence it is known when the asker left, and what it had taken until then."""
    clock = SocketClock(at("2024-06-10 12:30:00Z"))

    async def ask(name: str) -> Asked:
        async with Chaos(a_world(["main"], clock), always(name, FAULTS), silence=clock.silence) as upstream:
            clock.settle()
            reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port, limit=1024)
            writer.write(f"GET /v1/tasks/{VICTIM} HTTP/1.1\r\nX-Access-Key: {key_of('main')}\r\n\r\n".encode())
            if name == "U59-silence":
                await asyncio.sleep(7)
            else:
                await reader.readexactly(100_000)
            writer.close()
            await writer.wait_closed()
        return upstream.requests[0]

    silent, flooded = clock.run(ask("U59-silence")), clock.run(ask("U21-1GB-to-the-end"))
    assert (7, 0) == (round(silent.seconds, 3), silent.sent)
    assert 100_000 <= flooded.sent < 8_000_000


def test_tls() -> None:
    """It speaks TLS with a certificate that its authority vouches for."""
    clock, certificates = SocketClock(at("2024-06-10 12:30:00Z")), Certificates()

    async def main() -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        certificates.authority.configure_trust(context)
        async with (
            Chaos(a_world(["main"], clock), truth, tls=certificates.good()) as upstream,
            httpx.AsyncClient(verify=context, headers=MAIN, trust_env=False) as client,
        ):
            return (await client.get(f"{upstream.url}/v1/tasks")).content

    assert 2 == len(json.loads(clock.run(main()))["tasks"])
