"""The composition root: builds the house once, and keeps its root tasks living or dying together."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter import REVISION, __version__
from exporter.client import KeySource, Upstream
from exporter.config import format_duration
from exporter.explain import explain
from exporter.metrics import ReportCollector, build_registry
from exporter.poller import Poller
from exporter.report import Reporter
from exporter.schedule import Schedules
from exporter.store import Book, Keeper, Store
from exporter.web import Server, Sources, build_web

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    import httpx
    from starlette.applications import Starlette

    from exporter.config import Account, Config
    from exporter.explain import Explanation
    from exporter.ledger import Entry
    from exporter.model import Report, TaskReport
    from exporter.store.book import Key
    from exporter.store.keeper import File

_SILENCE_SECONDS = 30.0  # beyond a request's deadline: a loop that shows no life for longer is taken for dead
_LEAVE_SECONDS = 4.0  # for everything to end after a signal; an orchestrator kills after 30 s, a user long before
_ENDING = (signal.SIGTERM, signal.SIGINT)
_HARMLESS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)  # a terminal that closes, a supervisor's habit
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class House:
    """Everything that was built from one configuration."""

    store: Store
    report: Callable[[], Report]  # as of now
    explain: Callable[[Report, TaskReport], Explanation]
    pollers: tuple[Poller, ...]
    keeper: Keeper
    upstreams: tuple[Upstream, ...]
    web: Starlette

    async def aclose(self) -> None:
        await self.keeper.aclose()
        for upstream in self.upstreams:
            await upstream.aclose()


def build(
    config: Config,
    *,
    now: Callable[[], datetime],
    host: str,
    transport: httpx.AsyncBaseTransport | None = None,
    telemetry_path: str = "/metrics",
    entries: Mapping[Key, Entry] | None = None,
    ledger_file: File | None = None,
) -> House:
    """Wire the house. `now` is the wall clock (aware UTC); `transport` stands in for the network.

    `entries` are the ledger's that an earlier run saved; with a `ledger_file` they are that file's, and saved to it.
    """
    policies = {account.name: account.policy for account in config.accounts}
    schedules = Schedules()
    saved = ledger_file.entries() if ledger_file is not None else entries
    store = Store(Book(policies, schedules=schedules, entries=saved))
    for account in config.accounts:
        listed = None if account.tasks == "all" else account.tasks
        store.add_account(account.name, interval=account.poll.interval, listed=listed)
    reporter = Reporter(store, policies, schedules=schedules)
    upstreams = tuple(_upstream(account, store, now, transport) for account in config.accounts)
    pollers = tuple(
        Poller(account, upstream, store, now=now, host=host)
        for account, upstream in zip(config.accounts, upstreams, strict=True)
    )
    on_error = partial(_caught, store)
    report = partial(_report, reporter, now)
    explained = partial(_explain, {account.name: account for account in config.accounts}, schedules)
    collector = ReportCollector(
        report,
        polled=_how_often(config),
        version=__version__,
        revision=REVISION,
        on_error=on_error,
    )
    sources = Sources(
        report=report,
        explain=explained,
        registry=build_registry(collector),
        healthy=partial(_healthy, config.accounts, pollers),
        ready=partial(_ready, store),
        version=__version__,
        on_error=on_error,
        telemetry_path=telemetry_path,
    )
    keeper = Keeper(store, ledger_file, on_error=on_error)
    return House(store, report, explained, pollers, keeper, upstreams, build_web(sources))


def _upstream(
    account: Account, store: Store, now: Callable[[], datetime], transport: httpx.AsyncBaseTransport | None
) -> Upstream:
    def observe(code: str, seconds: float, skew: timedelta | None) -> None:
        store.record_request(account.name, code=code, seconds=seconds, skew=skew)

    return Upstream(account.api, KeySource(account), now=now, observe=observe, transport=transport)


def _report(reporter: Reporter, now: Callable[[], datetime]) -> Report:
    return reporter.report(now(), seconds=asyncio.get_running_loop().time())


def _explain(accounts: Mapping[str, Account], schedules: Schedules, report: Report, known: TaskReport) -> Explanation:
    account = accounts[known.account]
    policy, sources = account.policy(known.task_id), account.policy_sources(known.task_id)
    return explain(report, known, policy=policy, sources=sources, schedules=schedules)


def _caught(store: Store, where: str) -> None:
    """A bug that is being handled: counted and told, never raised to whoever scrapes or looks."""
    store.record_internal_error(where)
    _log.error("Internal error", where=where, error=sys.exception())


def _how_often(config: Config) -> str:
    """For the HELP of what is polled: `every 1m`, or `every 1m to 5m` where accounts differ."""
    intervals = sorted({account.poll.interval for account in config.accounts})
    return "every " + " to ".join(dict.fromkeys(format_duration(each) for each in (intervals[0], intervals[-1])))


def _healthy(accounts: Sequence[Account], pollers: Sequence[Poller]) -> bool:
    """Whether every poll loop has shown life lately. Upstream has no say in it."""
    now_seconds = asyncio.get_running_loop().time()
    return all(
        poller.beat_seconds is None
        or now_seconds - poller.beat_seconds < account.api.timeout.total_seconds() + _SILENCE_SECONDS
        for account, poller in zip(accounts, pollers, strict=True)
    )


def _ready(store: Store) -> tuple[bool, str]:
    waiting = [account.name for account, _ in store.read() if not account.polled]
    return (not waiting, f"waiting for the first poll of {', '.join(waiting)}" if waiting else "")


async def serve(house: House, sockets: Sequence[socket.socket]) -> int:
    """Poll and serve until SIGTERM or SIGINT (exit code 0), or until a root task ends by itself (1)."""
    server = Server(house.web, sockets)
    for url in server.urls:
        _log.info("Listening on", address=url)
    try:
        return await live_or_die(servers={"web server": server}, loops=polling(house))
    finally:
        await house.aclose()


def polling(house: House) -> dict[str, Coroutine[object, object, None]]:
    """The house's root loops by name."""
    names = (account.name for account, _ in house.store.read())
    pollers = {f"poller of {name}": poller.run() for name, poller in zip(names, house.pollers, strict=True)}
    return pollers | {"ledger": house.keeper.run()}


async def live_or_die(*, servers: Mapping[str, Server], loops: Mapping[str, Coroutine[object, object, None]]) -> int:
    """Run the root tasks until a signal (0), or until one of them ends, which none ever should (1); then end all.

    Servers finish the answers they have begun, loops are cancelled; what lingers is left behind.
    """
    asyncio.get_running_loop().set_exception_handler(_tell)
    serving = {asyncio.create_task(server.serve(), name=name) for name, server in servers.items()}
    looping = {asyncio.create_task(loop, name=name) for name, loop in loops.items()}
    with _signals() as signalled:
        waiting = asyncio.create_task(signalled.wait(), name="signal")
        done, _ = await asyncio.wait({*serving, *looping, waiting}, return_when=asyncio.FIRST_COMPLETED)
        ended = done - {waiting}
        for task in ended:
            error = None if task.cancelled() else task.exception()
            _log.error("A root task has ended; leaving", task=task.get_name(), error=error)
        for server in servers.values():
            server.stop()
        for task in (*looping, waiting):
            task.cancel()
        await asyncio.wait({*serving, *looping, waiting}, timeout=_LEAVE_SECONDS)
    return 1 if ended else 0


def _tell(_loop: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
    """An error that nobody caught. In asyncio's own words it would quote the objects it met, and so perhaps a key."""
    _log.error("Internal error", where="event loop", error=context.get("exception"))


@contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """An event that the first SIGTERM or SIGINT sets; the second ends the process on the spot, with 1.

    Not the event loop's own handlers: those wait for a turn of the loop, which may be what does not come.
    """
    loop = asyncio.get_running_loop()
    signalled = asyncio.Event()
    received: list[int] = []

    def leave(name: str) -> None:
        _log.warning(f"Received {name}, exiting gracefully...")
        signalled.set()

    def handle(number: int, _frame: object) -> None:
        if received:
            os._exit(1)
        received.append(number)
        loop.call_soon_threadsafe(leave, signal.Signals(number).name)

    before = {number: signal.signal(number, handle) for number in _ENDING}
    before |= {number: signal.signal(number, signal.SIG_IGN) for number in _HARMLESS}
    try:
        yield signalled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
