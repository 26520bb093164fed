"""What the simulator's tests share: a clock that moves when told, a world with one account, one question at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx

from exporter.simulator.app import build_simulator
from exporter.simulator.tasks import SimTask
from exporter.simulator.world import Account, World

if TYPE_CHECKING:
    from starlette.applications import Starlette

START = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)
KEY = "pretend-key"
DAILY_ID = 9007199254740993  # 2**53 + 1: a double would make it ...992


@dataclass
class Clock:
    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> datetime:
        self.at += timedelta(**span)
        return self.at


class Bench:
    """A world with one account "main" that holds one daily task, and its app."""

    def __init__(self, *, control: bool = False, **world: Any) -> None:
        self.clock = Clock()
        self.world = World(clock=self.clock, **world)
        daily = SimTask(id=DAILY_ID, name="daily", crontab="0 9 * * *", created_at=START - timedelta(days=10))
        self.account = self.world.add_account(Account(name="main", access_key=KEY), [daily])
        self.app = build_simulator(self.world, control=control)

    def ask(self, method: str, path: str, *, key: str | None = KEY, **request: Any) -> httpx.Response:
        headers = request.pop("headers", {}) | ({"X-Access-Key": key} if key else {})
        return ask(self.app, method, path, headers=headers, **request)


def ask(app: Starlette, method: str, path: str, **request: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
            return await client.request(method, path, **request)

    return asyncio.run(once())
