"""Which part of the work is one shard's: a pure function of account, task id and the number of shards."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from exporter.config import ConfigError, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.config import Account, Config
    from exporter.model import Shard

_LEAST_PER_MINUTE = 2  # as for a whole account: with 1, the poll at the start would keep the next from the minute


def owner(account: str, task_id: str, *, total: int) -> int:
    """The shard that a task belongs to: jump consistent hashing over the first 8 bytes of a SHA-256.

    Lamping and Veach, 2014. From n shards to m above n, 1 - n/m of the tasks move, all of them to the new shards.
    """
    if total == 1:
        return 0
    key = int.from_bytes(hashlib.sha256(f"{account}\0{task_id}".encode()).digest()[:8])
    shard, jump = 0, 0
    while jump < total:
        shard = jump
        key = (key * 2862933555777941757 + 1) % 2**64
        jump = int((shard + 1) * (2**31 / ((key >> 33) + 1)))
    return shard


def owns(shard: Shard, account: str, task_id: str) -> bool:
    return owner(account, task_id, total=shard.total) == shard.ordinal


def share(config: Config, shard: Shard) -> tuple[Account, ...]:
    """The accounts as this shard polls them: its listed ids, its part of `requests_per_minute`.

    An account with listed ids none of which is this shard's is left out: there is nothing to ask. Raises ConfigError
    where the parts are too small, and on all shards alike, as a shard that is missing would be worse than none.
    """
    if shard.total == 1:
        return config.accounts
    problems = tuple(text for account in config.accounts for text in _too_little(account, shard.total))
    if problems:
        raise ConfigError(tuple(f"{config.name}: {text}" for text in problems))
    parts = (_part(account, shard) for account in config.accounts)
    return tuple(part for part in parts if part.tasks)


def _part(account: Account, shard: Shard) -> Account:
    tasks = account.tasks
    if tasks != "all":
        tasks = tuple(task_id for task_id in tasks if owns(shard, account.name, task_id))
    # As all ids together are fetched: otherwise a few ids in each of many shards would be asked one by one.
    poll = replace(account.poll, fetch=account.fetch)
    api = replace(account.api, requests_per_minute=account.api.requests_per_minute // shard.total)
    return replace(account, tasks=tasks, poll=poll, api=api)


def _too_little(account: Account, total: int) -> Iterator[str]:
    """What keeps so many shards from polling an account within its ceiling, in a sentence."""
    ceiling = account.api.requests_per_minute
    told = f"account {account.name}: requests_per_minute: {ceiling} for {total} shards"
    if ceiling // total < _LEAST_PER_MINUTE:
        yield f"{told}: found {ceiling // total} for each, expected at least {_LEAST_PER_MINUTE}"
    elif account.fetch == "list":
        every = format_duration(account.poll.interval)
        if ceiling // total * account.poll.interval.total_seconds() < 60:
            yield f"{told}: found a list to ask every {every}, expected one request a poll"
    elif account.tasks != "all":
        shard, count = Counter(owner(account.name, each, total=total) for each in account.tasks).most_common(1)[0]
        interval = account.poll.interval
        room = int(ceiling // total * interval.total_seconds() / 60)
        if count > room:
            found = f"{count} ids of shard {shard} to ask every {format_duration(interval)}"
            yield f"{told}: found {found}, expected at most {room}"
