"""The simulator behind a real server: the vendor's own SDK drives it, and TLS is the server's."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme
import uvicorn

from exporter.simulator.faults import Fault, Kind
from simulator.harness import DAILY_ID, KEY, Bench

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.applications import Starlette

PATIENCE_SECONDS = 10
KEYS = [
    "id", "name", "api", "query", "frequency", "crontab", "timezone", "enabled", "created", "last_run", "runs",
]  # fmt: skip


class Announcing(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()


@contextmanager
def served(app: Starlette, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of 127.0.0.1 at which the app really listens."""
    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan="off",
        date_header=False,
        server_header=False,
        ssl_context_factory=(lambda _config, _default: context) if context else None,
    )
    server = Announcing(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert server.listening.wait(PATIENCE_SECONDS)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bench, Any]]:
    """A bench and the vendor's SDK pointed at it."""
    vendor = pytest.importorskip(
        "screenshotmax", reason="component missing: screenshotmax (not installed: run make test)"
    )
    bench = Bench()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with served(bench.app) as port:
        monkeypatch.setattr(vendor.client.APIClient, "base_url", f"http://127.0.0.1:{port}")
        yield bench, vendor.SDK(KEY, "pretend-secret")


@pytest.mark.real
def test_the_vendors_sdk_reads(sdk: tuple[Bench, Any]) -> None:
    """The SDK lists, gets and asks for usage as it does upstream."""
    _, client = sdk
    listed, got = json.loads(client.task.get_tasks()), json.loads(client.task.get_task(DAILY_ID))
    assert {"tasks": [got]} == listed
    assert (KEYS, DAILY_ID) == (list(got), got["id"])
    assert {"hits", "concurrency"} == set(json.loads(client.usage.get()))


@pytest.mark.real
def test_the_vendors_sdk_writes(sdk: tuple[Bench, Any]) -> None:
    """The SDK creates, updates and deletes; it raises on the documented 204 although the task is gone."""
    _, client = sdk
    body = {"name": "made by the SDK", "api": "pdf", "query": "url=x", "frequency": "every_day"}
    created = client.task.create_task(body)
    assert (KEYS, "0 12 * * *") == (list(created), created["crontab"])
    updated = client.task.update_task(created["id"], {"enabled": False})
    assert (False, updated) == (updated["enabled"], json.loads(client.task.get_task(created["id"])))
    with pytest.raises(ValueError, match="Expecting value"):
        client.task.delete_task(created["id"])
    assert [DAILY_ID] == [task["id"] for task in json.loads(client.task.get_tasks())["tasks"]]


@pytest.mark.real
def test_the_vendors_sdk_signs(sdk: tuple[Bench, Any]) -> None:
    """A read signed by the SDK is served where signatures are demanded, and an unsigned one is not."""
    bench, client = sdk
    bench.account.signed, bench.account.secret_key = True, "pretend-secret"
    signed, _ = client.task.client.get("/v1/tasks", signed=True)
    assert ["tasks"] == list(json.loads(signed))
    assert 401 == json.loads(client.task.get_tasks())["statusCode"]


def test_over_tls() -> None:
    """Behind a server with a certificate it answers over TLS, with one Date: the world's."""
    bench, authority = Bench(), trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    with served(bench.app, server) as port:
        answer = httpx.get(
            f"https://127.0.0.1:{port}/v1/tasks",
            headers={"X-Access-Key": KEY},
            verify=client,
            trust_env=False,
        )
    assert 200 == answer.status_code
    assert ["Mon, 02 Mar 2026 12:00:30 GMT"] == answer.headers.get_list("Date")


def test_a_hanging_request_ends_with_its_client() -> None:
    """A client that gives up frees the server, which then stops in time."""
    bench = Bench()
    bench.world.faults.add(Fault(kind=Kind.HANG, count=1), account="main")
    with served(bench.app) as port, httpx.Client(headers={"X-Access-Key": KEY}, trust_env=False) as client:
        url = f"http://127.0.0.1:{port}/v1/tasks"
        with pytest.raises(httpx.ReadTimeout):
            client.get(url, timeout=0.2)
        assert 200 == client.get(url).status_code
