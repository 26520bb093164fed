"""Who else disturbs the exporter: clients of its pages that mean no good, honest visitors, and a clumsy operator."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from soak.fleet import SPECS, new_key
from web.hostile import SECRET, blows, endure, slow_manners, strike

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from random import Random

    from exporter.simulator.world import World
    from soak.daemon import Daemon

CLIENTS_SECONDS, BLOWS_SECONDS, VISITS_SECONDS = 1.5, 4.0, 5.0
ENDURED_SECONDS = 25.0
HONEST = ("/", "/config", "/api/v1/tasks", "/-/healthy", "/-/ready")
STORM = 50
NOTICED_SECONDS = 10.0  # of a reload, good or bad


@dataclass(slots=True)
class Clients:
    """At a low rate, each in its own time. `secrets` must never come back."""

    address: str
    secrets: tuple[str, ...]
    random: Random
    came: int = 0
    bad_visits: list[str] = field(default_factory=list)
    sightings: list[str] = field(default_factory=list)

    async def disturb(self) -> None:
        """Slow ones and blows, without end."""
        host, port = self.address.rsplit(":", 1)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._visit())
            group.create_task(self._come(CLIENTS_SECONDS, lambda: self._slow(host, int(port)), group))
            group.create_task(self._come(BLOWS_SECONDS, lambda: self._strike(host, int(port)), group))

    async def _come(
        self, pace_seconds: float, act: Callable[[], Coroutine[object, object, None]], group: asyncio.TaskGroup
    ) -> None:
        while True:
            group.create_task(act())
            self.came += 1
            await asyncio.sleep(pace_seconds)

    async def _slow(self, host: str, port: int) -> None:
        manner = self.random.choice(list(slow_manners().values()))
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(ENDURED_SECONDS):
                self._look_at(
                    "an answer to a slow client", (await endure(manner, host, port)).got.decode(errors="replace")
                )

    async def _strike(self, host: str, port: int) -> None:
        name, blow = self.random.choice(list(blows().items()))
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(ENDURED_SECONDS):
                self._look_at(f"the answer to {name}", (await strike(blow, host, port)).decode(errors="replace"))

    async def _visit(self) -> None:
        async with httpx.AsyncClient(base_url=f"http://{self.address}", trust_env=False, timeout=10) as client:
            while True:
                for path in HONEST:
                    await self._look_into(client, path)
                await asyncio.sleep(VISITS_SECONDS)

    async def _look_into(self, client: httpx.AsyncClient, path: str) -> None:
        try:
            answer = await client.get(path)
        except httpx.HTTPError as error:
            self.bad_visits.append(f"{path} met {type(error).__name__}")
            return
        self._look_at(path, answer.text)
        if answer.status_code != httpx.codes.OK:
            self.bad_visits.append(f"{path} answered {answer.status_code}")

    def _look_at(self, where: str, text: str) -> None:
        self.sightings += [f"{each} in {where}" for each in (*self.secrets, SECRET.decode()) if each in text]


class Keys:
    """A Secret as Kubernetes mounts it: files behind a link that is renamed over."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._version = folder, 0
        folder.mkdir()

    def show(self, keys: Mapping[str, str]) -> None:
        """All of them, at one instant."""
        self._version += 1
        data = self.folder / f"..version-{self._version}"
        data.mkdir()
        for name, key in keys.items():
            (data / name).write_text(f"{key}\n")
            with suppress(FileExistsError):
                (self.folder / name).symlink_to(Path("..data") / name)
        link = self.folder / "..data-new"
        link.symlink_to(data.name)
        link.replace(self.folder / "..data")


class Operator:
    """Rewrites the configuration, badly and well, asks for reloads in storms, and renews keys."""

    def __init__(
        self, world: World, daemon: Daemon, *, config: Path, write: Callable[[Mapping[str, int]], str], keys: Keys
    ) -> None:
        self._world, self._daemon, self._config, self._write, self._keys = world, daemon, config, write, keys
        self._allowances: dict[str, int] = {}
        self.reloads_at: list[datetime] = []  # well
        self.renewals: list[tuple[datetime, str]] = []  # when a key was dead and the new one there to read, and the key
        self.unnoticed: list[str] = []
        self.said: Callable[[], float | None] = lambda: None  # what the newest scrape said of the newest reload

    async def meddle(self, random: Random, *, pause_seconds: float) -> None:
        """One thing after the other, without end."""
        acts = (self._break_config, self._change_config, self._storm, self._renew_key)
        while True:
            for act in acts:
                await asyncio.sleep(pause_seconds)
                await act(random)

    async def reload(self) -> None:
        """The newest good configuration, which ends every pause."""
        self._config.write_text(self._write(self._allowances))
        self._hang_up()
        await self._until(1, "a good configuration")
        self.reloads_at.append(datetime.now(UTC))

    def _hang_up(self) -> None:
        self.reloads_at.append(datetime.now(UTC))
        self._daemon.hang_up()

    async def _break_config(self, random: Random) -> None:
        text = self._write(self._allowances)
        self._config.write_text(text[: random.randrange(len(text) - 1)])
        self._daemon.hang_up()
        await self._until(0, "half a configuration")
        await self.reload()

    async def _change_config(self, random: Random) -> None:
        """Of one account: it alone gets another poll loop."""
        self._allowances[random.choice(SPECS).name] = random.randrange(5000, 6000)
        await self.reload()

    async def _storm(self, _random: Random) -> None:
        for _ in range(STORM):
            self._hang_up()
        await self.reload()

    async def _renew_key(self, random: Random) -> None:
        """The old one is dead at once; in between there is an empty file."""
        account = self._world.accounts[random.choice(SPECS).name]
        dead = account.access_key
        keys = {each.name: each.access_key for each in self._world.accounts.values()}
        self._keys.show(keys | {account.name: ""})
        await asyncio.sleep(0.5)
        account.rotate(new_key(random))
        self._keys.show(keys | {account.name: account.access_key})
        self.renewals.append((datetime.now(UTC), dead))

    async def _until(self, said: float, what: str) -> None:
        try:
            async with asyncio.timeout(NOTICED_SECONDS):
                await asyncio.sleep(1.5)  # so that the scrape is one that began after it
                while self.said() != said:  # noqa: ASYNC110 - another process says it, once a second
                    await asyncio.sleep(0.2)
        except TimeoutError:
            self.unnoticed.append(f"{what} was not told of within {NOTICED_SECONDS:g} s")
