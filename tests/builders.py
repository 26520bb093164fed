"""What many tests build: instants, tasks, a clock that only moves when everybody waits, and whole houses on it."""

from __future__ import annotations

import asyncio
import selectors
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from exporter import app
from exporter.config import parse
from exporter.model import Task
from exporter.simulator.app import build_simulator
from exporter.simulator.world import Account, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable

    from exporter.simulator.tasks import SimTask

T = TypeVar("T")
KEY = "key-of-the-tests"


def at(text: str) -> datetime:
    """`2024-11-03 05:30Z` or with seconds, as an aware UTC datetime."""
    return datetime.fromisoformat(text).astimezone(UTC)


def a_task(**changes: Any) -> Task:
    """A task as upstream would tell of it: daily at noon UTC, created long ago, run every day so far."""
    facts: dict[str, Any] = {
        "id": "1001",
        "name": "Shop front",
        "api": "screenshot",
        "frequency": "custom",
        "crontab": "0 12 * * *",
        "timezone": "Etc/UTC",
        "enabled": True,
        "created_at": at("2024-01-01 00:00Z"),
        "last_run_at": at("2024-06-10 12:00:14Z"),
        "runs": 160,
    }
    return Task(**facts | changes)


class _Jumping(selectors.DefaultSelector):
    """Instead of waiting for a timer, moves the loop's time to it."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everything waits for something that no timer and no socket will bring")
        if not ready and timeout:
            self.seconds += timeout
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time moves only when every task waits. Work for threads is done on the spot."""

    def __init__(self) -> None:
        self.jumping = _Jumping()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.seconds

    def run_in_executor(self, _executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is for whoever awaits
            done.set_exception(error)
        return done


class Clock:
    """A wall clock and an event loop that move together, in no time at all."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._loop: _VirtualLoop | None = None
        self.step = timedelta()  # what somebody has turned the wall clock by

    def now(self) -> datetime:
        passed = self._loop.time() if self._loop else 0.0
        return self._start + timedelta(seconds=passed) + self.step

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        self._loop = _VirtualLoop()
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            return runner.run(main)

    async def until(self, instant: datetime) -> None:
        await asyncio.sleep((instant - self.now()).total_seconds())


@asynccontextmanager
async def among(*doings: Awaitable[object]) -> AsyncIterator[None]:
    """While these go on without end; what one of them raises is raised here."""
    tasks = [asyncio.ensure_future(doing) for doing in doings]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def asking(house: app.House) -> httpx.AsyncClient:
    """A client for its own routes."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(house.web), base_url="http://exporter")


@asynccontextmanager
async def at_work(house: app.House) -> AsyncIterator[httpx.AsyncClient]:
    """Its root loops run, and may be asked; then it is closed."""
    async with among(*house.loops().values()), asking(house) as client:
        yield client
    await house.aclose()


class Scene:
    """A simulator and an exporter on one clock, without a socket: from configuration to /metrics."""

    def __init__(self, clock: Clock, config: str, tasks: Iterable[SimTask], **built_with: Any) -> None:
        self.clock = clock
        self.world = World(clock=clock.now, sleep=asyncio.sleep)
        self.account = self.world.add_account(Account(name="main", access_key=KEY), tasks)
        self.wire = httpx.ASGITransport(build_simulator(self.world))
        self.config = parse(config, name="config.yaml", directory=Path())
        self.house = app.build(
            self.config, now=clock.now, host="test-host", random=lambda: 0.0, transport=self.wire, **built_with
        )

    def add_account(self, name: str, key: str, tasks: Iterable[SimTask]) -> None:
        self.world.add_account(Account(name=name, access_key=key), tasks)

    async def ask_upstream(self, path: str) -> httpx.Response:
        """What upstream answers to anybody with the key."""
        async with httpx.AsyncClient(transport=self.wire, base_url="http://upstream") as client:
            return await client.get(path, headers={"X-Access-Key": KEY})

    @staticmethod
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def polling(self) -> AsyncIterator[httpx.AsyncClient]:
        """The root loops at work, and a client for the exporter's own routes."""
        async with at_work(self.house) as client:
            await asyncio.sleep(1)
            yield client


def config_text(**changes: str) -> str:
    """A configuration for a Scene: `accounts`, `poll`, `api`, `missed_run` as YAML flow text."""
    parts = {
        "api": '{base_url: "http://127.0.0.1:1"}',
        "poll": "{interval: 60s}",
        "missed_run": "{grace: auto}",
        "accounts": f"[{{name: main, access_key: {KEY}, tasks: all}}]",
    } | changes
    return "".join(f"{key}: {value}\n" for key, value in parts.items())


def samples(text: str) -> dict[str, float]:
    """The samples of an exposition by their full name with labels."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
