"""How much memory a daemon takes by its number of tasks, and as one of four shards. Linux only.

`make bench` runs it. Daemon and simulator are processes of their own; the daemon has polled five times at least, and
answered a scrape every five seconds meanwhile, before it is looked at.
"""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, STDOUT, create_subprocess_exec
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROUNDS = 5
PATIENCE_SECONDS = 120.0
ANYWHERE = "--web.listen-address=127.0.0.1:0"
CONFIG = """
api: {{base_url: "{url}"}}
poll: {{interval: 5s}}
accounts: [{{name: main, access_key: simulated-key, tasks: all}}]
"""
CASES = ((1, ()), (100, ()), (1_000, ()), (10_000, ()), (10_000, ("--shard=0", "--total-shards=4")))


@asynccontextmanager
async def running(*words: str, says: str) -> AsyncIterator[tuple[int, str]]:
    """A process by its id, and what it says that `says` finds."""
    process = await create_subprocess_exec(sys.executable, "-m", "exporter", *words, stdout=PIPE, stderr=STDOUT)
    try:
        yield process.pid, await said(process.stdout, says)
    finally:
        process.terminate()
        await process.wait()


async def said(stream: asyncio.StreamReader | None, pattern: str) -> str:
    while stream is not None and (line := await stream.readline()):
        if found := re.search(pattern, line.decode()):
            return found[1]
    raise EOFError(f"it has ended without {pattern!r}")


async def measure(tasks: int, flags: tuple[str, ...]) -> tuple[int, int, float, float]:
    """Tasks watched, series, resident MiB at rest and at most."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "config.yaml"
        simulate = ("simulate", ANYWHERE, f"--simulator.tasks={tasks}")
        async with running(*simulate, says=r"^Task API at (\S+) ") as (_, url):
            file.write_text(CONFIG.format(url=url))
            serve = ("serve", ANYWHERE, f"--config.file={file}", *flags)
            async with running(*serve, says=r'msg="Listening on" address=(\S+)$') as (daemon, address):
                text = await scrape(f"http://{address}/metrics")
                at_rest, most = resident(daemon)
    series = sum(not line.startswith("#") for line in text.splitlines())
    return int(number(r"^screenshotmax_tasks\{.*\} (\S+)$", text)), series, at_rest, most


async def scrape(url: str) -> str:
    """The newest of the scrapes, once there were polls enough."""
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client,
    ):
        while True:
            text = (await client.get(url)).text
            if number(r"^screenshotmax_polls_total\{.*\} (\S+)$", text) >= ROUNDS:
                return text
            await asyncio.sleep(5)


def number(pattern: str, text: str) -> float:
    found = re.search(pattern, text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def resident(pid: int) -> tuple[float, float]:
    """MiB now, and at most so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    now, most = (number(rf"^{name}:\s+(\d+) kB$", status) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, most


def main() -> None:
    say = sys.stdout.write
    say("| tasks of the account | watched | series | resident at rest | at most | for each task more |\n")
    say("|---|---|---|---|---|---|\n")
    base: tuple[int, float] | None = None
    for tasks, flags in CASES:
        watched, series, at_rest, most = asyncio.run(measure(tasks, flags))
        base = base or (watched, at_rest)
        more = f"{(at_rest - base[1]) * 1024 / (watched - base[0]):.0f} KiB" if watched > base[0] else ""
        shown = f"{watched:,}, as {' '.join(flags)}" if flags else f"{watched:,}"
        say(f"| {tasks:,} | {shown} | {series:,} | {at_rest:.0f} MiB | {most:.0f} MiB | {more} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
