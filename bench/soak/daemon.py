"""The exporter as a process of its own, and what the kernel tells of it. Linux only."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import create_subprocess_exec
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What it has at one instant."""

    descriptors: int
    threads: int
    resident_mib: float


class Daemon:
    """`serve` at debug level, its log in a file."""

    def __init__(self, process: Process, log: Path) -> None:
        self._process, self._log = process, log
        self.address = ""

    def held(self) -> Held:
        folder = Path(f"/proc/{self._process.pid}")
        return Held(
            descriptors=len(list((folder / "fd").iterdir())),
            threads=int(self._status("Threads")),
            resident_mib=self._status("VmRSS") / 1024,
        )

    async def at_rest(self) -> Held:
        """The least of a second: requests come and go."""
        found = []
        for _ in range(10):
            found.append(self.held())
            await asyncio.sleep(0.1)
        return min(found, key=lambda held: held.descriptors)

    def most_mib(self) -> float:
        return self._status("VmHWM") / 1024

    def _status(self, name: str) -> int:
        found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{self._process.pid}/status").read_text(), re.MULTILINE)
        assert found is not None, name  # noqa: S101 - all of them are there on Linux
        return int(found[1])

    def openings(self) -> bytes:
        """Its arguments and environment, as whoever may look into /proc sees them."""
        folder = Path(f"/proc/{self._process.pid}")
        return (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()

    def hang_up(self) -> None:
        self._process.send_signal(signal.SIGHUP)

    async def leave(self) -> tuple[int | None, float]:
        """Its exit code after SIGTERM, None where it does not go, and the seconds that it took."""
        began_seconds = monotonic()
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                code = await self._process.wait()
        except TimeoutError:
            return None, monotonic() - began_seconds
        return code, monotonic() - began_seconds

    async def listening(self) -> None:
        """Until it has said where."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (found := re.search(r'msg="Listening on" address=(\S+)', self._log.read_text())):
                if self._process.returncode is not None:
                    raise EOFError(f"it has ended: {self._log.read_text()}")
                await asyncio.sleep(0.05)
        self.address = found[1]


@asynccontextmanager
async def serving(config: Path, *, ledger: Path, log: Path) -> AsyncIterator[Daemon]:
    """Ended at the end whatever happens."""
    words = (
        "serve",
        f"--config.file={config}",
        f"--storage.path={ledger}",
        "--web.listen-address=127.0.0.1:0",
        "--log.level=debug",
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with log.open("wb") as stream:
        process = await create_subprocess_exec(
            sys.executable, "-m", "exporter", *words, cwd=ROOT, env=environment, stdout=stream, stderr=stream
        )
    daemon = Daemon(process, log)
    try:
        await daemon.listening()
        yield daemon
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
