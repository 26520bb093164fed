"""How much a scrape costs, in one run: the first of a second against the next, and tasks against tasks.

`make bench` runs it. The simulator and the exporter are in this process, on a clock that stands still but for a second
between two rounds; each number is the best of five.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import httpx
import structlog

from exporter import app
from exporter.config import parse
from exporter.simulator.app import build_simulator
from exporter.simulator.fleets import big_fleet
from exporter.simulator.world import Account, World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

KEY = "bench"
CONFIG = f'api: {{base_url: "http://127.0.0.1:1"}}\naccounts: [{{name: main, access_key: {KEY}, tasks: all}}]\n'
START = datetime(2026, 6, 10, 11, 30, tzinfo=UTC)
ROUNDS = 5


async def measure(tasks: int) -> tuple[float, float, int, int, int]:
    """Seconds of the first scrape in a second and of the next, then bytes, bytes in gzip form, and series."""
    now = START
    world = World(clock=lambda: now)
    world.add_account(Account(name="main", access_key=KEY), big_fleet(tasks, seed=1, now=START))
    wire = httpx.ASGITransport(build_simulator(world))
    house = app.build(parse(CONFIG, name="bench", directory=Path()), now=lambda: now, host="bench", transport=wire)
    await asyncio.gather(*(poller.round() for poller in house.pollers))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.web), base_url="http://exporter") as client:
        firsts, nexts = [], []
        for _ in range(ROUNDS):
            now += timedelta(seconds=1)
            firsts.append(await timed(lambda: client.get("/metrics")))
            nexts.append(await timed(lambda: client.get("/metrics")))
        text = (await client.get("/metrics")).content
    await house.aclose()
    series = sum(not line.startswith(b"#") for line in text.splitlines())
    return min(firsts), min(nexts), len(text), len(gzip.compress(text, 6)), series


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    began = perf_counter()
    await work()
    return perf_counter() - began


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    say = sys.stdout.write
    say("| tasks | first scrape of a second | the next costs | series | size | in gzip form |\n")
    say("|---|---|---|---|---|---|\n")
    base = None
    for tasks in (100, 1_000, 10_000):
        first, following, size, packed, series = asyncio.run(measure(tasks))
        base = base or first
        say(
            f"| {tasks:,} | {first / base:.1f} times that of 100 tasks | 1/{first / following:.0f} of it"
            f" | {series:,} | {size / 1e6:.2f} MB | {packed / 1e6:.3f} MB |\n"
        )
        sys.stderr.write(f"{tasks:,} tasks: first {first * 1000:.1f} ms, next {following * 1000:.1f} ms\n")


if __name__ == "__main__":
    main()
