from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

import pytest

from exporter.simulator.fleets import page_sample, sdk_sample
from exporter.simulator.world import Account, RateLimit, RetryAfter, Seen
from simulator.harness import DAILY_ID, KEY, START, Bench

PAGE = {
    "id": 5650820808835072,
    "name": "task screenshot",
    "api": "screenshot",
    "query": "url=https%3A%2F%2Fexample.com",
    "frequency": "every_month",
    "crontab": "34 9 28 * *",
    "timezone": "Etc/UTC",
    "enabled": True,
    "created": 1714296566,
    "last_run": 1745832566,
    "runs": 12,
}
NEW = {"name": "new", "api": "pdf", "query": "url=x", "frequency": "every_hour"}
DAILY = f"/v1/tasks/{DAILY_ID}"


def test_get_answers_as_the_vendors_page_does() -> None:
    """The page's own task comes back with exactly its members, values and order."""
    bench = Bench()
    bench.account.add(page_sample())
    answer = bench.ask("GET", "/v1/tasks/5650820808835072")
    assert (200, "application/json") == (answer.status_code, answer.headers["Content-Type"])
    assert list(PAGE.items()) == list(answer.json().items())


def test_list_answers_all_tasks_of_the_account() -> None:
    """The list has every task of the key's account and of no other, in one object."""
    bench = Bench()
    bench.world.add_account(Account(name="other", access_key="other-key"), [page_sample(), sdk_sample()])
    other = bench.ask("GET", "/v1/tasks", key="other-key").json()
    assert {"tasks": [page_sample().to_wire(START), sdk_sample().to_wire(START)]} == other
    assert [DAILY_ID] == [task["id"] for task in bench.ask("GET", "/v1/tasks").json()["tasks"]]


def test_list_of_none() -> None:
    """An account without tasks has an empty list."""
    bench = Bench()
    bench.account.tasks.clear()
    assert '{"tasks":[]}' == bench.ask("GET", "/v1/tasks").text


def test_ids_are_exact_digits_in_the_answer() -> None:
    """An id beyond 2**53 is written digit for digit."""
    assert f'"id":{DAILY_ID},' in Bench().ask("GET", DAILY).text


def test_create_update_delete() -> None:
    """A task is created with 201, changed with 200, deleted with an empty 204, and then is not found."""
    bench = Bench()
    created = bench.ask("POST", "/v1/tasks", json=NEW)
    path = f"/v1/tasks/{created.json()['id']}"
    assert (201, list(PAGE)) == (created.status_code, list(created.json()))
    assert ("0 * * * *", None, 0) == tuple(created.json()[name] for name in ("crontab", "last_run", "runs"))
    updated = bench.ask("PATCH", path, json={"frequency": "custom", "crontab": "1 2 * * *"})
    assert (200, "1 2 * * *") == (updated.status_code, updated.json()["crontab"])
    assert updated.json() == bench.ask("GET", path).json()
    deleted = bench.ask("DELETE", path)
    assert (204, b"") == (deleted.status_code, deleted.content)
    assert 404 == bench.ask("GET", path).status_code


def test_a_created_task_runs_on_its_crontab() -> None:
    """An hour after its creation it has run once."""
    bench = Bench()
    path = f"/v1/tasks/{bench.ask('POST', '/v1/tasks', json=NEW).json()['id']}"
    fire_at = START.replace(second=0) + timedelta(hours=1)
    bench.clock.at = fire_at + timedelta(seconds=20)
    task = bench.ask("GET", path).json()
    assert 1 == task["runs"]
    assert 5 <= task["last_run"] - fire_at.timestamp() <= 20


@pytest.mark.parametrize(("resets", "enabled"), [(False, False), (True, True)])
def test_an_update_may_reset_what_it_does_not_name(resets: bool, enabled: bool) -> None:
    """The world says whether a PATCH enables a disabled task."""
    bench = Bench(patch_resets=resets)
    bench.ask("PATCH", DAILY, json={"enabled": False})
    assert enabled is bench.ask("PATCH", DAILY, json={"name": "renamed"}).json()["enabled"]


def test_usage() -> None:
    """Runs use the quota up and never beyond it; the reset is unix seconds."""
    bench = Bench()
    runs = bench.ask("GET", DAILY).json()["runs"]
    bench.account.quota = 100
    usage = bench.ask("GET", "/v1/usage").json()
    assert {"quota": 100, "used": runs, "remaining": 100 - runs} == usage["hits"]
    assert {"limit", "remaining", "reset"} == set(usage["concurrency"])
    assert START.timestamp() < usage["concurrency"]["reset"]
    bench.account.quota = 3
    assert {"quota": 3, "used": 3, "remaining": 0} == bench.ask("GET", "/v1/usage").json()["hits"]


@pytest.mark.parametrize(
    ("method", "path", "status", "error", "allow"),
    [
        ("GET", "/", 404, "Not Found", None),
        ("GET", "/v1/tasks/", 404, "Not Found", None),
        ("GET", "/v2/tasks", 404, "Not Found", None),
        ("GET", "/v1/tasks/0", 404, "Not Found", None),
        ("GET", f"/v1/tasks/0{DAILY_ID}", 404, "Not Found", None),
        ("GET", "/v1/tasks/../usage/x", 404, "Not Found", None),
        ("PATCH", "/v1/tasks/0", 404, "Not Found", None),
        ("DELETE", "/v1/tasks/0", 404, "Not Found", None),
        ("POST", "/_control/fault", 404, "Not Found", None),
        ("DELETE", "/v1/tasks", 405, "Method Not Allowed", {"GET", "HEAD", "POST"}),
        ("PUT", DAILY, 405, "Method Not Allowed", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("POST", "/v1/usage", 405, "Method Not Allowed", {"GET", "HEAD"}),
    ],
)
def test_what_is_not_there(method: str, path: str, status: int, error: str, allow: set[str] | None) -> None:
    """Unknown routes and tasks are 404, wrong methods 405 with Allow, all with the vendor's error object."""
    answer = Bench().ask(method, path)
    assert (status, error) == (answer.status_code, answer.json()["error"])
    assert {"statusCode", "error", "message"} == set(answer.json())
    assert status == answer.json()["statusCode"]
    assert allow == (set(answer.headers["Allow"].split(", ")) if "Allow" in answer.headers else None)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"x"'])
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/tasks"), ("PATCH", DAILY)])
def test_bodies_that_are_no_object(method: str, path: str, content: str) -> None:
    """Without a JSON object in it a write is a bad request."""
    answer = Bench().ask(method, path, content=content)
    assert (400, "body: expected a JSON object") == (answer.status_code, answer.json()["message"])


def test_a_refused_write_changes_nothing() -> None:
    """A bad member is a 400 that names it; the task stays as it was."""
    bench = Bench()
    before = bench.ask("GET", DAILY).json()
    answer = bench.ask("PATCH", DAILY, json={"name": "ok", "timezone": "Mars/Base"})
    assert (400, "timezone: expected the name of an IANA zone") == (answer.status_code, answer.json()["message"])
    assert before == bench.ask("GET", DAILY).json()


@pytest.mark.parametrize(
    ("method", "where", "status"),
    [
        ("GET", "header", 200),
        ("GET", "query", 200),
        ("GET", "none", 401),
        ("GET", "wrong header beside a right query", 401),
        ("HEAD", "query", 200),
        ("PATCH", "header", 200),
        ("PATCH", "body", 200),
        ("PATCH", "query", 401),
        ("PATCH", "none", 401),
        ("PATCH", "number in body", 401),
        ("DELETE", "header", 204),
        ("DELETE", "query", 401),
        ("DELETE", "body", 401),
    ],
)
def test_where_a_key_may_be(method: str, where: str, status: int) -> None:
    """A key is taken from the header, from the query of a read and from the body of a write."""
    request = {
        "header": {"headers": {"X-Access-Key": KEY}},
        "query": {"params": {"access_key": KEY}},
        "none": {},
        "wrong header beside a right query": {"headers": {"X-Access-Key": "x"}, "params": {"access_key": KEY}},
        "body": {"json": {"access_key": KEY}},
        "number in body": {"json": {"access_key": 5}},
    }[where]
    if method == "PATCH":
        request = {"json": {}} | request
    answer = Bench().ask(method, DAILY, key=None, **request)
    assert status == answer.status_code
    if status == 401:
        assert "Unauthorized" == answer.json()["error"]


def test_a_key_in_the_body_is_not_stored() -> None:
    """The body's key opens the door and goes no further."""
    bench = Bench()
    created = bench.ask("POST", "/v1/tasks", key=None, json=NEW | {"access_key": KEY})
    assert (201, False) == (created.status_code, KEY in created.text)


def test_a_rotated_key_is_dead_at_once() -> None:
    """The old key is refused and the new one taken, and the task ran on meanwhile."""
    bench = Bench()
    before = bench.ask("GET", DAILY).json()["runs"]
    bench.account.rotate("next-key")
    bench.clock.forward(days=1)
    assert 401 == bench.ask("GET", DAILY).status_code
    assert before + 1 == bench.ask("GET", DAILY, key="next-key").json()["runs"]


@pytest.mark.parametrize(
    ("query", "secret", "status"),
    [
        ("access_key=pretend-key", "pretend-secret", 200),
        ("b=2&a=1&access_key=pretend-key", "pretend-secret", 200),
        ("access_key=pretend-key", "another-secret", 401),
        ("access_key=pretend-key", None, 401),
    ],
)
def test_signed_reads(query: str, secret: str | None, status: int) -> None:
    """An account that demands it is served only where the exact query is signed with its secret."""
    bench = Bench()
    bench.account.signed, bench.account.secret_key = True, "pretend-secret"
    if secret:
        query += "&signature=" + hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    assert status == bench.ask("GET", f"/v1/tasks?{query}", key=None).status_code


def test_a_signature_alone_signs_an_empty_query() -> None:
    """With the key in the header the query to sign is empty; writes need no signature."""
    bench = Bench()
    bench.account.signed, bench.account.secret_key = True, "pretend-secret"
    signature = hmac.new(b"pretend-secret", b"", hashlib.sha256).hexdigest()
    assert 200 == bench.ask("GET", f"/v1/tasks?signature={signature}").status_code
    assert 201 == bench.ask("POST", "/v1/tasks", json=NEW).status_code


@pytest.mark.parametrize(
    ("limit", "retry_after", "told"),
    [
        (RateLimit(per_minute=2), "30", True),
        (RateLimit(per_minute=2, retry_after=RetryAfter.DATE), "Mon, 02 Mar 2026 12:01:00 GMT", True),
        (RateLimit(per_minute=2, retry_after=None, headers=False), None, False),
    ],
)
def test_rate_limit(limit: RateLimit, retry_after: str | None, told: bool) -> None:
    """Beyond its number in a minute an account gets 429 until the minute is over; other accounts do not."""
    bench = Bench()
    bench.account.rate_limit = limit
    bench.world.add_account(Account(name="other", access_key="other-key"))
    answers = [bench.ask("GET", "/v1/tasks") for _ in range(4)]
    assert [200, 200, 429, 429] == [answer.status_code for answer in answers]
    assert [None, retry_after] == [answers[n].headers.get("Retry-After") for n in (1, 2)]
    left = [answer.headers.get("X-RateLimit-Remaining") for answer in answers]
    assert (["1", "0", "0", "0"] if told else [None] * 4) == left
    assert 200 == bench.ask("GET", "/v1/tasks", key="other-key").status_code
    bench.clock.forward(seconds=30)
    assert 200 == bench.ask("GET", "/v1/tasks").status_code


@pytest.mark.parametrize(("date_header", "date"), [(True, "Mon, 02 Mar 2026 12:00:30 GMT"), (False, None)])
def test_answers_are_dated_by_the_worlds_clock(date_header: bool, date: str | None) -> None:
    """Good answers, errors and unknown routes all carry the simulated time, or none does."""
    bench = Bench(date_header=date_header)
    answers = [bench.ask("GET", path) for path in ("/v1/tasks", "/v1/tasks/0", "/nowhere")]
    assert [date] * 3 == [answer.headers.get("Date") for answer in answers]


def test_requests_are_noted_without_their_key() -> None:
    """What was asked and how it was answered can be counted; the query is not kept."""
    bench = Bench()
    bench.ask("GET", "/v1/tasks", key=None, params={"access_key": KEY})
    bench.ask("DELETE", "/v1/tasks/0")
    assert [
        Seen(START, "GET", "/v1/tasks", 200),
        Seen(START, "DELETE", "/v1/tasks/0", 404),
    ] == list(bench.world.seen)


def test_text_that_is_no_unicode_is_sent_all_the_same() -> None:
    """A lone surrogate in a name is escaped, as JSON allows, and breaks nothing."""
    bench = Bench()
    bench.account.task(DAILY_ID).shown["name"] = "bad \ud800 name"
    assert '"bad \\ud800 name"' in bench.ask("GET", DAILY).text
