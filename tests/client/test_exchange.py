from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from client.wires import DATE, NOW, SAMPLES, TASK, answering
from exporter.client.exchange import Exchange
from exporter.model import PollError, Reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REQUEST = httpx.Request("GET", "https://upstream.example/v1/tasks/1")


def run(transport: httpx.AsyncBaseTransport, *, cap: int = 10_000, now_at: datetime = NOW) -> tuple[Exchange, bytes]:
    exchange = Exchange(start_at=now_at, now=lambda: now_at, cap=cap)
    body = bytearray()

    async def take(piece: bytes) -> None:
        body.extend(piece)

    asyncio.run(exchange.run(transport, REQUEST, take))
    return exchange, bytes(body)


def refused(transport: httpx.AsyncBaseTransport, *, cap: int = 10_000, now_at: datetime = NOW) -> PollError:
    with pytest.raises(PollError) as caught:
        run(transport, cap=cap, now_at=now_at)
    return caught.value


async def forget(_: bytes) -> None:
    """Takes a piece for nobody."""


class Chunks(httpx.AsyncByteStream):
    """A body that arrives in pieces, and counts how many were taken."""

    def __init__(self, size: int, count: int) -> None:
        self.size, self.count, self.taken, self.closed = size, count, 0, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.count):
            self.taken += 1
            yield b" " * self.size

    async def aclose(self) -> None:
        self.closed = True


def test_good_answer() -> None:
    """A 200 gives its bytes as they are, its code and its skew."""
    exchange, body = run(answering(date=DATE))
    assert (TASK, "200", timedelta()) == (body, exchange.code, exchange.skew)


@pytest.mark.parametrize("status", [201, 204, 302, 400, 401, 402, 403, 404, 418, 423, 429, 500, 503, 599, 999])
@pytest.mark.parametrize("sample", [TASK, b"<html>\xff</html>", b""], ids=["task", "HTML", "empty"])
def test_only_200_is_good(status: int, sample: bytes) -> None:
    """Any other status is a failure whatever its body holds."""
    assert f"upstream answered {status}" in refused(answering(sample, status=status)).detail


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("error-*.json")), ids=lambda path: path.stem)
def test_documented_errors(path: object) -> None:
    """Each documented error has its own reason."""
    status = int(path.stem.removeprefix("error-"))
    reason = refused(answering(path.read_bytes(), status=status)).reason
    assert (Reason.HTTP_5XX if status == 500 else Reason(f"http_{status}")) is reason


def test_body_of_an_error_is_not_read() -> None:
    """Not a byte of an error's body is taken, and the connection is closed."""
    body = Chunks(1000, 1000)
    refused(httpx.MockTransport(lambda _: httpx.Response(500, stream=body)))
    assert (0, True) == (body.taken, body.closed)


@pytest.mark.parametrize("status", [429, 503, 403, 302])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "30"}, 30),
        ({"retry_after": "1000000000"}, 3600),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "Sun, 01 Jun 2025 12:00:40 GMT"}, 40),
        ({"retry_after": "Sun, 01 Jun 2025 15:00:40 GMT", "date": "Sun, 01 Jun 2025 15:00:00 GMT"}, 40),
        ({}, None),
    ],
)
def test_retry_after(status: int, headers: dict[str, str], seconds: int | None) -> None:
    """A wait asked for with any failure is passed on; a date is meant on upstream's clock."""
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert expected == refused(answering(status=status, **headers)).blocked_for


def test_two_retry_after() -> None:
    """Two headers contradict each other: neither counts."""
    headers = [("Retry-After", "5"), ("Retry-After", "6")]
    wire = httpx.MockTransport(lambda _: httpx.Response(429, headers=headers))
    assert refused(wire).blocked_for is None


@pytest.mark.parametrize("seconds", [-61, 0, 60])
def test_tolerable_skew(seconds: int) -> None:
    """Up to a minute the two clocks may differ, the second to which a Date is cut not counted."""
    exchange, body = run(answering(date=DATE), now_at=NOW - timedelta(seconds=seconds))
    assert (TASK, timedelta(seconds=max(seconds, seconds + 1) if seconds < 0 else seconds)) == (body, exchange.skew)


@pytest.mark.parametrize("seconds", [-3600, -62, 61, 86_400 * 365])
def test_clock_skew(seconds: int) -> None:
    """Beyond a minute one of the clocks is wrong, and a good answer is no evidence."""
    error = refused(answering(date=DATE), now_at=NOW - timedelta(seconds=seconds))
    shown = seconds if seconds > 0 else seconds + 1
    expected = f"the answer's Date minus our clock is {shown} s"
    assert (Reason.CLOCK_SKEW, expected) == (error.reason, error.detail)


@pytest.mark.parametrize(
    ("kept_seconds", "age", "skew_seconds"),
    [
        (1800, "1800", 0),
        (1800, "1740", -60 + 1),
        (0, "1800", 0),
        (30, "1800", -30 + 1),
        (1800, "1900", 100),
        (1800, "600", -1200 + 1),
        (1800, "", -1800 + 1),
        (-120, "1800", 120),
        (86_400 * 365, "31536000", -86_400 * 334 + 1),
    ],
)
@pytest.mark.parametrize("status", [200, 404])
def test_skew_of_a_caches_copy(kept_seconds: int, age: str, skew_seconds: int, status: int) -> None:
    """A cache tells the Date of what it has kept for its Age, or its own: what agrees with neither is skewed."""
    now_at = NOW + timedelta(seconds=kept_seconds)
    exchange = Exchange(start_at=now_at, now=lambda: now_at, cap=10_000)
    with contextlib.suppress(PollError):
        asyncio.run(exchange.run(answering(date=DATE, Age=age, status=status), REQUEST, forget))
    assert timedelta(seconds=skew_seconds) == exchange.skew


@pytest.mark.parametrize(
    ("date_seconds", "age", "seconds"),
    [(0, "1800", 1800), (-60, "1800", 1800), (60, "1800", 1800), (-62, "62", 123), (-1800, "1800", 3599)],
)
def test_a_caches_copy_is_dated_by_its_age(date_seconds: int, age: str, seconds: int) -> None:
    """By twice of it where Date is not that of now: the cache may have kept it, or our clock be fast by just the Age."""
    exchange, body = run(answering(date=DATE, Age=age), now_at=NOW - timedelta(seconds=date_seconds))
    assert (TASK, timedelta(seconds=seconds)) == (body, exchange.age)


def test_a_caches_copy_is_no_skewed_answer() -> None:
    """What is as old as its Age says is good; what is older than that is not."""
    now_at = NOW + timedelta(seconds=1800)
    assert (TASK, timedelta()) == (run(answering(date=DATE, Age="1800"), now_at=now_at)[1], timedelta())
    assert Reason.CLOCK_SKEW is refused(answering(date=DATE, Age="1700"), now_at=now_at).reason


def test_no_date_is_too_late_for_an_age() -> None:
    """The last second that a Date can name and the greatest Age are a skew like any other."""
    late = answering(date="Fri, 31 Dec 9999 23:59:59 GMT", Age="9999999999")
    assert Reason.CLOCK_SKEW is refused(late).reason


def test_skew_of_an_error() -> None:
    """The status counts before the clocks do."""
    assert Reason.HTTP_5XX is refused(answering(status=500, date=DATE), now_at=NOW + timedelta(days=1)).reason


@pytest.mark.parametrize("date", ["yesterday", "", "Sun, 01 Jun 2025 12:00:00 GMT, Sun, 01 Jun 2025 12:00:00 GMT"])
def test_unusable_date(date: str) -> None:
    """An answer without a usable Date is good, and says nothing of the clocks."""
    exchange, body = run(answering(date=date))
    assert (TASK, None) == (body, exchange.skew)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate, gzip", "identity, gzip", "x"])
def test_encoding_is_refused(encoding: str) -> None:
    """An encoding that was not asked for is refused before a byte of it is read."""
    body = Chunks(1, 1)
    wire = httpx.MockTransport(lambda _: httpx.Response(200, headers={"Content-Encoding": encoding}, stream=body))
    assert Reason.ENCODING is refused(wire).reason
    assert (0, True) == (body.taken, body.closed)


@pytest.mark.parametrize("encoding", ["identity", " Identity "])
def test_identity(encoding: str) -> None:
    """No encoding at all may be said aloud."""
    assert TASK == run(answering(content_encoding=encoding))[1]


def test_cap() -> None:
    """A body of exactly the cap is read; of a larger one no more than that, and the connection is closed."""
    fits = Chunks(100, 10)
    exact = httpx.MockTransport(lambda _: httpx.Response(200, stream=fits))
    assert b" " * 1000 == run(exact, cap=1000)[1]
    large = Chunks(100, 1_000_000)
    error = refused(httpx.MockTransport(lambda _: httpx.Response(200, stream=large)), cap=1000)
    assert (Reason.TOO_LARGE, "the answer is larger than 1000 bytes") == (error.reason, error.detail)
    assert (11, True) == (large.taken, large.closed)
