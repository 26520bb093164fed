"""The pretend service's state: accounts with their keys and tasks, faults, limits, and one clock."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING

from exporter.simulator.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from exporter.simulator.tasks import SimTask

MAX_SEEN = 10_000
DOUBLE_EXACT = 2**53


def sped_up_clock(
    *, start: datetime, speed: float = 1, monotonic: Callable[[], float] = time.monotonic
) -> Callable[[], datetime]:
    """A clock that shows `start` now and then goes `speed` times as fast as the real one."""
    origin = monotonic()
    return lambda: start + timedelta(seconds=(monotonic() - origin) * speed)


class RetryAfter(StrEnum):
    """The form of a 429's Retry-After."""

    SECONDS = "seconds"
    DATE = "date"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """So many requests of an account in one minute of the clock, and what a 429 tells of it."""

    per_minute: int
    retry_after: RetryAfter | None = RetryAfter.SECONDS  # None: the header is not sent
    headers: bool = True  # X-RateLimit-*


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it was answered, for whoever counts them. The path has no query, so no key."""

    at: datetime
    method: str
    path: str
    status: int


@dataclass(slots=True, kw_only=True)
class Account:
    """One customer: the one key that works, and the tasks by their id's decimal text."""

    name: str
    access_key: str
    secret_key: str = ""
    signed: bool = False  # GETs must carry a signature made with the secret key
    quota: int = 100_000
    rate_limit: RateLimit | None = None
    tasks: dict[str, SimTask] = field(default_factory=dict)
    _minute_at: datetime | None = field(init=False, repr=False, default=None)
    _requests: int = field(init=False, repr=False, default=0)

    def add(self, *tasks: SimTask) -> None:
        self.tasks.update({str(task.id): task for task in tasks})

    def task(self, task_id: str | int) -> SimTask:
        return self.tasks[str(task_id)]

    def rotate(self, access_key: str) -> None:
        """The old key is dead at once."""
        self.access_key = access_key

    def count_request(self, now: datetime) -> int:
        """Note a request; how many there were in this minute of the clock, itself included."""
        minute = now.replace(second=0, microsecond=0)
        self._requests = self._requests + 1 if minute == self._minute_at else 1
        self._minute_at = minute
        return self._requests


class World:
    """All there is. `clock` gives aware UTC; `sleep` is what slow answers wait with."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        seed: int = 0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        date_header: bool = True,
        patch_resets: bool = False,
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.sleep = sleep
        self.date_header = date_header
        self.patch_resets = patch_resets  # a PATCH puts `enabled` and `timezone` back unless it names them
        self.accounts: dict[str, Account] = {}
        self.faults = Faults()
        self.seen: deque[Seen] = deque(maxlen=MAX_SEEN)
        self._ids = id_sequence(seed)

    def add_account(self, account: Account, tasks: Iterable[SimTask] = ()) -> Account:
        account.add(*tasks)
        self.accounts[account.name] = account
        return account

    def find_account(self, access_key: str) -> Account | None:
        return next((one for one in self.accounts.values() if one.access_key == access_key), None)

    def new_id(self) -> int:
        """An id that no task has."""
        taken = {task_id for account in self.accounts.values() for task_id in account.tasks}
        return next(number for number in self._ids if str(number) not in taken)


def id_sequence(seed: int) -> Iterator[int]:
    """Ids of 16 digits, as the samples have; every third is odd and beyond what a double holds exactly."""
    random = Random(seed)
    while True:
        yield random.randrange(5 * 10**15, 6 * 10**15)
        yield random.randrange(5 * 10**15, 6 * 10**15)
        yield random.randrange(DOUBLE_EXACT + 1, 2**63, 2)
