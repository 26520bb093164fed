from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from exporter.simulator.faults import Fault, Kind
from simulator.harness import DAILY_ID, KEY, Bench

if TYPE_CHECKING:
    from starlette.types import Message

DAILY = f"/v1/tasks/{DAILY_ID}"


class Sleeps:
    """Stands in for sleeping: it only remembers for how long."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (402, "Payment Required"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (418, "I'm a Teapot"),
        (423, "Locked"),
        (429, "Too Many Requests"),
        (500, "Internal Server Error"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (520, "Error"),
        (999, "Error"),
    ],
)
def test_every_status_on_demand(status: int, error: str) -> None:
    """Any error status comes with the vendor's error object and a sentence."""
    bench = Bench()
    bench.world.faults.add(Fault(status=status), account="main")
    answer = bench.ask("GET", DAILY)
    assert (status, None) == (answer.status_code, answer.headers.get("Retry-After"))
    assert (status, error) == (answer.json()["statusCode"], answer.json()["error"])
    assert answer.json()["message"]


@pytest.mark.parametrize(
    ("fault", "status", "headers", "body"),
    [
        (Fault(status=429, retry_after="7"), 429, {"Retry-After": "7"}, "Too Many Requests"),
        (Fault(status=429, retry_after="soon"), 429, {"Retry-After": "soon"}, "Too Many Requests"),
        (
            Fault(status=429, retry_after_date_seconds=90),
            429,
            {"Retry-After": "Mon, 02 Mar 2026 12:02:00 GMT"},
            "Too Many Requests",
        ),
        (
            Fault(status=503, html=True),
            503,
            {"Content-Type": "text/html; charset=utf-8"},
            "<h1>503 Service Unavailable</h1>",
        ),
        (Fault(status=302, headers=(("Location", "/login"),)), 302, {"Location": "/login"}, "Found"),
        (Fault(status=500, body=b"boom"), 500, {}, "boom"),
        (Fault(status=204), 204, {}, ""),
        (Fault(kind=Kind.BODY, body=b"[1,"), 200, {"Content-Type": "application/json"}, "[1,"),
        (Fault(kind=Kind.BODY), 200, {}, ""),
        (Fault(kind=Kind.WRONG_DATE, seconds=-3600), 200, {"Date": "Mon, 02 Mar 2026 11:00:30 GMT"}, '"runs"'),
    ],
)
def test_answers_that_are_not_as_they_should_be(fault: Fault, status: int, headers: dict[str, str], body: str) -> None:
    """Each fault has its status, headers and body."""
    bench = Bench()
    bench.world.faults.add(fault, account="main", task_id=DAILY_ID)
    answer = bench.ask("GET", DAILY)
    assert status == answer.status_code
    assert headers.items() <= {name: answer.headers.get(name) for name in headers}.items()
    assert body in answer.text


def test_a_wrong_id() -> None:
    """One more than the right one, digit for digit, in a single task and in a list."""
    bench = Bench()
    bench.world.faults.add(Fault(kind=Kind.WRONG_ID), account="main")
    wrong = [bench.ask("GET", DAILY).json()["id"], bench.ask("GET", "/v1/tasks").json()["tasks"][0]["id"]]
    assert [DAILY_ID + 1, DAILY_ID + 1] == wrong
    assert "hits" in bench.ask("GET", "/v1/usage").json()


def test_json_that_is_cut_in_half() -> None:
    """The answer begins well and does not parse."""
    bench = Bench()
    whole = bench.ask("GET", DAILY).text
    bench.world.faults.add(Fault(kind=Kind.BAD_JSON), account="main")
    half = bench.ask("GET", DAILY).text
    assert whole[: len(half)] == half
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(half)


def test_an_oversized_answer() -> None:
    """It is right but padded to exactly the size asked for, and does not say how long it is."""
    bench = Bench()
    right = bench.ask("GET", DAILY).json()
    bench.world.faults.add(Fault(kind=Kind.OVERSIZED, size=200_000), account="main")
    answer = bench.ask("GET", DAILY)
    assert (200_000, right) == (len(answer.content), answer.json())
    assert "Content-Length" not in answer.headers


@pytest.mark.parametrize(("kind", "waits"), [(Kind.LATENCY, 1), (Kind.DRIP, None)])
def test_slow_answers(kind: Kind, waits: int | None) -> None:
    """A late answer waits once and a dripping one for each byte; both are right in the end."""
    bench = Bench(sleep=(sleeps := Sleeps()))
    right = bench.ask("GET", DAILY)
    bench.world.faults.add(Fault(kind=kind, seconds=2.5), account="main")
    assert right.content == bench.ask("GET", DAILY).content
    assert [2.5] * (waits or len(right.content)) == sleeps.seconds


def test_a_hanging_request_says_nothing_until_the_client_goes() -> None:
    """No part of an answer is sent while the client is there."""
    bench = Bench()
    bench.world.faults.add(Fault(kind=Kind.HANG), account="main")
    events: list[str] = []
    told: list[Message] = [{"type": "http.request"}, {"type": "http.disconnect"}]

    async def receive() -> Message:
        events.append("received " + told[0]["type"])
        return told.pop(0)

    async def send(message: Message) -> None:
        events.append("sent " + message["type"])

    scope = {
        "type": "http",
        "method": "GET",
        "path": DAILY,
        "query_string": b"",
        "headers": [(b"x-access-key", KEY.encode())],
    }
    asyncio.run(bench.app(scope, receive, send))
    assert ["received http.request", "received http.disconnect"] == events[:2]


def test_a_fault_at_the_edge_comes_before_the_key() -> None:
    """Without an account a fault meets every request, with any key or none, once; then all is well."""
    bench = Bench()
    bench.world.faults.add(Fault(status=503, html=True, count=2))
    assert [503, 503, 401, 200] == [bench.ask("GET", DAILY, key=key).status_code for key in (None, KEY, None, KEY)]


def test_a_fault_of_one_task_leaves_the_others_alone() -> None:
    """The list and the usage of the account answer while one task does not."""
    bench = Bench()
    bench.world.faults.add(Fault(status=500), account="main", task_id=DAILY_ID)
    assert [500, 200, 200] == [bench.ask("GET", path).status_code for path in (DAILY, "/v1/tasks", "/v1/usage")]


def test_a_write_that_fails_does_nothing() -> None:
    """An error answered for a delete leaves the task there; a spoilt answer to it has no body to spoil."""
    bench = Bench()
    bench.world.faults.add(Fault(status=500, count=1), account="main")
    assert [500, 200] == [bench.ask(method, DAILY).status_code for method in ("DELETE", "GET")]
    bench.world.faults.add(Fault(kind=Kind.BAD_JSON, count=1), account="main")
    assert [204, 404] == [bench.ask(method, DAILY).status_code for method in ("DELETE", "GET")]


def test_faults_of_the_edge_and_of_the_account_may_meet() -> None:
    """A late edge before a wrong answer delays the wrong answer."""
    bench = Bench(sleep=(sleeps := Sleeps()))
    bench.world.faults.add(Fault(kind=Kind.LATENCY, seconds=1))
    bench.world.faults.add(Fault(kind=Kind.OVERSIZED, size=5000), account="main")
    assert (5000, [1]) == (len(bench.ask("GET", DAILY).content), sleeps.seconds)
