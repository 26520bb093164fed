"""When to ask: alignment, spread, back-off and the ceiling, as plain numbers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from builders import at
from exporter.model import PollError, Reason, Shard
from exporter.poller.pace import (
    Limiter,
    Retries,
    pause_after,
    stable_offset,
    wait_before_first_round,
    wait_between_rounds,
)

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("began", "interval", "next_round"),
    [
        ("2024-06-10 12:00:00Z", MINUTE, "2024-06-10 12:01:04Z"),
        ("2024-06-10 12:00:04Z", MINUTE, "2024-06-10 12:01:04Z"),
        ("2024-06-10 12:00:59Z", MINUTE, "2024-06-10 12:01:04Z"),
        ("2024-06-10 12:01:30Z", 5 * MINUTE, "2024-06-10 12:05:04Z"),
        ("2024-06-10 12:00:10Z", timedelta(seconds=90), "2024-06-10 12:01:40Z"),
        ("2024-06-10 12:00:10Z", timedelta(seconds=5), "2024-06-10 12:00:15Z"),
        ("2024-06-10 12:00:10Z", timedelta(days=1), "2024-06-11 00:00:04Z"),
    ],
)
def test_rounds_begin_just_after_the_minute(began: str, interval: timedelta, next_round: str) -> None:
    """Whole-minute intervals are aligned to the wall clock, others are simply spaced."""
    wait = wait_between_rounds(at(began), interval, offset=timedelta(seconds=4))
    assert at(next_round) == at(began) + wait


def test_without_an_offset_rounds_are_simply_spaced() -> None:
    """Get Task rounds have no minute to keep to."""
    assert MINUTE == wait_between_rounds(at("2024-06-10 12:00:30Z"), MINUTE, offset=None)


def test_the_offset_is_stable_and_spread() -> None:
    """The same exporter knocks at the same second; a thousand of them use the whole of 2 to 7 s."""
    offsets = [stable_offset("main", f"host-{number}").total_seconds() for number in range(1000)]
    assert stable_offset("main", "host-1").total_seconds() == offsets[1]
    assert all(2 <= offset < 7 for offset in offsets)
    assert 150 < min(sum(int(offset) == second for offset in offsets) for second in range(2, 7))


@pytest.mark.parametrize(
    ("total", "seconds"), [(2, range(2, 6)), (3, range(2, 5)), (5, range(2, 7)), (30, range(2, 32))]
)
@pytest.mark.parametrize("account", ["main", "second", "third"])
def test_shards_have_seconds_of_their_own(account: str, total: int, seconds: range) -> None:
    """No two shards of an account begin in the same second, on whatever hosts they and their replicas run."""
    hosts = [f"host-{number}" for number in range(50)]
    begun = [
        {int(stable_offset(account, host, shard=Shard(ordinal, total)).total_seconds()) for host in hosts}
        for ordinal in range(total)
    ]
    assert set(seconds) == set().union(*begun)
    assert len(seconds) == sum(map(len, begun))


def test_the_first_second_is_not_the_same_shards_for_all_accounts() -> None:
    """A shard with many accounts spreads its polls over all the seconds there are."""
    shard = Shard(0, 4)
    begun = [int(stable_offset(f"account-{n}", "host", shard=shard).total_seconds()) for n in range(400)]
    assert 70 < min(begun.count(second) for second in range(2, 6))


def test_any_number_of_shards_begins_within_the_minute() -> None:
    """Beyond fifty shards seconds are shared, so that none begins in the next minute."""
    offsets = [stable_offset("main", "host", shard=Shard(n, 300)).total_seconds() for n in range(300)]
    assert 2 <= min(offsets) <= max(offsets) < 52


@pytest.mark.parametrize(
    ("count", "seconds"),
    [
        (0, []),
        (1, [0]),
        (4, [0, 0, 0, 0]),
        (6, [0, 0, 0, 0, 0.25, 0.5]),
        (24, [0, 0, 0, *(number / 4 for number in range(21))]),
        (104, [0, 0, 0, *(number / 20 for number in range(101))]),
    ],
)
def test_accounts_that_start_together_begin_one_after_the_other(count: int, seconds: list[float]) -> None:
    """A few at once, many within five seconds, so that being ready takes no longer for any number of them."""
    assert seconds == [wait_before_first_round(place, count=count).total_seconds() for place in range(count)]


@pytest.mark.parametrize(
    ("reason", "asked", "refusals", "minutes"),
    [
        (Reason.HTTP_429, timedelta(seconds=30), 1, 0.5),
        (Reason.HTTP_429, None, 1, 1),
        (Reason.HTTP_429, None, 2, 2),
        (Reason.HTTP_429, None, 6, 32),
        (Reason.HTTP_429, None, 99, 60),
        (Reason.HTTP_5XX, timedelta(minutes=3), 0, 3),
        (Reason.HTTP_402, None, 0, 5),
        (Reason.HTTP_423, None, 0, 5),
        (Reason.HTTP_401, None, 1, 1),
        (Reason.HTTP_401, None, 2, 2),
        (Reason.HTTP_401, None, 9, 5),
        (Reason.HTTP_5XX, None, 0, None),
        (Reason.TIMEOUT, None, 0, None),
    ],
)
def test_pauses(reason: Reason, asked: timedelta | None, refusals: int, minutes: float | None) -> None:
    """Retry-After is obeyed; a bare 429 doubles the pause; a denied account is asked rarely."""
    pause = pause_after(reason, asked=asked, refusals=refusals, luck=0)
    assert (None if minutes is None else minutes * MINUTE) == pause


def test_the_ceiling_holds_in_every_minute() -> None:
    """However impatient the asker, no 60 s hold more requests than allowed, and none waits longer than it must."""
    limiter, sent = Limiter(10), []
    for number in range(100):
        sent.append(limiter.take(max(number * 0.1, sent[-1] if sent else 0)))
    assert max(sum(start <= one < start + 60 for one in sent) for start in sent) == 10
    assert sent == sorted(sent)
    assert 9 * 60 == sent[90] - sent[0]


def test_what_is_given_back_can_be_taken_again() -> None:
    """A thousand requests that were reserved and never sent hold nobody up, and those that were sent still count."""
    limiter = Limiter(3)
    assert [0, 0, 0] == [limiter.take(0) for _ in range(3)]
    for _ in range(1000):
        limiter.give_back(limiter.take(1))
    assert 60 == limiter.take(1)


def test_a_refusal_halves_what_may_be_sent_and_time_gives_it_back() -> None:
    """Half of what was sent in the minute before, whatever the ceiling is; twice as much every five minutes."""
    limiter = Limiter(60)
    for number in range(20):
        limiter.take(number)
    limiter.tighten(20)
    assert [10] * 2 == [sent_in_a_minute(limiter, start) for start in (100, 200)]
    assert [20, 40, 60, 60] == [sent_in_a_minute(limiter, start) for start in (400, 700, 1000, 2000)]


def test_refusals_one_after_the_other_leave_one_request_a_minute() -> None:
    """There is always one, or nobody would ever know that it is over; an operator's reload ends it at once."""
    limiter = Limiter(60)
    for number in range(8):
        limiter.take(number * 60.0)
        limiter.tighten(number * 60.0 + 1)
    assert 1 == sent_in_a_minute(limiter, 600)
    limiter.ease()
    assert 60 == sent_in_a_minute(limiter, 700)


def sent_in_a_minute(limiter: Limiter, start_seconds: float) -> int:
    """How many an impatient asker sends from then on; what it only reserved is given back."""
    sent = 0
    while (at_seconds := limiter.take(start_seconds)) < start_seconds + 60:
        sent += 1
    limiter.give_back(at_seconds)
    return sent


@pytest.mark.parametrize(
    ("reason", "asked", "tried"),
    [
        (Reason.HTTP_5XX, None, True),
        (Reason.DNS, None, True),
        (Reason.CONNECT, None, True),
        (Reason.RESET, None, True),
        (Reason.PROTOCOL, None, True),
        (Reason.HTTP_5XX, timedelta(seconds=9), False),
        (Reason.TIMEOUT, None, False),
        (Reason.HTTP_400, None, False),
        (Reason.HTTP_401, None, False),
        (Reason.HTTP_404, None, False),
        (Reason.HTTP_429, None, False),
        (Reason.TLS, None, False),
        (Reason.BAD_JSON, None, False),
        (Reason.KEY, None, False),
        (Reason.INTERNAL, None, False),
    ],
)
def test_what_is_tried_again(reason: Reason, asked: timedelta | None, tried: bool) -> None:
    """What may be over in a second, at most twice, with more time between; never against upstream's own word."""
    retries = Retries()
    for _ in range(1000):
        retries.count_poll()
    error = PollError(reason, blocked_for=asked)
    pauses = [retries.pause(error, attempt=attempt, luck=0.5) for attempt in (1, 2, 3)]
    assert ([timedelta(seconds=1), timedelta(seconds=2), None] if tried else [None] * 3) == pauses


def test_a_renewed_key_is_tried_at_once() -> None:
    """Even where no retry has been earned, yet not for ever."""
    error = PollError(Reason.HTTP_401)
    error.key_renewed = True
    assert [timedelta(), timedelta(), None] == [Retries().pause(error, attempt=n, luck=0.5) for n in (1, 2, 3)]


@pytest.mark.parametrize("burst", [1, 7, 500])
def test_less_than_a_tenth_of_all_requests_are_retries(burst: int) -> None:
    """However failures are spread: at every moment of an outage, and after a long time without one."""
    retries, polls, tried = Retries(), 0, 0
    for _ in range(2000 // burst):
        for _ in range(burst):
            retries.count_poll()
            polls += 1
        for _ in range(burst):
            attempt = 1
            while retries.pause(PollError(Reason.RESET), attempt=attempt, luck=0) is not None:
                tried, attempt = tried + 1, attempt + 1
            assert tried < 0.1 * (polls + tried)
    assert tried > 0.015 * polls


def test_those_who_were_refused_together_do_not_come_back_together() -> None:
    """Up to a tenth of the pause and 30 s more; Retry-After is never undercut."""
    for asked, most in ((20, 2), (300, 30), (3600, 30)):
        pauses = [
            pause_after(Reason.HTTP_429, asked=timedelta(seconds=asked), refusals=1, luck=luck) for luck in (0, 0.5, 1)
        ]
        assert [timedelta(seconds=asked + more) for more in (0, most / 2, most)] == pauses


def test_a_ceiling_that_is_changed_counts_what_was_sent() -> None:
    """Neither a lower nor a higher ceiling forgets the requests of the minute that is under way."""
    limiter = Limiter(4)
    assert [0, 0, 1, 2] == [limiter.take(now) for now in (0, 0, 1, 2)]
    limiter.per_minute = 2
    assert [61, 62] == [limiter.take(3), limiter.take(3)]
    limiter.per_minute = 9
    assert 4 == limiter.take(4)
