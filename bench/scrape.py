"""How much a scrape costs, in one run: the first of a second against the next, tasks against tasks, and amid an outage.

`make bench` runs it. The simulator and the exporter are in this process, on a clock that stands still but for a second
between two rounds. Scrapes ask for what Prometheus asks for. The table is in processor time, the best of five, which
other work on the machine changes little; amid the outage both that and what a scraper waits are told.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, NamedTuple, Self

import httpx
import structlog

from exporter import app
from exporter.config import parse
from exporter.simulator.app import build_simulator
from exporter.simulator.faults import Fault, Kind
from exporter.simulator.fleets import big_fleet
from exporter.simulator.world import Account, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

KEY = "bench"
CONFIG = f'api: {{base_url: "http://127.0.0.1:1"}}\naccounts: [{{name: main, access_key: {KEY}, tasks: all}}]\n'
START = datetime(2026, 6, 10, 11, 30, tzinfo=UTC)
ROUNDS = 5
SCRAPES = 200
PROMETHEUS = {"accept": "application/openmetrics-text;version=1.0.0,*/*;q=0.1", "accept-encoding": "gzip"}


class Cost(NamedTuple):
    """What a scrape takes of a processor, and how long it takes, in seconds."""

    worked: float
    waited: float


class Bench:
    """An exporter that has polled so many tasks once, and a scraper of it."""

    def __init__(self, tasks: int) -> None:
        self.now = START
        self.world = World(clock=lambda: self.now)
        self.world.add_account(Account(name="main", access_key=KEY), big_fleet(tasks, seed=1, now=START))
        wire = httpx.ASGITransport(build_simulator(self.world))
        config = parse(CONFIG, name="bench", directory=Path())
        self.house = app.build(config, now=lambda: self.now, host="bench", transport=wire)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.house.web), base_url="http://exporter")

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(poller.round() for poller in self.house.pollers))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()
        await self.house.aclose()

    @asynccontextmanager
    async def hanging(self) -> AsyncIterator[None]:
        """Polls go on, and are not answered."""
        self.world.faults.add(Fault(kind=Kind.HANG))
        polls = [asyncio.create_task(poller.run()) for poller in self.house.pollers]
        yield
        for poll in polls:
            poll.cancel()
        await asyncio.gather(*polls, return_exceptions=True)

    async def first(self) -> Cost:
        """The first scrape of a new second."""
        self.now += timedelta(seconds=1)
        return await self.next()

    async def next(self) -> Cost:
        """A scrape; unpacking it is the scraper's business."""
        began, worked = perf_counter(), process_time()
        async with self.client.stream("GET", "/metrics", headers=PROMETHEUS) as answer:
            async for _ in answer.aiter_raw():
                pass
        return Cost(process_time() - worked, perf_counter() - began)


async def measure(tasks: int) -> tuple[float, float, int, int, int]:
    """Processor seconds of the first scrape in a second and of the next, then bytes, bytes in gzip form, and series."""
    async with Bench(tasks) as bench:
        rounds = [(await bench.first(), await bench.next()) for _ in range(ROUNDS)]
        text = (await bench.client.get("/metrics", headers=PROMETHEUS)).content
    series = sum(not line.startswith(b"#") for line in text.splitlines())
    first, following = (min(cost.worked for cost in costs) for costs in zip(*rounds, strict=True))
    return first, following, len(text), len(gzip.compress(text, 6)), series


async def measure_outage(tasks: int) -> list[Cost]:
    """Scrapes, each the first of its second, while no request to the API is answered."""
    async with Bench(tasks) as bench, bench.hanging():
        return [await bench.first() for _ in range(SCRAPES)]


def spread(seconds: Iterable[float]) -> str:
    ordered = sorted(1000 * each for each in seconds)
    median, high = ordered[SCRAPES // 2], ordered[SCRAPES * 99 // 100 - 1]
    return f"median {median:.0f} ms, p99 {high:.0f} ms, most {ordered[-1]:.0f} ms"


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    say = sys.stdout.write
    costs = asyncio.run(measure_outage(500))  # first, while the process is as small as a real one
    say("| tasks | first scrape of a second | the next costs | series | size | in gzip form |\n")
    say("|---|---|---|---|---|---|\n")
    base = None
    for tasks in (100, 500, 1_000, 10_000):
        first, following, size, packed, series = asyncio.run(measure(tasks))
        base = base or first
        say(
            f"| {tasks:,} | {first / base:.1f} times that of 100 tasks | 1/{first / following:.0f} of it"
            f" | {series:,} | {size / 1e6:.2f} MB | {packed / 1e6:.3f} MB |\n"
        )
        sys.stderr.write(f"{tasks:,} tasks: first {first * 1000:.1f} ms, next {following * 1000:.1f} ms\n")
    say(f"\n{SCRAPES} first scrapes of 500 tasks while the API does not answer\n")
    say(f"of a processor: {spread(cost.worked for cost in costs)}\n")
    say(f"till answered: {spread(cost.waited for cost in costs)}\n")


if __name__ == "__main__":
    main()
