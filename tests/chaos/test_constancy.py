"""What many broken answers leave behind in the exporter: nothing."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from builders import a_task, asking, at, at_work
from chaos.choosers import always, by_chance
from chaos.clock import SocketClock
from chaos.faults import FAULTS
from chaos.server import Chaos
from chaos.stage import NEIGHBOUR, VICTIM, a_world, key_of
from exporter import app
from exporter.config import parse
from exporter.model import Policy
from exporter.report import Reporter
from exporter.schedule import Schedules
from exporter.store import Book, Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import httpx

    from chaos.choosers import Choice
    from chaos.server import Asked
    from exporter.model import Task

ACCOUNTS = {"each": [VICTIM, NEIGHBOUR], "list": "all"}
REQUESTS = 130  # in each part of the play
# A list of strangers is none of these: the ledger remembers whom it has met, up to a bound of its own.
SPOILT = {name: fault for name, fault in FAULTS.items() if not name.startswith("U41")}
MOST_CLOSING = 4  # connections that are just about to be gone; each of hundreds of requests had one
SLACK_BLOCKS = 1500  # of memory, some 100 kB: caches that are not yet full, and what of the last answers still is there


def a_config(base_url: str) -> str:
    accounts = [{"name": name, "access_key": key_of(name), "tasks": tasks} for name, tasks in ACCOUNTS.items()]
    return json.dumps(
        {"api": {"base_url": base_url, "requests_per_minute": 1000}, "poll": {"interval": "15s"}, "accounts": accounts}
    )


def descriptors() -> int:
    """How many this process has open; connections are among them."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def a_house(base_url: str, now: Callable[[], datetime]) -> app.House:
    config = parse(a_config(base_url), name="config.yaml", directory=Path())
    return app.build(config, now=now, host="test-host", random=lambda: 0.5)


def lift_blocks(house: app.House) -> None:
    for poller in house.pollers:
        poller.unblock()


class Upstream:
    """Two accounts of an API that spoils most of its answers, until it is told to be quiet."""

    def __init__(self, clock: SocketClock) -> None:
        self._chance, self._quiet = by_chance(0.6, SPOILT, seed=6), False
        self.faults: set[str | None] = set()
        self.server = Chaos(a_world(ACCOUNTS, clock), self._choose, silence=clock.silence)

    def _choose(self, asked: Asked) -> Choice:
        return None if self._quiet else self._chance(asked)

    async def spoil(self, house: app.House, client: httpx.AsyncClient) -> None:
        """Answer so many requests, and truly for the minute after them."""
        while len(self.server.requests) < REQUESTS:
            await asyncio.sleep(300)
            lift_blocks(house)  # or Retry-After would make days of it
            assert 200 == (await client.get("/metrics")).status_code
        self._quiet = True
        lift_blocks(house)
        await asyncio.sleep(60)
        self._quiet = False
        self.faults.update(asked.fault for asked in self.server.requests)
        self.server.requests.clear()


async def measured(upstream: Upstream, house: app.House, client: httpx.AsyncClient) -> tuple[tuple[int, int], int]:
    """Descriptors and tasks after another part of the play, and the blocks of memory."""
    await upstream.spoil(house, client)
    # A round has tasks of its own while it lasts.
    tasks = [len(asyncio.all_tasks()) for _ in range(60) if await asyncio.sleep(1, result=True)]
    gc.collect()
    return (descriptors(), min(tasks)), sys.getallocatedblocks()


def test_nothing_grows_while_answers_are_broken() -> None:
    """Descriptors, connections, tasks and memory are the same after 260 requests and after 390, most of them spoilt."""
    clock = SocketClock(at("2024-06-10 11:54:20Z"))
    upstream = Upstream(clock)

    async def main() -> list[tuple[tuple[int, int], int]]:
        async with upstream.server:
            clock.settle()
            house = a_house(upstream.server.url, clock.now)
            async with at_work(house) as client:
                return [await measured(upstream, house, client) for _ in range(3)]

    (_, _), (early, early_blocks), (late, late_blocks) = clock.run(main())
    assert MOST_CLOSING >= max(now - before for before, now in zip(early, late, strict=True))
    assert late_blocks - early_blocks < SLACK_BLOCKS
    assert len(upstream.faults) > 80


def test_no_threads_pile_up() -> None:
    """By name, on the real event loop, with a scrape after each round: as many threads and descriptors after 60 rounds as after 30."""
    clock = SocketClock(at("2024-06-10 11:54:20Z"))  # which stands still, as this loop is another

    async def main() -> list[tuple[int, int]]:
        found = []
        server = Chaos(a_world(ACCOUNTS, clock), always("U17-captive-portal", FAULTS))
        async with server:
            house = a_house(server.url.replace("127.0.0.1", "localhost"), clock.now)
            async with asking(house) as client:
                for _ in range(2):
                    for _ in range(30):
                        await asyncio.gather(*(poller.round() for poller in house.pollers))
                        assert 200 == (await client.get("/metrics")).status_code
                    found.append((descriptors(), threading.active_count()))
            await house.aclose()
        assert 2 * 30 * 3 == len(server.requests)
        return found

    early, late = asyncio.run(main())
    assert MOST_CLOSING >= max(now - before for before, now in zip(early, late, strict=True))


def other_schedules(number: int) -> list[Task]:
    """Twenty tasks, each with a schedule that it had in no poll before: one that is valid, never fires or is no crontab."""
    first = 20 * number
    forms = ("{} {} * * *", "{} {} 30 2 *", "{} {} * * 8", "{1}{0} {1} * * *")
    crontabs = [forms[each % 4].format(each % 60, each // 60) for each in range(first, first + 20)]
    return [a_task(id=str(each), crontab=crontab) for each, crontab in enumerate(crontabs)]


def test_nothing_grows_while_schedules_change_with_every_poll() -> None:
    """Of the schedules that tasks had, and of what was wrong with them, no more is remembered after 1400 than after 1100."""
    schedules, policies = Schedules(), {"main": lambda _: Policy(stale_after=timedelta(minutes=15))}
    store = Store(Book(policies, schedules=schedules))
    store.add_account("main", interval=timedelta(minutes=1), listed=None)
    reporter = Reporter(store, policies)

    def poll(number: int) -> None:
        now = at("2024-06-10 12:00Z") + number * timedelta(minutes=1)
        store.record_list("main", other_schedules(number), fetched_at=now)
        assert 20 == len(reporter.report(now).tasks)

    blocks = []
    for numbers in (range(55), range(55, 70)):
        for number in numbers:
            poll(number)
        gc.collect()
        blocks.append(sys.getallocatedblocks())
    assert {} == store.internal_errors
    assert blocks[1] - blocks[0] < SLACK_BLOCKS
