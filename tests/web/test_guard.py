"""What the web config file puts before every route, in process and on a clock that only moves when told to."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import bcrypt
import httpx
import pytest

from builders import Clock
from exporter.config import ConfigError
from exporter.config.web_values import RateLimit
from exporter.metrics import Refusal
from exporter.web import WebFile, build_web
from exporter.web.auth import MOST_WAITING
from exporter.web.guard import Bucket, Guard
from log_lines import written
from web.disks import Disk, eventually
from web.reports import World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from starlette.types import ASGIApp

HASH = bcrypt.hashpw(b"word", bcrypt.gensalt(4)).decode()
USERS = f"basic_auth_users: {{one: '{HASH}'}}\n"
HEADERS = """
http_server_config:
  headers:
    Content-Security-Policy: default-src 'self'
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    X-XSS-Protection: 1
    Strict-Transport-Security: max-age=31536000
"""
CONFIGURED = {
    "content-security-policy": "default-src 'self'",
    "x-frame-options": "deny",
    "x-content-type-options": "nosniff",
    "x-xss-protection": "1",
    "strict-transport-security": "max-age=31536000",
}
INVALID = "nonsense: 1\n"
ROUTES = ["/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/tasks", "/config", "/nowhere"]
RIGHT, WRONG = httpx.BasicAuth("one", "word"), httpx.BasicAuth("one", "wrong")


def put(path: Path, text: str) -> WebFile:
    new = path.with_name("new")
    new.write_text(text)
    new.replace(path)
    return WebFile(path)


def put_a_pipe(path: Path) -> None:
    new = path.with_name("new")
    os.mkfifo(new)
    new.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "web.yml"


def visiting(app: ASGIApp, visit: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def run() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            await visit(client)

    Clock(datetime(2025, 1, 1, tzinfo=UTC)).run(run())


def web() -> ASGIApp:
    return build_web(World().sources())


def test_an_empty_file_changes_nothing(path: Path) -> None:
    """Behind a file that asks for nothing every answer is what it is without."""

    async def visit(client: httpx.AsyncClient) -> None:
        bare = httpx.AsyncClient(transport=httpx.ASGITransport(web()), base_url="http://exporter")
        async with bare:
            for route in ROUTES:
                guarded, plain = await client.get(route), await bare.get(route)
                assert (plain.status_code, plain.headers) == (guarded.status_code, guarded.headers)

    visiting(Guard(web(), put(path, "")), visit)


@pytest.mark.parametrize("route", ROUTES)
def test_no_route_is_left_out(route: str, path: Path) -> None:
    """With users in the file each route, health and unknown ones too, answers 401 until the password is right."""

    async def visit(client: httpx.AsyncClient) -> None:
        for auth in (None, WRONG):
            answer = await client.get(route, auth=auth)
            assert (401, "Unauthorized\n", "Basic") == (
                answer.status_code,
                answer.text,
                answer.headers["www-authenticate"],
            )
            assert ("no-store", "nosniff", "default-src 'none'; frame-ancestors 'none'") == (
                answer.headers["cache-control"],
                answer.headers["x-content-type-options"],
                answer.headers["content-security-policy"],
            )
            assert 401 == (await client.head(route, auth=auth)).status_code
        assert 401 != (await client.get(route, auth=RIGHT)).status_code

    visiting(Guard(web(), put(path, USERS)), visit)


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic !", "Basic b25l", "Bearer b25lOndvcmQ=", "Basic " + "b25lOndvcmQ" * 10_000]
)
def test_malformed_headers(header: str, path: Path) -> None:
    """An Authorization header that cannot be read, or holds far too much, is a 401."""

    async def visit(client: httpx.AsyncClient) -> None:
        assert 401 == (await client.get("/metrics", headers={"Authorization": header})).status_code

    visiting(Guard(web(), put(path, USERS)), visit)


def test_users_follow_the_file(path: Path) -> None:
    """A user who is added may come in at the next request, one who is removed may not, and none are not everybody."""

    async def visit(client: httpx.AsyncClient) -> None:
        for text, expected in ((USERS, 200), (USERS.replace("one", "two"), 401), ("", 401), (USERS, 200)):
            put(path, text)
            assert expected == (await client.get("/metrics", auth=RIGHT)).status_code

    visiting(Guard(web(), put(path, USERS)), visit)


def test_a_file_that_becomes_invalid(path: Path) -> None:
    """Every request is a 500 in fixed words, right passwords too, until the file is mended; headers stay.

    But for liveness: there what was valid last still holds.
    """

    async def visit(client: httpx.AsyncClient) -> None:
        assert 200 == (await client.get("/metrics", auth=RIGHT)).status_code
        put(path, INVALID)
        for auth, expected in ((RIGHT, (200, "Healthy")), (WRONG, (401, "Unauthorized\n"))):
            answer = await client.get("/-/healthy", auth=auth)
            assert (*expected, "deny") == (answer.status_code, answer.text, answer.headers["x-frame-options"])
        for route in [*ROUTES, "//-/healthy", "/-/healthy/", "/x/-/healthy"]:
            if route == "/-/healthy":
                continue
            answer = await client.get(route, auth=RIGHT)
            assert (500, "Internal error; the exporter's log says more.\n") == (answer.status_code, answer.text)
            assert "deny" == answer.headers["x-frame-options"]
        put(path, USERS + HEADERS)
        assert [200, 401] == [(await client.get("/metrics", auth=auth)).status_code for auth in (RIGHT, None)]

    visiting(Guard(web(), put(path, USERS + HEADERS)), visit)


def test_an_invalid_file_at_the_start(path: Path) -> None:
    """Nothing is built on a file that is invalid."""
    with pytest.raises(ConfigError):
        Guard(web(), put(path, INVALID))


@pytest.mark.parametrize(("auth", "status"), [(RIGHT, 200), (None, 401)])
@pytest.mark.parametrize("route", ["/", "/metrics"])
def test_configured_headers(auth: httpx.Auth | None, status: int, route: str, path: Path) -> None:
    """Each configured header is on every answer once, in the place of the page's own; the house's others stay."""

    async def visit(client: httpx.AsyncClient) -> None:
        answer = await client.get(route, auth=auth)
        assert status == answer.status_code
        assert CONFIGURED == {name: answer.headers[name] for name in CONFIGURED}
        assert [1] * len(CONFIGURED) == [len(answer.headers.get_list(name)) for name in CONFIGURED]
        assert "no-store" == answer.headers["cache-control"]

    visiting(Guard(web(), put(path, USERS + HEADERS)), visit)


def test_headers_on_errors_of_the_application(path: Path) -> None:
    """Also a 404, a 405 and a 500 of the application's own bear the configured headers."""

    async def visit(client: httpx.AsyncClient) -> None:
        for method, route, status in (("GET", "/nowhere", 404), ("POST", "/metrics", 405), ("GET", "/", 500)):
            answer = await client.request(method, route)
            assert (status, "deny") == (answer.status_code, answer.headers["x-frame-options"])

    def broken() -> None:
        raise RuntimeError

    sources = World().sources(report=broken)
    visiting(Guard(build_web(sources), put(path, HEADERS)), visit)


@pytest.mark.parametrize(
    ("burst", "expected"),
    [
        (0, "no no no no no no"),
        (1, "yes no no yes no yes"),
        (2, "yes yes no yes no yes"),
        (3, "yes yes yes yes no yes"),
    ],
)
def test_bucket(burst: int, expected: str) -> None:
    """There are as many requests as tokens: a burst at first, then one for each interval, and never more kept."""
    bucket = Bucket(RateLimit(interval=timedelta(seconds=2), burst=burst), now_seconds=100)
    asked_at_seconds = (100, 100, 100.5, 102.5, 103, 104.5)
    assert expected == " ".join("yes" if bucket.take(at) else "no" for at in asked_at_seconds)


def test_a_bucket_is_never_fuller_than_its_burst() -> None:
    """A long silence saves up no more than the burst."""
    bucket = Bucket(RateLimit(interval=timedelta(seconds=1), burst=2), now_seconds=0)
    assert [True, True, False] == [bucket.take(1_000_000) for _ in range(3)]


def test_rate_limit(path: Path) -> None:
    """Beyond the limit an answer is 429, before any password is looked at, and on health too; then time helps."""

    async def visit(client: httpx.AsyncClient) -> None:
        got = [await client.get("/-/healthy", auth=auth) for auth in (RIGHT, None, RIGHT)]
        assert [200, 401, 429] == [each.status_code for each in got]
        assert "Too Many Requests\n" == got[-1].text
        await asyncio.sleep(60)
        assert [200, 429] == [(await client.get("/-/healthy", auth=RIGHT)).status_code for _ in range(2)]

    refused: list[Refusal] = []
    file = put(path, USERS + "rate_limit: {interval: 1m, burst: 2}\n")
    visiting(Guard(web(), file, on_refused=refused.append), visit)
    assert [Refusal.UNAUTHORIZED, Refusal.RATE_LIMIT, Refusal.RATE_LIMIT] == refused


def test_the_rate_limit_of_the_start_holds(path: Path) -> None:
    """As in Prometheus's own programs, another limit in the file waits for the next start."""

    async def visit(client: httpx.AsyncClient) -> None:
        put(path, "")
        assert [200, 429] == [(await client.get("/-/healthy")).status_code for _ in range(2)]

    visiting(Guard(web(), put(path, "rate_limit: {interval: 1h, burst: 1}\n")), visit)


def test_an_invalid_file_comes_before_the_limit(path: Path) -> None:
    """An invalid file is told of even when no token is left, and uses none up, but for liveness."""

    async def visit(client: httpx.AsyncClient) -> None:
        put(path, INVALID)
        assert [500, 500] == [(await client.get("/metrics")).status_code for _ in range(2)]
        assert 200 == (await client.get("/-/healthy")).status_code
        put(path, "")
        assert [200, 429] == [(await client.get("/metrics")).status_code for _ in range(2)]

    refused: list[Refusal] = []
    visiting(Guard(web(), put(path, "rate_limit: {interval: 1h, burst: 2}\n"), on_refused=refused.append), visit)
    assert [Refusal.WEB_CONFIG, Refusal.WEB_CONFIG, Refusal.RATE_LIMIT] == refused


def test_liveness_has_its_prefix(path: Path) -> None:
    """Where the routes have a prefix, `/-/healthy` has it too, and is none without it."""

    async def visit(client: httpx.AsyncClient) -> None:
        put(path, INVALID)
        assert [200, 500] == [(await client.get(each)).status_code for each in ("/watch/-/healthy", "/-/healthy")]

    app = build_web(World().sources(route_prefix="/watch"))
    visiting(Guard(app, put(path, ""), healthy_path="/watch/-/healthy"), visit)


def test_a_pipe_in_its_place(path: Path) -> None:
    """A pipe, from which nothing may ever come, is an invalid file."""

    async def visit(client: httpx.AsyncClient) -> None:
        put_a_pipe(path)
        assert [200, 500] == [(await client.get(each)).status_code for each in ("/-/healthy", "/metrics")]
        put(path, "")
        assert 200 == (await client.get("/metrics")).status_code

    with written() as log:
        visiting(Guard(web(), put(path, "")), visit)
    assert f'err="{path}: found no regular file, expected a web configuration file"' in log.getvalue()


def test_a_disk_that_does_not_answer(path: Path) -> None:
    """Who asks meanwhile is served by what the file said before; once the disk is back, by what it says."""
    disk = Disk(path)

    async def run() -> None:
        app = Guard(web(), WebFile(disk.path))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://exporter") as client:
            disk.hang()
            async with asyncio.timeout(5):
                codes = [(await client.get(each, auth=RIGHT)).status_code for each in ("/-/healthy", "/metrics") * 20]
            assert {200} == set(codes)
            put(path, USERS.replace("one", "two"))
            disk.answer()

            async def is_shut_out() -> bool:
                return (await client.get("/metrics", auth=RIGHT)).status_code == 401

            await eventually(is_shut_out)

    put(path, USERS)
    with disk:
        asyncio.run(asyncio.wait_for(run(), 10))


def test_too_many_passwords(path: Path) -> None:
    """When a flood of wrong passwords fills the queue, more of them are a 503, and the known right one is a 200."""
    refused: list[Refusal] = []
    app = Guard(web(), put(path, USERS), on_refused=refused.append)

    async def run() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            assert 200 == (await client.get("/-/healthy", auth=RIGHT)).status_code
            flood = [client.get("/-/healthy", auth=("one", str(number))) for number in range(3 * MOST_WAITING)]
            answers = await asyncio.gather(*flood, client.get("/-/healthy", auth=RIGHT))
            codes = [each.status_code for each in answers]
            assert {401, 503} == set(codes[:-1])
            assert 200 == codes[-1]
            assert {"1"} == {each.headers["retry-after"] for each in answers if each.status_code == 503}
            assert [codes.count(503), codes.count(401)] == [
                refused.count(each) for each in (Refusal.PASSWORDS, Refusal.UNAUTHORIZED)
            ]

    asyncio.run(run())
