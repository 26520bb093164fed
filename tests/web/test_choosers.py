"""Clients that choose what they want to see: what they get, and that they take nothing from the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.core import GaugeMetricFamily

from exporter.metrics import Refusal
from exporter.web import build_web
from exporter.web.shared import MOST_CHOSEN, MOST_CHOSEN_BYTES
from web.reports import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric


@pytest.mark.parametrize(
    "chosen",
    [
        [f"/metrics?name[]=shop_open&name[]=shop_room_{number}" for number in range(12)],
        [f"{way}/tasks/main/567813310985011{last}" for way in ("", "/api/v1") for last in range(2, 8)],
    ],
    ids=["names", "tasks"],
)
def test_choosers_have_no_power_over_the_others(chosen: list[str]) -> None:
    """Who chooses names or a task waits for few others, or is told to come again; all else is answered as ever."""
    common = ["/metrics", "/", "/api/v1/tasks", "/-/healthy", "/-/ready", "/config"]
    refused: list[Refusal] = []

    async def visit() -> list[httpx.Response]:
        transport = httpx.ASGITransport(build_web(World().sources(on_refused=refused.append)))
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            return await asyncio.gather(*(client.get(path) for path in [*chosen, *common, chosen[0]]))

    answers = asyncio.run(visit())
    codes = [each.status_code for each in answers]
    assert {200: MOST_CHOSEN, 503: 12 - MOST_CHOSEN} == Counter(codes[:12])
    assert [200] * (len(common) + 1) == codes[12:]
    assert [Refusal.CROWD] * (12 - MOST_CHOSEN) == refused
    answer = answers[codes.index(503)]
    assert ("Too much is asked for at once", "1") == (answer.text, answer.headers["retry-after"])


def test_who_chooses_pages_has_no_power_over_who_chooses_names() -> None:
    """However many pages are wanted, a Prometheus gets the names it asks for; a page that must wait comes again by itself."""

    async def visit() -> list[httpx.Response]:
        transport = httpx.ASGITransport(build_web(World().sources()))
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            pages = [f"/?search={number}" for number in range(MOST_CHOSEN + 1)]
            return await asyncio.gather(*(client.get(path) for path in [*pages, "/metrics?name[]=shop_open"]))

    *pages, chosen = asyncio.run(visit())
    assert [*[200] * MOST_CHOSEN, 503] == [each.status_code for each in pages]
    assert {"15"} == {each.headers["refresh"] for each in pages}
    assert 200 == chosen.status_code


def test_names_of_nothing_make_no_other_answer() -> None:
    """Whatever is asked for beside what there is, and however often: it is collected and held once."""
    world = World()
    app = build_web(world.sources())

    async def visit() -> set[str]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            queries = [f"?name[]=shop_open&name[]=junk_{number}&name[]=shop_open" for number in range(20)]
            return {(await client.get(f"/metrics{query}")).text for query in queries}

    assert 1 == len(asyncio.run(visit()))
    assert 1 == world.families.asked


def test_answers_of_own_choice_are_few_at_once() -> None:
    """While as many bytes as may be are being taken, who chooses names is refused; nobody else is, nor who comes later."""

    def great_families() -> Iterator[Metric]:
        yield GaugeMetricFamily("shop_open", "x" * MOST_CHOSEN_BYTES, value=1)

    refused: list[Refusal] = []
    app = build_web(World(great_families).sources(on_refused=refused.append))

    async def visit() -> list[int]:
        begun, taken = asyncio.Event(), asyncio.Event()

        async def send(_message: object) -> None:
            begun.set()
            await taken.wait()

        scope = {"type": "http", "method": "GET", "path": "/metrics", "headers": []}
        slow = asyncio.create_task(app({**scope, "query_string": b"name[]=shop_open"}, asyncio.Event().wait, send))
        await begun.wait()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://exporter") as client:
            chosen, paths = "/metrics?name[]=shop_room_1", ["/?search=x", "/metrics", "/", "/-/healthy"]
            codes = [(await client.get(path)).status_code for path in [chosen, *paths]]
            taken.set()
            await slow
            return [*codes, (await client.get(chosen)).status_code]

    assert [503, 200, 200, 200, 200, 200] == asyncio.run(visit())
    assert [Refusal.CROWD] == refused
