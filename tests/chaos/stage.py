"""One exporter under many faults at once: an account for each, on real sockets and in virtual time.

All tasks are healthy and run each hour. First the truth is told; then, from before the fire at 12:00 until its deadline
at 12:06 is well past, each account's first task (or its list) meets its fault; then the truth is told again.
"""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from builders import at, at_work, samples
from chaos.certificates import Certificates
from chaos.choosers import named
from chaos.clock import SocketClock
from chaos.faults import FAULTS
from chaos.server import Chaos
from exporter import app
from exporter.config import parse
from exporter.simulator.tasks import SimTask
from exporter.simulator.world import Account, World
from log_lines import written

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    import httpx

    from chaos.choosers import Choice
    from chaos.server import Asked, Door

MOST_FAULTS = 90  # a configuration has a hundred accounts at most
VICTIM, NEIGHBOUR = "9223372036854775783", "7002"  # the first is none that a double can hold
CONTROL = "control"
ANY_KEY = "key-that-opens-"
START_AT = at("2024-06-10 11:54:20Z")
FAULTS_FROM = at("2024-06-10 11:58:30Z")
FAULTS_UNTIL = at("2024-06-10 12:13:30Z")
LOOKS = {
    "amid": at("2024-06-10 12:02:25Z"),  # requests are under way
    "past the deadline": at("2024-06-10 12:13:00Z"),
    "recovered": at("2024-06-10 12:19:00Z"),
}
RELOADED = at("2024-06-10 12:23:50Z")
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


@dataclass(frozen=True, slots=True, repr=False)
class Look:
    """What was shown at one instant."""

    statuses: frozenset[int]
    metrics: str
    samples: dict[str, float]  # of the metrics
    tasks: dict[tuple[str, str], dict]  # of the JSON, by account and id
    pages: str  # the JSON too
    openmetrics: str  # once: past the deadline

    def missed(self) -> list[tuple[str, str]]:
        return [place for place, task in self.tasks.items() if task["missed_run"]]


@dataclass(slots=True, repr=False)
class Played:
    """All that came of it."""

    world: World
    looks: dict[str, Look] = field(default_factory=dict)  # those of LOOKS, and reloaded
    requests: list[Asked] = field(default_factory=list)
    log: str = ""
    astray: int = 0  # connections to where redirects led

    def asked(self, account: str) -> list[Asked]:
        return [asked for asked in self.requests if asked.account == account]


def play(names: Collection[str], directory: Path) -> Played:
    """The whole play for these faults, at most MOST_FAULTS. `directory` is for a file of certificates."""
    clock = SocketClock(START_AT)
    with written(level="debug") as lines:
        played = clock.run(_Stage(names, directory, clock).play())
    played.log = lines.getvalue()
    return played


def key_of(account: str) -> str:
    return f"{ANY_KEY}{account}"


def a_world(names: Collection[str], clock: SocketClock) -> World:
    world = World(clock=clock.now)
    for name in names:
        tasks = (_hourly(VICTIM, "Victim"), _hourly(NEIGHBOUR, "Neighbour"))
        world.add_account(Account(name=name, access_key=key_of(name)), tasks)
    return world


def _hourly(task_id: str, name: str) -> SimTask:
    facts = {"created_at": at("2024-05-01 00:00Z"), "last_run_at": at("2024-06-10 11:00:14Z"), "runs": 900}
    return SimTask(id=int(task_id), name=name, crontab="0 * * * *", **facts)


class _Stage:
    def __init__(self, names: Collection[str], directory: Path, clock: SocketClock) -> None:
        self._clock = clock
        self._faults = {name: FAULTS[name] for name in names}
        self._world = a_world((*names, CONTROL), clock)
        self._certificates = Certificates()
        self._ca_file = directory / "ca.pem"
        self._certificates.authority.cert_pem.write_to_path(self._ca_file)
        self._servers: dict[str, Chaos] = {}

    async def play(self) -> Played:
        played = Played(self._world)
        async with AsyncExitStack() as stack:
            await self._open(stack)
            async with self._polling() as client:
                for name, instant in LOOKS.items():
                    await self._clock.until(instant)
                    played.looks[name] = await self._look(client, whole=name == "past the deadline")
                await self._house.apply(self._config)
                await self._clock.until(RELOADED)
                played.looks["reloaded"] = await self._look(client)
        played.requests = [asked for server in self._servers.values() for asked in server.requests]
        played.astray = self._servers["elsewhere"].connections
        return played

    async def _open(self, stack: AsyncExitStack) -> None:
        """A server for all, one for each that has a door of its own, and one that nobody should ask."""
        self._servers["elsewhere"] = await stack.enter_async_context(self._server())
        self._servers[""] = await stack.enter_async_context(self._server())
        for name, fault in self._faults.items():
            if fault.door or fault.tls:
                self._servers[name] = await stack.enter_async_context(self._server(name))
        self._clock.settle()

    def _server(self, name: str = "") -> Chaos:
        fault = self._faults.get(name)
        door = fault.door(self._certificates, self._clock.silence) if fault and fault.door else None

        def met() -> Door | None:
            return door if self._is_amid() else None

        return Chaos(
            self._world,
            self._choose,
            tls=self._certificates.good() if fault and fault.tls else None,
            door=met,
            silence=self._clock.silence,
            elsewhere=self._servers["elsewhere"].url if self._servers else "",
        )

    def _is_amid(self) -> bool:
        return FAULTS_FROM <= self._clock.now() < FAULTS_UNTIL

    def _choose(self, asked: Asked) -> Choice:
        fault = self._faults.get(asked.account)
        met = fault is not None and asked.path == ("/v1/tasks" if fault.listed else f"/v1/tasks/{VICTIM}")
        return named(asked.account, FAULTS) if met and self._is_amid() else None

    @asynccontextmanager
    async def _polling(self) -> AsyncIterator[httpx.AsyncClient]:
        self._config = parse(json.dumps(self._settings()), name="config.yaml", directory=Path())
        self._house = app.build(self._config, now=self._clock.now, host="test-host", random=Random(1).random)
        async with at_work(self._house) as client:
            yield client

    def _settings(self) -> dict:
        return {
            "api": {"ca_file": str(self._ca_file)},
            "poll": {"interval": "8m", "stale_after": "40m", "max_tasks": 100},
            "accounts": [self._account(name) for name in self._world.accounts],
        }

    def _account(self, name: str) -> dict:
        fault = self._faults.get(name)
        base_url = (fault.nowhere if fault else "") or self._servers[name if name in self._servers else ""].url
        tasks = "all" if fault and fault.listed else [VICTIM, NEIGHBOUR]
        return {"name": name, "access_key": key_of(name), "tasks": tasks, "api": {"base_url": base_url}}

    async def _look(self, client: httpx.AsyncClient, *, whole: bool = False) -> Look:
        answers = [await client.get("/metrics"), await client.get("/api/v1/tasks")]
        told = answers[1].json()["tasks"]
        if whole:
            paths = (
                "/",
                "/config",
                *(f"/tasks/{name}/{VICTIM}" for name, fault in self._faults.items() if not fault.gone),
            )
            answers += [await client.get(path) for path in paths]
            answers.append(await client.get("/metrics", headers={"Accept": OPENMETRICS}))
        return Look(
            statuses=frozenset(answer.status_code for answer in answers),
            metrics=answers[0].text,
            samples=samples(answers[0].text),
            tasks={(task["account"], task["task_id"]): task for task in told},
            pages="".join(answer.text for answer in answers[1:]),
            openmetrics=answers[-1].text if whole else "",
        )
