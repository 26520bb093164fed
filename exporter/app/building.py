"""Builds the house that one configuration asks for."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.app.house import House
from exporter.model import UNSHARDED
from exporter.web import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    import httpx

    from exporter.config import Config
    from exporter.ledger import Entry
    from exporter.model import Secret, Shard
    from exporter.reload import File
    from exporter.store.book import Key
    from exporter.store.keeper import File as LedgerFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloading:
    """The file that the configuration came from, what it held then, and who besides SIGHUP may have it loaded again."""

    file: File
    content: bytes
    watch_every: timedelta | None = None
    by_request: bool = False


def build(
    config: Config,
    *,
    now: Callable[[], datetime],
    host: str,
    random: Callable[[], float] = random.random,
    transport: httpx.AsyncBaseTransport | None = None,
    telemetry_path: str = "/metrics",
    place: Place | None = None,
    entries: Mapping[Key, Entry] | None = None,
    ledger_file: LedgerFile | None = None,
    reloading: Reloading | None = None,
    shard: Shard = UNSHARDED,
    note: Callable[[Secret], object] = lambda _: None,
) -> House:
    """Wire the house. `now` is the wall clock (aware UTC), `random` gives numbers from 0 to 1 for waits that others
    should not share; `transport` stands in for the network.

    `entries` are the ledger's that an earlier run saved; with a `ledger_file` they are that file's, and saved to it.
    Without `reloading` the configuration stays for life. Of its tasks only the `shard`'s are watched.
    `note` hears of each secret before it is used.
    Raises ValueError for a telemetry path that is not one, ConfigError where there are too many shards for an account.
    """
    saved = ledger_file.entries() if ledger_file is not None else entries
    house = House(config, now=now, host=host, random=random, transport=transport, entries=saved, shard=shard, note=note)
    house.keep_ledger(ledger_file)
    if reloading is not None:
        house.allow_reloads(reloading)
    house.open_web(telemetry_path, place or Place(), reload_by_request=reloading is not None and reloading.by_request)
    return house
