"""When to ask: rounds just after the minute, never more requests than allowed, none while a refusal is in force."""

from __future__ import annotations

import contextlib
import hashlib
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from exporter.model import UNSHARDED, Reason

if TYPE_CHECKING:
    from exporter.model import Shard

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_OFFSET = timedelta(seconds=2)  # fires and deadlines fall on whole minutes
_SPREAD_SECONDS = 5
_MOST_SLOTS = 50  # a second for each shard, all of them within the minute
_WINDOW_SECONDS = 60.0
_DENIED = frozenset({Reason.HTTP_402, Reason.HTTP_423})  # unpaid, out of quota: nothing that a minute mends
_DENIED_PAUSE = timedelta(minutes=5)
_REFUSED_PAUSE = timedelta(minutes=1)
_MOST_PAUSE = timedelta(hours=1)


def stable_offset(account: str, host: str, *, shard: Shard = UNSHARDED) -> timedelta:
    """How long after the minute this exporter's list polls begin: 2 to 7 s, the same at every start.

    Spread by account and host, so that the world's exporters do not knock in the same second. Each shard has whole
    seconds of its own, so more than five take as many seconds as they are; the account says which shard is first.
    """
    first = int.from_bytes(hashlib.sha256(account.encode()).digest()[:4])
    slot = (first + shard.ordinal) % shard.total % _MOST_SLOTS
    digest = hashlib.sha256(f"{account}\0{host}".encode()).digest()
    within = int.from_bytes(digest[:4]) / 2**32
    return _OFFSET + timedelta(seconds=max(_SPREAD_SECONDS // shard.total, 1) * (slot + within))


def wait_between_rounds(began_at: datetime, interval: timedelta, *, offset: timedelta | None) -> timedelta:
    """From one round's beginning to the next's. With an `offset`, whole-minute intervals are aligned to the clock."""
    if offset is None or interval % _MINUTE:
        return interval
    passed = (began_at - _EPOCH) % interval
    return interval - passed + offset


def pause_after(reason: Reason, *, asked: timedelta | None, refusals: int) -> timedelta | None:
    """How long the whole account must keep still after a failure; None: go on as usual.

    `asked` is Retry-After, `refusals` the 429s in a row up to this one.
    """
    if asked is not None:
        return min(asked, _MOST_PAUSE)
    if reason is Reason.HTTP_429:
        doublings = min(max(refusals - 1, 0), 6)
        return min(_REFUSED_PAUSE * (1 << doublings), _MOST_PAUSE)
    return _DENIED_PAUSE if reason in _DENIED else None


class Limiter:
    """At most `per_minute` requests in any 60 s. Seconds are the event loop's.

    It outlives the poller that asks it: a reload must not grant a second budget for the same minute.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._reserved = deque[float]()  # in order

    def take(self, now_seconds: float) -> float:
        """Reserve one request: when it may be sent, at once or later."""
        while self._reserved and self._reserved[0] <= now_seconds - _WINDOW_SECONDS:
            self._reserved.popleft()
        at_seconds = now_seconds
        if len(self._reserved) >= self.per_minute:
            at_seconds = max(now_seconds, self._reserved[-self.per_minute] + _WINDOW_SECONDS)
        self._reserved.append(at_seconds)
        return at_seconds

    def is_in_use(self, now_seconds: float) -> bool:
        """Whether what was sent still counts."""
        return bool(self._reserved) and self._reserved[-1] > now_seconds - _WINDOW_SECONDS

    def give_back(self, at_seconds: float) -> None:
        """A reserved request that will not be sent."""
        with contextlib.suppress(ValueError):
            self._reserved.remove(at_seconds)
