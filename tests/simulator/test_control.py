from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from exporter.simulator.faults import Fault, Kind
from exporter.simulator.tasks import NORMAL, Behaviour
from simulator.harness import DAILY_ID, KEY, START, Bench

DAILY = f"/v1/tasks/{DAILY_ID}"
FOR_DAILY = {"account": "main", "task_id": str(DAILY_ID)}
KINDS = (
    "kind: found 'magic', expected one of status, body, latency, hang, drip, wrong_id, bad_json, oversized, wrong_date"
)


def order(bench: Bench, name: str, body: Any) -> tuple[int, str]:
    answer = bench.ask("POST", f"/_control/{name}", key=None, json=body)
    return answer.status_code, answer.json()["message"] if answer.content else ""


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, Fault()),
        ({"status": 429, "retry_after": "7", "count": 1}, Fault(status=429, retry_after="7", count=1)),
        ({"status": 503, "html": True}, Fault(status=503, html=True)),
        ({"kind": "body", "body": "é"}, Fault(kind=Kind.BODY, body="é".encode())),
        ({"kind": "drip", "seconds": 0.5}, Fault(kind=Kind.DRIP, seconds=0.5)),
        ({"kind": "oversized", "size": 10}, Fault(kind=Kind.OVERSIZED, size=10)),
        ({"headers": {"Location": "/x"}}, Fault(headers=(("Location", "/x"),))),
        ({"retry_after_date_seconds": 60}, Fault(retry_after_date_seconds=60)),
    ],
)
def test_faults_are_ordered_by_their_fields(body: dict[str, Any], fault: Fault) -> None:
    """An order makes the very fault that the Python interface would."""
    bench = Bench(control=True)
    assert (204, "") == order(bench, "fault", FOR_DAILY | body)
    assert fault == bench.world.faults.take(account="main", task_id=str(DAILY_ID))


def test_a_fault_is_played_and_cleared() -> None:
    """Ordered for the account the fault is met, and after `clear` no more."""
    bench = Bench(control=True)
    order(bench, "fault", {"account": "main", "status": 402})
    assert 402 == bench.ask("GET", DAILY).status_code
    order(bench, "clear", {})
    assert 200 == bench.ask("GET", DAILY).status_code


@pytest.mark.parametrize(
    ("body", "behaviour"),
    [
        ({}, NORMAL),
        ({"stops_at": START.timestamp()}, Behaviour(stops_at=START)),
        ({"stops_after_runs": 20}, Behaviour(stops_after_runs=20)),
        ({"lag_seconds": 90}, Behaviour(lag=timedelta(seconds=90))),
        ({"runs_per_fire": 2}, Behaviour(runs_per_fire=2)),
    ],
)
def test_behaviours_are_ordered_by_their_fields(body: dict[str, Any], behaviour: Behaviour) -> None:
    """An order replaces the whole behaviour of a task."""
    bench = Bench(control=True)
    bench.account.task(DAILY_ID).behave(Behaviour(stops_after_runs=5), START)
    assert (204, "") == order(bench, "behaviour", FOR_DAILY | body)
    assert behaviour == bench.account.task(DAILY_ID).behaviour


def test_wire_run_and_key() -> None:
    """A task's members can be overruled, a task run at once, and a key rotated."""
    bench = Bench(control=True)
    runs = bench.ask("GET", DAILY).json()["runs"]
    order(bench, "run", FOR_DAILY)
    order(bench, "wire", FOR_DAILY | {"shown": {"name": None}, "hidden": ["api"]})
    order(bench, "key", {"account": "main", "access_key": "next-key"})
    assert 401 == bench.ask("GET", DAILY, key=KEY).status_code
    task = bench.ask("GET", DAILY, key="next-key").json()
    assert (runs + 1, None, False) == (task["runs"], task["name"], "api" in task)


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("fault", {"kind": "magic"}, KINDS),
        ("fault", {"statsu": 500}, "statsu: missing or not known"),
        ("fault", {"status": "500"}, "expected a whole number, found '500'"),
        ("fault", {"status": True}, "expected a whole number, found True"),
        ("fault", {"headers": ["Location"]}, "headers: expected an object"),
        ("fault", {"body": 5}, "expected a text"),
        ("fault", {"account": "nobody"}, "account: no account has this name"),
        ("fault", {"task_id": "5"}, "fault: a task_id is given, expected its account too"),
        ("clear", {"account": "nobody"}, "account: no account has this name"),
        ("behaviour", {"account": "main", "task_id": "5"}, "5: missing or not known"),
        ("behaviour", {}, "account: missing or not known"),
        (
            "behaviour",
            FOR_DAILY | {"runs_per_fire": 0},
            "behaviour: expected a run or more per fire and no negative lag",
        ),
        ("key", {"account": "main"}, "access_key: missing or not known"),
        ("run", [], "expected a JSON object"),
    ],
)
def test_bad_orders_are_refused_with_a_sentence(name: str, body: Any, message: str) -> None:
    """A mistake is a 400 that says what was wrong, and changes nothing."""
    bench = Bench(control=True)
    before = bench.ask("GET", DAILY).json()
    assert (400, message) == order(bench, name, body)
    assert before == bench.ask("GET", DAILY).json()


def test_a_refusal_ends_its_line() -> None:
    """So that the prompt of whoever asked with curl stands on one of its own."""
    answer = Bench(control=True).ask("POST", "/_control/run", json=[])
    assert (400, "application/json", "}\n") == (answer.status_code, answer.headers["content-type"], answer.text[-2:])


def test_orders_are_posted() -> None:
    """Reading a control route does nothing."""
    bench = Bench(control=True)
    assert [405, 404] == [bench.ask("GET", path).status_code for path in ("/_control/run", "/_control/nothing")]
