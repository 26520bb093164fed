from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme

from client.wires import DATE, KEY, NOW, SAMPLES, TASK, TASK_ID, Observed, an_api, an_upstream, answering, list_of
from exporter import __version__
from exporter.client import Fetched, Upstream
from exporter.model import PollError, Reason, Task, TaskList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

HEADERS = {
    "host": "upstream.example",
    "user-agent": f"screenshotmax-exporter/{__version__}",
    "accept": "application/json",
    "accept-encoding": "identity",
    "cache-control": "no-cache",
    "connection": "close",
}


def ask(upstream: Upstream, question: Callable[[Upstream], Awaitable[Any]] | None = None) -> Any:
    """Ask for the sample task, or another question, and close."""

    async def once() -> Any:
        try:
            return await (question or get_sample)(upstream)
        finally:
            await upstream.aclose()

    return asyncio.run(once())


async def get_sample(upstream: Upstream) -> Fetched[Task]:
    return await upstream.get_task(TASK_ID)


def refused(upstream: Upstream, question: Callable[[Upstream], Awaitable[Any]] | None = None) -> PollError:
    with pytest.raises(PollError) as caught:
        ask(upstream, question)
    return caught.value


class Recorder:
    """A wire that keeps its requests."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.requests: list[httpx.Request] = []

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(self.body))


def test_get_task() -> None:
    """A good answer is a Task dated by the start of its request."""
    instants = iter(NOW + timedelta(seconds=step) for step in range(9))
    fetched = ask(an_upstream(an_api(), now=lambda: next(instants), transport=answering()))
    assert (TASK_ID, 12, NOW) == (fetched.value.id, fetched.value.runs, fetched.fetched_at)


@pytest.mark.parametrize(
    ("age", "seconds"),
    [("0", 0), ("400", 400), ("9999999999", 31 * 86_400), ("-5", 0), ("4e2", 0), ("", 0), ("1, 2", 0)],
)
def test_a_caches_copy_is_dated_by_its_age(age: str, seconds: int) -> None:
    """What a cache has kept was true when it was kept, on both clocks; an Age that is no number is none."""
    fresh = ask(an_upstream(an_api(), transport=answering()))
    kept = ask(an_upstream(an_api(), transport=answering(Age=age)))
    assert timedelta(seconds=seconds) == fresh.fetched_at - kept.fetched_at
    assert pytest.approx(seconds, abs=5) == fresh.fetched_seconds - kept.fetched_seconds


def test_a_large_answer_is_dated_by_the_start_of_its_request() -> None:
    """How long it takes to come and to be parsed changes nothing about when the evidence is from."""
    instants = iter(NOW + timedelta(seconds=step) for step in range(9))
    body = list_of(*({"id": number, "name": "x" * 200} for number in range(3000)))
    fetched = ask(an_upstream(an_api(), now=lambda: next(instants), transport=answering(body)), Upstream.list_tasks)
    assert (3000, NOW) == (len(fetched.value.tasks), fetched.fetched_at)


def test_a_host_that_no_request_can_name_has_a_reason() -> None:
    """It is the configuration's fault, not a bug of ours."""
    assert Reason.CONNECT is refused(an_upstream(an_api("https://xn--a.com"), transport=answering())).reason


def test_list_tasks() -> None:
    """A good answer to the other question is a TaskList, dated alike."""
    body = (SAMPLES / "list-tasks.json").read_bytes()
    fetched = ask(an_upstream(an_api(), transport=answering(body)), Upstream.list_tasks)
    assert (["5678133109850112", TASK_ID], NOW) == ([task.id for task in fetched.value.tasks], fetched.fetched_at)


def test_key_in_header() -> None:
    """By default one header carries the key, and nothing else does."""
    recorder = Recorder(TASK)
    ask(an_upstream(an_api(), transport=recorder.transport()))
    (request,) = recorder.requests
    assert f"https://upstream.example/v1/tasks/{TASK_ID}" == str(request.url)
    assert HEADERS | {"x-access-key": KEY} == dict(request.headers)
    assert ("GET", b"") == (request.method, request.content)


@pytest.mark.parametrize("key", [KEY, "a&b=c#d?e/%+f"])
def test_key_in_query(tmp_path: Path, key: str) -> None:
    """With `auth: query` the key is the one parameter, escaped, and no header carries it."""
    path = tmp_path / "key"
    path.write_text(key)
    recorder = Recorder(b'{"tasks": []}')
    upstream = an_upstream(an_api(auth="query"), transport=recorder.transport(), access_key_file=path)
    ask(upstream, Upstream.list_tasks)
    (request,) = recorder.requests
    assert ("/v1/tasks", {"access_key": key}) == (request.url.path, dict(request.url.params))
    assert HEADERS == dict(request.headers)


def test_base_url_with_a_path() -> None:
    """The paths of the API follow the configured base."""
    recorder = Recorder(TASK)
    ask(an_upstream(an_api("https://upstream.example/proxied"), transport=recorder.transport()))
    assert f"/proxied/v1/tasks/{TASK_ID}" == recorder.requests[0].url.path


def test_id_cannot_leave_its_place() -> None:
    """Whatever the id holds, it is one segment of the path."""
    recorder = Recorder(TASK)
    refused(an_upstream(an_api(), transport=recorder.transport()), lambda upstream: upstream.get_task("../x?y=1#z"))
    assert b"/v1/tasks/..%2Fx%3Fy%3D1%23z" == recorder.requests[0].url.raw_path


def test_each_phase_has_the_deadline() -> None:
    """No phase of a request may take longer than the whole."""
    recorder = Recorder(TASK)
    ask(an_upstream(an_api(timeout=timedelta(seconds=7)), transport=recorder.transport()))
    assert {"connect": 7.0, "read": 7.0, "write": 7.0, "pool": 7.0} == recorder.requests[0].extensions["timeout"]


def test_key_is_read_for_each_request(tmp_path: Path) -> None:
    """A rotated key goes out with the next request, and what is no key never does: the one before it goes on."""
    path = tmp_path / "key"
    recorder = Recorder(TASK)
    observed = Observed()
    upstream = an_upstream(an_api(), observe=observed, transport=recorder.transport(), access_key_file=path)
    for key in ("first", "second"):
        path.write_text(key)
        ask(upstream)
    path.write_text("bad key")
    ask(upstream)
    assert ["first", "second", "second"] == [request.headers["X-Access-Key"] for request in recorder.requests]
    assert ["200"] * 3 == observed.codes


@pytest.mark.parametrize(
    ("wire", "code", "skew", "reason"),
    [
        (answering(date=DATE), "200", timedelta(), None),
        (answering(), "200", None, None),
        (answering(b"<html>"), "200", None, Reason.BAD_JSON),
        (answering(status=404, date=DATE), "404", timedelta(), Reason.HTTP_404),
        (answering(date="Sun, 01 Jun 2025 13:00:00 GMT"), "200", timedelta(hours=1), Reason.CLOCK_SKEW),
    ],
)
def test_every_request_is_observed(wire: Any, code: str, skew: timedelta | None, reason: Reason | None) -> None:
    """A request is observed once, however it ends, with its status, duration and skew."""
    observed = Observed()
    upstream = an_upstream(an_api(), observe=observed, transport=wire)
    if reason is None:
        ask(upstream)
    else:
        assert reason is refused(upstream).reason
    ((seen_code, seconds, seen_skew),) = observed.requests
    assert (code, skew) == (seen_code, seen_skew)
    assert 0 <= seconds < 5


class Failing(httpx.AsyncBaseTransport):
    """A wire that fails."""

    def __init__(self, exc: Exception) -> None:
        self._exc = exc

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise self._exc


def test_failure_without_an_answer() -> None:
    """A request without an answer is observed as such and shows nothing of what was said amid it."""
    observed = Observed()
    error = refused(an_upstream(an_api(), observe=observed, transport=Failing(httpx.ConnectError(f"to {KEY}"))))
    assert (Reason.CONNECT, None, True) == (error.reason, error.__cause__, error.__suppress_context__)
    assert ["none"] == observed.codes
    assert KEY not in str(error)


def test_bug_leaves_without_the_key() -> None:
    """An exception that nobody foresaw is no PollError, is observed, and its text stays behind."""
    observed = Observed()
    upstream = an_upstream(an_api(), observe=observed, transport=Failing(ZeroDivisionError(KEY)))
    with pytest.raises(RuntimeError, match=r"^ZeroDivisionError while asking upstream$") as caught:
        ask(upstream)
    assert caught.value.__suppress_context__
    assert ["none"] == observed.codes


class Silent(httpx.AsyncBaseTransport):
    """A wire on which nothing comes, and that breaks in its own way when it is cut off."""

    def __init__(self, broken: Exception | None = None) -> None:
        self.asked = asyncio.Event()
        self._broken = broken

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self._broken is not None:
                raise self._broken from None
            raise
        raise AssertionError


@pytest.mark.parametrize("broken", [None, httpx.ReadError("")])
def test_deadline(broken: Exception | None) -> None:
    """A silent wire is a timeout once the deadline passes, whatever it says of being cut off."""
    observed = Observed()
    api = an_api(timeout=timedelta(milliseconds=20))
    error = refused(an_upstream(api, observe=observed, transport=Silent(broken)))
    assert Reason.TIMEOUT is error.reason
    ((code, seconds, _),) = observed.requests
    assert "none" == code
    assert seconds >= 0.02


def test_cancelled() -> None:
    """A request that is called off was sent all the same: it is observed, and no PollError."""
    observed = Observed()

    async def call_off() -> None:
        wire = Silent()
        upstream = an_upstream(an_api(), observe=observed, transport=wire)
        asking = asyncio.create_task(upstream.get_task(TASK_ID))
        await wire.asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await upstream.aclose()

    asyncio.run(call_off())
    assert ["none"] == observed.codes


def test_caps() -> None:
    """A task may be 1 MiB large, a list as large as configured."""
    padded = TASK + b" " * (1024 * 1024 - len(TASK))
    assert TASK_ID == ask(an_upstream(an_api(), transport=answering(padded))).value.id
    assert Reason.TOO_LARGE is refused(an_upstream(an_api(), transport=answering(padded + b" "))).reason
    small = an_api(max_list_bytes=65_536)
    error = refused(an_upstream(small, transport=answering(b" " * 65_537)), Upstream.list_tasks)
    assert (Reason.TOO_LARGE, "the answer is larger than 65536 bytes") == (error.reason, error.detail)


def test_large_list() -> None:
    """A large list that is there at once does not keep others waiting: they have their turn after every few tasks."""
    body = list_of(*({"id": number, "name": "x" * 100} for number in range(1, 5001)))

    async def beside_another() -> tuple[Fetched[TaskList], int]:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        upstream = an_upstream(an_api(), transport=answering(body))
        taking_turns = asyncio.create_task(other())
        try:
            return await upstream.list_tasks(), turns
        finally:
            taking_turns.cancel()
            await upstream.aclose()

    fetched, turns = asyncio.run(beside_another())
    assert [str(number) for number in range(1, 5001)] == [task.id for task in fetched.value.tasks]
    assert turns >= len(body) // (16 * 1024)
    assert Reason.BAD_JSON is refused(an_upstream(an_api(), transport=answering(body[:-1])), Upstream.list_tasks).reason


def test_closing_twice() -> None:
    """Closing is safe at any time: before the first request, and again."""

    async def close_twice() -> None:
        upstream = an_upstream(an_api())
        await upstream.aclose()
        await upstream.aclose()

    asyncio.run(close_twice())


@pytest.mark.parametrize(("gone", "reason"), [("key", Reason.KEY), ("ca", Reason.TLS), (None, None)])
def test_preparing_reads_what_a_request_needs(tmp_path: Path, gone: str | None, reason: Reason | None) -> None:
    """Key and authorities are tried without a request; each that cannot be read has its reason."""
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "ca").write_bytes(trustme.CA().cert_pem.bytes())
    if gone:
        (tmp_path / gone).unlink()
    observed = Observed()
    api = an_api(ca_file=tmp_path / "ca")
    upstream = an_upstream(api, observe=observed, access_key_file=tmp_path / "key")
    if reason is None:
        ask(upstream, Upstream.prepare)
    else:
        assert reason is refused(upstream, Upstream.prepare).reason
    assert [] == observed.requests
