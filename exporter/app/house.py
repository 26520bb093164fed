"""Everything that one configuration asks for, wired; another may take its place while it runs."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter import REVISION, __version__
from exporter.app.keys import NotedKeySource
from exporter.client import Upstream
from exporter.config import Account, ConfigError, format_duration, to_yaml
from exporter.explain import explain
from exporter.metrics import Refusals, ReportCollector, build_registry
from exporter.model import PollError
from exporter.poller import Crew, Limiter, Poller, Pulse, share
from exporter.reload import Effects, Reloader
from exporter.report import Reporter
from exporter.schedule import Schedules
from exporter.store import Book, Keeper, Store
from exporter.web import Place, Sources, build_web

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    import httpx
    from starlette.applications import Starlette

    from exporter.app.building import Reloading
    from exporter.config import Config
    from exporter.explain import Explanation
    from exporter.ledger import Entry
    from exporter.model import Policy, Report, Secret, Shard, TaskReport
    from exporter.store.book import Key
    from exporter.store.keeper import File as LedgerFile

_SILENCE_SECONDS = 45.0  # a loop that shows no life for longer is taken for dead
_log = structlog.get_logger()


class House:
    """One store, what writes to it and what reads it. The accounts in it may be replaced while everything runs."""

    web: Starlette
    _keeper: Keeper
    _loop: asyncio.AbstractEventLoop  # in whose thread alone the store is written

    def __init__(
        self,
        config: Config,
        *,
        now: Callable[[], datetime],
        host: str,
        random: Callable[[], float],
        transport: httpx.AsyncBaseTransport | None,
        entries: Mapping[Key, Entry] | None,
        shard: Shard,
        note: Callable[[Secret], object],
    ) -> None:
        self._now, self._random, self._host, self._transport, self._shard = now, random, host, transport, shard
        self._note = note
        self._schedules = Schedules()
        self._policies: dict[str, Callable[[str], Policy]] = {}  # read by both who judge
        self.store = Store(Book(self._policies, schedules=self._schedules, entries=entries))
        self._reporter = Reporter(self.store, self._policies)
        self._reloader: Reloader | None = None
        self.refusals = Refusals()  # of the web, counted by its server
        self._limiters: dict[str, Limiter] = {}
        self._accounts: dict[str, Account] = {}
        self._was_ready = False
        self._adopt(config, share(config, shard))
        self._record_reload(successful=True)
        keys = self._keys(self._accounts.values())
        self._crew = Crew({name: self._poller(account, keys[name]) for name, account in self._accounts.items()})
        self._attach(keys)

    def keep_ledger(self, file: LedgerFile | None) -> None:
        self._keeper = Keeper(self.store, file, on_error=self._caught)

    def allow_reloads(self, reloading: Reloading) -> None:
        effects = Effects(apply=self.apply, record=self._record_reload, on_error=self._caught)
        self._reloader = Reloader(reloading.file, reloading.content, effects, watch_every=reloading.watch_every)

    def open_web(self, telemetry_path: str, place: Place, *, reload_by_request: bool) -> None:
        collector = ReportCollector(
            self.report,
            polled=self._how_often,
            version=__version__,
            revision=REVISION,
            on_error=self._caught,
            errors=lambda: self.store.internal_errors,
            shard=self._shard,
            refusals=self.refusals,
        )
        sources = Sources(
            report=self.report,
            explain=self.explain,
            registry=build_registry(collector),
            healthy=self._is_healthy,
            ready=self._is_ready,
            config=lambda: self._config,
            config_text=to_yaml,
            reload=self._reloader.ask if self._reloader and reload_by_request else None,
            version=__version__,
            on_error=self._caught,
            on_refused=self.refusals.add,
            telemetry_path=telemetry_path,
            route_prefix=place.route_prefix,
            external_url=place.external_url,
        )
        self.web = build_web(sources)

    @property
    def pollers(self) -> tuple[Poller, ...]:
        return self._crew.pollers

    def loops(self) -> dict[str, Coroutine[object, object, None]]:
        """The root loops by name."""
        loops = {"pollers": self._crew.run(), "ledger": self._keeper.run()}
        return loops if self._reloader is None else loops | {"reload": self._reloader.run()}

    def report(self) -> Report:
        """As of now. Called in the event loop."""
        self._loop = asyncio.get_running_loop()
        return self._reporter.report(self._now(), seconds=self._loop.time())

    def explain(self, report: Report, known: TaskReport) -> Explanation:
        # The account may have been removed since the report was made.
        account = self._accounts.get(known.account) or Account(known.account)
        policy, sources = account.policy(known.task_id), account.policy_sources(known.task_id)
        return explain(report, known, policy=policy, sources=sources, schedules=self._schedules)

    def ask_to_reload(self) -> None:
        """For a signal: nobody waits for the answer."""
        if self._reloader is not None:
            self._reloader.ask()

    async def apply(self, config: Config) -> None:
        """Put another configuration in the place of this one.

        An account that is the same in both is polled on as if nothing had happened; of one that has changed, evidence,
        ledger and counters stay. An answer that comes late for an account that went is dropped with its request.
        """
        accounts = share(config, self._shard)
        changed = [each for each in accounts if not self._is_polled_as(each)]
        gone = self._accounts.keys() - {account.name for account in accounts}
        keys = self._keys(changed)
        new = await self._hired(changed, keys, config)
        self._is_ready()  # what is true before the new ones come
        await self._crew.halt(new.keys() | gone)
        # From here on nothing is awaited: whoever looks sees the one configuration or the other.
        self._adopt(config, accounts)
        self._attach(keys)
        replaced = self._crew.replace(gone, new)
        for poller in self._crew.pollers:
            poller.unblock()
        for poller in replaced:
            await self._close(poller)

    def _is_polled_as(self, account: Account) -> bool:
        return self._accounts.get(account.name) == account and self._crew.is_polling(account.name)

    async def _hired(
        self, accounts: Iterable[Account], keys: Mapping[str, NotedKeySource], config: Config
    ) -> dict[str, Poller]:
        """Pollers whose keys and authorities can be read. Raises ConfigError: the old ones would go for nothing."""
        hired: dict[str, Poller] = {}
        try:
            for account in accounts:
                hired[account.name] = self._poller(account, keys[account.name])
                await _prepare(hired[account.name], f"{config.name}: account {account.name}")
                await Pulse().through(self.store.look_under(account.name, account.policy))
        except BaseException:
            for poller in hired.values():
                await self._close(poller)
            raise
        return hired

    async def _close(self, poller: Poller) -> None:
        try:
            await poller.aclose()
        except Exception:  # noqa: BLE001 - one that will not close must not cost the others their polls
            self._caught("reload")

    async def aclose(self) -> None:
        await self._keeper.aclose()
        await self._crew.aclose()

    def _adopt(self, config: Config, accounts: Sequence[Account]) -> None:
        """Watch these accounts, this shard's part of the configuration, and nothing else."""
        before, self._accounts = self._accounts, {account.name: account for account in accounts}
        self._config = config
        self._policies.clear()
        self._policies.update({account.name: account.policy for account in accounts})
        for name, account in before.items():
            if name not in self._accounts or self._accounts[name].api.base_url != account.api.base_url:
                self.store.remove_account(name)
        self._limit(accounts)
        for account in accounts:
            listed = None if account.tasks == "all" else account.tasks
            self.store.add_account(
                account.name, interval=account.poll.interval, listed=listed, excluded=account.exclude
            )
        self.store.arrange(list(self._accounts))
        self.store.book.forget_plans()
        self._reporter.forget()

    def _keys(self, accounts: Iterable[Account]) -> dict[str, NotedKeySource]:
        """Of accounts that may still be refused: nothing is told of these keys before they are attached."""
        return {account.name: NotedKeySource(account, note=self._note) for account in accounts}

    def _attach(self, keys: Mapping[str, NotedKeySource]) -> None:
        for name, key in keys.items():
            key.attach(partial(self._record_key, name))

    def _poller(self, account: Account, key: NotedKeySource) -> Poller:
        upstream = Upstream(
            account.api,
            key,
            now=self._now,
            observe=partial(self._observe, account.name),
            transport=self._transport,
        )
        return Poller(
            account,
            upstream,
            self.store,
            now=self._now,
            random=self._random,
            host=self._host,
            limiter=self._limiter(account),
            shard=self._shard,
        )

    def _limiter(self, account: Account) -> Limiter:
        return self._limiters.setdefault(account.name, Limiter(account.api.requests_per_minute))

    def _limit(self, accounts: Iterable[Account]) -> None:
        """One limiter for each name, which stays until its minute is over: no reload grants a second budget."""
        there = {account.name: self._limiter(account) for account in accounts}
        # Of those that went the loop is asked only when there are any: the first have no loop yet.
        used = {name: each for name, each in self._limiters.items() if name not in there and _is_in_use(each)}
        self._limiters = used | there
        for account in accounts:
            self._limiters[account.name].per_minute = account.api.requests_per_minute

    def _observe(self, name: str, code: str, seconds: float, skew: timedelta | None) -> None:
        self.store.record_request(name, code=code, seconds=seconds, skew=skew)

    def _record_key(self, name: str, readable: bool) -> None:  # noqa: FBT001 - called by its source, by position
        self.store.record_key(name, readable=readable)

    def _record_reload(self, successful: bool) -> None:  # noqa: FBT001 - called by Effects, by position
        self.store.record_reload(successful=successful, at=self._now())

    def _caught(self, where: str) -> None:
        """A bug that is being handled: told and counted, never raised to whoever scrapes or looks."""
        _log.error("Internal error", where=where, error=sys.exception())
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # a thread, at work on what `report` gave
            self._loop.call_soon_threadsafe(self.store.record_internal_error, where)
        else:
            self.store.record_internal_error(where)

    def _how_often(self) -> str:
        """For the HELP, alike on all shards: `every 1m`, or `every 1m to 5m` where accounts differ."""
        intervals = sorted({account.poll.interval for account in self._config.accounts})
        return "every " + " to ".join(dict.fromkeys(format_duration(each) for each in (intervals[0], intervals[-1])))

    def _is_healthy(self) -> bool:
        """Whether every poll loop has shown life lately. Upstream has no say in it."""
        now_seconds = asyncio.get_running_loop().time()
        beats = (self._crew.beat_seconds(name) for name in self._accounts)
        return all(beat is None or now_seconds - beat < _SILENCE_SECONDS for beat in beats)

    def _is_ready(self) -> tuple[bool, str]:
        """Once ready it stays so: an account that a reload adds takes nothing away from those that are watched."""
        waiting = [account.name for account, _ in self.store.read() if not account.polled]
        self._was_ready = self._was_ready or not waiting
        return self._was_ready, "" if self._was_ready else f"waiting for the first poll of {', '.join(waiting)}"


async def _prepare(poller: Poller, where: str) -> None:
    try:
        await poller.prepare()
    except PollError as error:
        raise ConfigError((f"{where}: {error.detail}",)) from None


def _is_in_use(limiter: Limiter) -> bool:
    return limiter.is_in_use(asyncio.get_running_loop().time())
