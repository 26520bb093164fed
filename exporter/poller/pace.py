"""When to ask: rounds just after the minute, few retries, no more requests than allowed, none while refused."""

from __future__ import annotations

import contextlib
import hashlib
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from exporter.model import UNSHARDED, Reason

if TYPE_CHECKING:
    from exporter.model import PollError, Shard

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_OFFSET = timedelta(seconds=2)  # fires and deadlines fall on whole minutes
_SPREAD_SECONDS = 5
_AT_ONCE = 4  # of the accounts that start together
_APART = timedelta(seconds=0.25)  # the others begin, or less
_ALL_BEGUN = timedelta(seconds=5)  # so that being ready takes no longer, however many they are
_MOST_SLOTS = 50  # a second for each shard, all of them within the minute
_WINDOW_SECONDS = 60.0
_MOST_PAUSE = timedelta(hours=1)
_PAUSES = {  # of the whole account: after the first refusal, doubled with each in a row, up to the second
    Reason.HTTP_401: (timedelta(minutes=1), timedelta(minutes=5)),  # a key that is renewed ends it at once
    Reason.HTTP_402: (timedelta(minutes=5), timedelta(minutes=5)),  # unpaid, out of quota: nothing a minute mends
    Reason.HTTP_423: (timedelta(minutes=5), timedelta(minutes=5)),
    Reason.HTTP_429: (timedelta(minutes=1), _MOST_PAUSE),
}
_JITTER = 0.1  # of a pause is added at most, as all whom upstream refused at once would come back at once
_MOST_JITTER = timedelta(seconds=30)
_MOST_ATTEMPTS = 3  # of one poll
_RETRIED = frozenset({Reason.HTTP_5XX, Reason.DNS, Reason.CONNECT, Reason.RESET, Reason.PROTOCOL})
_RETRIES_FOR_A_REQUEST = 0.1  # so that of all requests less than a tenth are retries
_MOST_RETRIES = 10.0  # saved up
_EASING_SECONDS = 300.0
_MOST_EXTRA = timedelta(minutes=15)


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


def wait_before_first_round(place: int, *, count: int) -> timedelta:
    """Of so many accounts that start together: the first four begin at once, the others one by one within 5 s."""
    late = max(place + 1 - _AT_ONCE, 0)
    return late * min(_APART, _ALL_BEGUN / max(count - _AT_ONCE, 1))


def wait_between_rounds(began_at: datetime, interval: timedelta, *, offset: timedelta | None) -> timedelta:
    """From one round's beginning to the next's. With an `offset`, whole-minute intervals are aligned to the clock."""
    if offset is None or interval % _MINUTE:
        return interval
    passed = (began_at - _EPOCH) % interval
    return interval - passed + offset


def wait_after_bugs(count: int) -> timedelta:
    """What is added to the wait after so many rounds in a row that met a bug of ours: more each time, to 15 minutes."""
    return min(_MINUTE * (1 << min(count, 5)) / 2, _MOST_EXTRA) if count else timedelta()


def pause_after(reason: Reason, *, asked: timedelta | None, refusals: int, luck: float) -> timedelta | None:
    """How long the whole account must keep still after a failure; None: go on as usual.

    `asked` is Retry-After, capped by the client, `refusals` those in a row up to this one, `luck` a random number
    from 0 to 1.
    """
    if asked is None and reason not in _PAUSES:
        return None
    if asked is not None:
        pause = asked
    else:
        first, most = _PAUSES[reason]
        pause = min(first * (1 << min(max(refusals - 1, 0), 6)), most)
    return pause + luck * min(pause * _JITTER, _MOST_JITTER)


class Retries:
    """When a poll that failed is tried again: at most twice, soon, and in less than a tenth of all requests.

    The tenth is the retry budget of Google's SRE book ("Handling Overload"): in an outage we add next to nothing.
    """

    def __init__(self) -> None:
        self._saved = 0.0

    def count_poll(self) -> None:
        """A poll begins, which earns a part of a retry."""
        self._saved = min(self._saved + _RETRIES_FOR_A_REQUEST, _MOST_RETRIES)

    def pause(self, error: PollError, *, attempt: int, luck: float) -> timedelta | None:
        """How long to wait before the next attempt, after this one (from 1) has failed; None: there is none.

        A renewed key is tried at once. A timeout is not tried again, as it has taken its time already.
        """
        if attempt >= _MOST_ATTEMPTS:
            return None
        if error.key_renewed:
            return timedelta()
        if error.reason not in _RETRIED or error.blocked_for is not None or self._saved < 1:
            return None
        self._saved -= 1
        return timedelta(seconds=2 ** (attempt - 1) * (0.5 + luck))


class Limiter:
    """At most `per_minute` requests in any 60 s. Seconds are the event loop's.

    Fewer for a while after upstream has refused some. It outlives the poller that asks it: a reload must not grant a
    second budget for the same minute.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._reserved = deque[float]()  # in order
        self._tight = 0  # no more than this many since then; 0: it never was tightened
        self._tightened_seconds = 0.0

    def take(self, now_seconds: float) -> float:
        """Reserve one request: when it may be sent, at once or later."""
        while self._reserved and self._reserved[0] <= now_seconds - _WINDOW_SECONDS:
            self._reserved.popleft()
        at_seconds, allowed = now_seconds, self._allowed(now_seconds)
        if len(self._reserved) >= allowed:
            at_seconds = max(now_seconds, self._reserved[-allowed] + _WINDOW_SECONDS)
        self._reserved.append(at_seconds)
        return at_seconds

    def tighten(self, now_seconds: float) -> None:
        """Upstream has refused: half of what was sent in the last minute, and twice as much again every 5 minutes."""
        sent = sum(now_seconds - _WINDOW_SECONDS < at_seconds <= now_seconds for at_seconds in self._reserved)
        self._tight = max(min(sent, self._allowed(now_seconds)) // 2, 1)
        self._tightened_seconds = now_seconds

    def ease(self) -> None:
        """Forget that upstream has refused."""
        self._tight = 0

    def _allowed(self, now_seconds: float) -> int:
        if not self._tight:
            return self.per_minute
        doublings = min((now_seconds - self._tightened_seconds) // _EASING_SECONDS, 32)
        return min(self.per_minute, self._tight << int(doublings))

    def is_in_use(self, now_seconds: float) -> bool:
        """Whether what was sent still counts."""
        return bool(self._reserved) and self._reserved[-1] > now_seconds - _WINDOW_SECONDS

    def give_back(self, at_seconds: float) -> None:
        """A reserved request that will not be sent."""
        with contextlib.suppress(ValueError):
            self._reserved.remove(at_seconds)
