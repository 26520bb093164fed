"""The whole play: a real exporter, hostile everything around it, and somebody who takes notes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from builders import among
from chaos.certificates import Certificates
from chaos.choosers import by_chance, truth
from chaos.faults import FAULTS
from chaos.faults.meanings import SECRET
from chaos.server import Chaos
from soak.daemon import Held, serving
from soak.fleet import INTERVAL_SECONDS, MARKER, SPECS, chance, config_text, people
from soak.intruders import Clients, Keys, Operator
from soak.scraper import Shown
from soak.truth import Truth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from chaos.choosers import Choice
    from chaos.server import Asked, Door
    from soak.daemon import Daemon

SHARE = 0.6  # of all answers is spoilt
DOORS = 0.1  # of all connections meets its fault before there is a request
SECRETS = (MARKER, SECRET)
CALM_SECONDS, SETTLE_SECONDS = 2.0, INTERVAL_SECONDS + 2.0
_LINE_BYTES = 1 << 20


@dataclass(slots=True, kw_only=True)
class Notes:
    """All that came of it."""

    seconds: float
    truth: Truth
    upstreams: list[Chaos]
    spoilt: float = 0.0  # of the connections while upstream did mischief
    astray: int = 0
    scrapes: list[float] = field(default_factory=list)  # seconds each took
    bad_scrapes: list[str] = field(default_factory=list)
    totals: dict[str, float] = field(default_factory=dict)  # of the newest scrape
    first: Held | None = None
    last: Held | None = None
    most_mib: float = 0.0
    sightings: list[str] = field(default_factory=list)
    bugs: list[str] = field(default_factory=list)
    clients: Clients | None = None
    operator: Operator | None = None
    exit_code: int | None = None
    exit_seconds: float = 0.0
    held_to: int = 0
    lost_runs: list[str] = field(default_factory=list)

    @property
    def requests(self) -> list[Asked]:
        return [asked for each in self.upstreams for asked in each.requests]


class Mischief:
    """What upstream does: nothing but the truth while it is not `on`."""

    def __init__(self, seed: int) -> None:
        self.on = False
        self.shut = 0  # connections that met a door
        self._random = chance(seed)
        share = 1 - (1 - SHARE) / (1 - DOORS)  # of the requests that are left
        self._choosers = {
            spec.name: by_chance(share, spec.faults, seed=seed + number) for number, spec in enumerate(SPECS)
        }
        certificates = self.certificates = Certificates()
        self._doors = {
            tls: [
                fault.door(certificates, contextlib.nullcontext)
                for fault in FAULTS.values()
                if fault.door and fault.tls is tls
            ]
            for tls in (False, True)
        }

    def choose(self, asked: Asked) -> Choice:
        return self._choosers[asked.account](asked) if self.on and asked.account else None

    def door(self, *, tls: bool) -> Door | None:
        if not self.on or self._random.random() >= DOORS:
            return None
        self.shut += 1
        return self._random.choice(self._doors[tls])


class Play:
    def __init__(self, folder: Path, *, seconds: float, seed: int) -> None:
        self._folder, self._seconds = folder, seconds
        self._start_at = datetime.now(UTC)
        self._world, lives = people(seed, self._start_at, seconds=seconds)
        self._mischief, self._random = Mischief(seed), chance(seed)
        self._heard: dict[int, int] = {}  # by upstream: up to which request all are over and noted
        self._open: list[Asked] = []
        self.notes = Notes(seconds=seconds, truth=Truth(lives), upstreams=[])

    async def run(self) -> Notes:
        async with contextlib.AsyncExitStack() as stack:
            elsewhere = await stack.enter_async_context(Chaos(self._world, truth))
            urls = {}
            for tls in (False, True):
                upstream = await stack.enter_async_context(self._upstream(elsewhere.url, tls=tls))
                self.notes.upstreams.append(upstream)
                urls[tls] = upstream.url
            await self._play(urls)
            self.notes.astray = elsewhere.connections
        return self.notes

    def _upstream(self, elsewhere: str, *, tls: bool) -> Chaos:
        return Chaos(
            self._world,
            self._mischief.choose,
            tls=self._mischief.certificates.good() if tls else None,
            door=lambda: self._mischief.door(tls=tls),
            elsewhere=elsewhere,
        )

    async def _play(self, urls: dict[bool, str]) -> None:
        ca_file, config, keys = self._folder / "ca.pem", self._folder / "config.yaml", Keys(self._folder / "keys")
        self._mischief.certificates.authority.cert_pem.write_to_path(ca_file)
        keys.show({name: account.access_key for name, account in self._world.accounts.items()})

        def write(allowances: Mapping[str, int]) -> str:
            return config_text(self._world, urls, ca_file=ca_file, keys=keys.folder, allowances=allowances)

        config.write_text(write({}))
        log, ledger = self._folder / "log", self._folder / "ledger"
        ledger.mkdir()
        async with serving(config, ledger=ledger / "ledger.db", log=log) as daemon:
            notes = self.notes
            notes.clients = Clients(daemon.address, SECRETS, self._random)
            notes.operator = Operator(self._world, daemon, config=config, write=write, keys=keys)
            notes.truth.reloads_at = notes.operator.reloads_at
            notes.operator.said = lambda: notes.totals.get("reload_successful")
            async with self._watching(daemon):
                await self._acts(daemon, notes.operator, notes.clients)
            self._sum_up(daemon)
            self._mischief.on = True
            await asyncio.sleep(1)
            notes.exit_code, notes.exit_seconds = await daemon.leave()
        self._search([log, *ledger.iterdir()])

    async def _acts(self, daemon: Daemon, operator: Operator, clients: Clients) -> None:
        """The truth first and last, to have something to hold on to, and in between what was asked for."""
        await asyncio.sleep(CALM_SECONDS - 1)
        self.notes.first = await daemon.at_rest()
        self._mischief.on, self._calm = True, len(self.notes.requests)
        pause_seconds = min(20.0, self._seconds / 4)
        async with among(clients.disturb(), operator.meddle(self._random, pause_seconds=pause_seconds)):
            await asyncio.sleep(self._seconds)
        self._mischief.on = False
        self.notes.spoilt = self._share_of_mischief()
        self._settled_at = datetime.now(UTC)
        await operator.reload()
        await asyncio.sleep(SETTLE_SECONDS - 1)
        self.notes.last = await daemon.at_rest()

    def _share_of_mischief(self) -> float:
        met = sum(asked.fault is not None for asked in self.notes.requests) + self._mischief.shut
        return met / max(len(self.notes.requests) - self._calm + self._mischief.shut, 1)

    @asynccontextmanager
    async def _watching(self, daemon: Daemon) -> AsyncIterator[None]:
        scraper = await create_subprocess_exec(
            *(sys.executable, "-m", "soak.scraper", daemon.address, *SECRETS),
            stdout=PIPE,
            limit=_LINE_BYTES,
            env=dict(os.environ),
        )
        try:
            async with among(self._take_notes(scraper.stdout)):
                yield
        finally:
            scraper.kill()
            await scraper.wait()

    async def _take_notes(self, lines: asyncio.StreamReader | None) -> None:
        while lines is not None and (line := await lines.readline()):
            self._note(json.loads(line))
        raise EOFError("the scraper has ended")

    def _note(self, scrape: dict[str, Any]) -> None:
        """Time first, then what upstream has answered until now, then the scrape."""
        notes = self.notes
        notes.truth.look(datetime.now(UTC))
        self._hear()
        notes.scrapes.append(scrape["seconds"])
        at = datetime.fromtimestamp(scrape["at"], UTC)
        if scrape["fault"]:
            notes.bad_scrapes.append(f"{at:%X.%f}: {scrape['fault']}")
            return
        if scrape["sightings"]:
            notes.sightings.append(f"in the scrape of {at:%X.%f}")
        notes.totals = scrape["totals"]
        tasks = {tuple(name.split("/")): Shown(**shown) for name, shown in scrape["tasks"].items()}
        notes.truth.see(at, tasks)

    def _hear(self) -> None:
        """Requests that are over, in the order in which they ended."""
        for number, upstream in enumerate(self.notes.upstreams):
            self._open += upstream.requests[self._heard.get(number, 0) :]
            self._heard[number] = len(upstream.requests)
        over = [asked for asked in self._open if asked.seconds]
        self._open = [asked for asked in self._open if not asked.seconds]
        for asked in sorted(over, key=lambda asked: asked.at.timestamp() + asked.seconds):
            self.notes.truth.hear(asked)

    def _sum_up(self, daemon: Daemon) -> None:
        notes = self.notes
        notes.most_mib = daemon.most_mib()
        notes.held_to, notes.lost_runs = notes.truth.account_for_runs(since_at=self._settled_at)
        if any(secret.encode() in daemon.openings() for secret in SECRETS):
            notes.sightings.append("in the process's arguments or environment")

    def _search(self, files: list[Path]) -> None:
        for file in files:
            content = file.read_bytes()
            self.notes.sightings += [f"{each} in {file.name}" for each in SECRETS if each.encode() in content]
            self.notes.bugs += [line.decode() for line in content.splitlines() if b'msg="Internal error"' in line]
