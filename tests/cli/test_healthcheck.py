"""`healthcheck` against answers of every kind, and URLs of every kind."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.runs import run
from exporter.web import Server, bind
from web.shop import CLIENTS, PAIR, Shop, open_shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """A server with one answer: its URL and the paths it is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("code", "status", "body", "told"),
    [
        (0, 200, b"Healthy", "200 Healthy"),
        (1, 503, b"Unhealthy: a poll loop has stopped", "503 Unhealthy: a poll loop has stopped"),
        (1, 404, b"", "404"),
        (1, 500, b"\x1b[31m\n\xff", "500"),
        (1, 302, b"elsewhere", "302 elsewhere"),
    ],
)
def test_answers(code: int, status: int, body: bytes, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Only 200 is healthy; a redirect is not followed; the words of the answer are told where they are plain."""
    with answering(status, body, Location="http://127.0.0.1:1/") as (url, asked):
        assert code == run("healthcheck", url)
    assert ["/-/healthy"] == asked
    assert f"healthcheck: {told}\n" == "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "/-/healthy"),
        ("/", "/-/healthy"),
        ("/-/healthy", "/-/healthy"),
        ("/-/healthy/", "/-/healthy"),
        ("/prefix/", "/prefix/-/healthy"),
        ("?x=1#y", "/-/healthy"),
    ],
)
def test_paths(path: str, expected: str) -> None:
    """The exporter's address is enough; the path may be given, and a prefix is kept."""
    with answering(200, b"Healthy") as (url, asked):
        assert 0 == run("healthcheck", url + path)
    assert [expected] == asked


def test_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question goes to the exporter itself, whatever proxy the environment names."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with answering(200, b"Healthy") as (url, _):
        assert 0 == run("healthcheck", url)


NO_ADDRESS = "healthcheck: not an address, expected a URL such as http://127.0.0.1:10142\n"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:1", "healthcheck: no answer (ConnectionRefusedError)\n"),
        ("http://user:hidden@127.0.0.1:1", "healthcheck: no answer (ConnectionRefusedError)\n"),
        ("https://127.0.0.1:1", "healthcheck: no answer (ConnectionRefusedError)\n"),
        ("", NO_ADDRESS),
        ("127.0.0.1:10142", NO_ADDRESS),
        ("http://", NO_ADDRESS),
        ("http://:hidden@", NO_ADDRESS),
        ("http://[::1", NO_ADDRESS),
        ("http://127.0.0.1:0", NO_ADDRESS),
        ("http://127.0.0.1:99999", NO_ADDRESS),
        ("http://127.0.0.1:port", NO_ADDRESS),
        ("http://" + "a" * 70, NO_ADDRESS),
        ("http://a..b", NO_ADDRESS),
        ("http://\ud800", NO_ADDRESS),
        ("file:///etc/passwd", NO_ADDRESS),
        ("ftp://127.0.0.1", NO_ADDRESS),
    ],
)
def test_urls(url: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be asked is one sentence that quotes nothing of the URL, and the code is 1."""
    assert 1 == run("healthcheck", url)
    assert ("", told) == capsys.readouterr()


@given(
    st.sampled_from(["http://127.0.0.1:1", "http://[", "http://[::1]:1", "x", "http://127.0.0.1:"]),
    st.text(max_size=20),
)
def test_any_url_is_survived(start: str, rest: str) -> None:
    """No text makes a traceback."""
    assert run("healthcheck", "--", start + "/" + rest) in {1, 2}


HASH = bcrypt.hashpw(b"word", bcrypt.gensalt(4)).decode()
USERS = f"basic_auth_users: {{one: '{HASH}'}}\n"
LIMIT = "rate_limit: {interval: 1h, burst: 0}\n"
NOT_ASKED = "so its poll loops were not asked"


def checked(shop: Shop, text: str, *words: str | Path) -> int:
    """The exit code of a check of a server with this web config file. `{}` in the words is its port."""
    server = Server(shop.app, bind(["127.0.0.1:0"]), web_file=shop.web_file(text))

    async def check() -> int:
        async with open_shop(server):
            asked = [word.format(server.port) if isinstance(word, str) else word for word in words]
            return await asyncio.to_thread(run, "healthcheck", *asked)

    return asyncio.run(check())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"tls_server_config: {{{PAIR}}}", "200 hello"),
        (f"tls_server_config: {{{PAIR}, min_version: TLS10, max_version: TLS10}}", "200 hello"),
        (f"tls_server_config: {{{PAIR}}}\n{USERS}", f"401, its passwords are on, {NOT_ASKED}"),
        (f"tls_server_config: {{{PAIR}}}\n{LIMIT}", f"429, its rate limit is reached, {NOT_ASKED}"),
        (
            f"tls_server_config: {{{CLIENTS}: RequireAndVerifyClientCert}}",
            f"TLS answers, and asks for a client certificate, {NOT_ASKED}",
        ),
        (
            f"tls_server_config: {{{CLIENTS}: RequireAndVerifyClientCert, max_version: TLS12}}",
            f"TLS answers, and asks for a client certificate, {NOT_ASKED}",
        ),
    ],
)
def test_with_the_web_config_file(text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the exporter's own file it believes the certificate, whoever's name it bears, and takes a refusal for life."""
    shop = Shop(tmp_path)
    shop.put_pair(shop.issue("elsewhere.test"))
    assert 0 == checked(shop, text, "https://127.0.0.1:{}", "--web.config.file", tmp_path / "web.yml")
    assert (f"healthcheck: {told}\n", "") == capsys.readouterr()


@pytest.mark.parametrize(
    ("text", "url", "told"),
    [
        (f"tls_server_config: {{{PAIR}}}", "https://127.0.0.1:{}", "no answer (SSLCertVerificationError)"),
        (
            f"tls_server_config: {{{PAIR}}}",
            "http://127.0.0.1:{}",
            "400 Client sent an HTTP request to an HTTPS server.",
        ),
        (USERS, "http://127.0.0.1:{}", "401 Unauthorized"),
        (LIMIT, "http://127.0.0.1:{}", "429 Too Many Requests"),
    ],
)
def test_without_the_web_config_file(
    text: str, url: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without that file nobody is believed who is not vouched for, and only 200 is healthy."""
    assert 1 == checked(Shop(tmp_path), text, url)
    assert ("", f"healthcheck: {told}\n") == capsys.readouterr()


def test_unhealthy_behind_a_web_config_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file makes nothing healthy that is not."""
    (tmp_path / "web.yml").write_text("")
    with answering(503, b"Unhealthy: a poll loop has stopped") as (url, _):
        assert 1 == run("healthcheck", url, "--web.config.file", tmp_path / "web.yml")
    assert ("", "healthcheck: 503 Unhealthy: a poll loop has stopped\n") == capsys.readouterr()


def test_an_invalid_web_config_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is invalid, with which the exporter answers nothing but errors, is told of in its own words."""
    missing = tmp_path / "web.yml"
    assert 1 == run("healthcheck", "--web.config.file", missing)
    told = f"healthcheck: {missing}: found no such file, expected a web configuration file\n"
    assert ("", told) == capsys.readouterr()


@pytest.mark.parametrize("text", [None, "", f"tls_server_config: {{{PAIR}}}"])
def test_the_default_address(text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a URL it asks the default port of its own machine, by TLS where the file turns that on."""
    shop = Shop(tmp_path)
    connect, asked = socket.create_connection, []
    words = [] if text is None else ["--web.config.file", tmp_path / "web.yml"]
    server = Server(shop.app, bind(["127.0.0.1:0"]), web_file=shop.web_file(text or ""))

    def rerouted(address: tuple[str, int], *rest: object, **options: object) -> socket.socket:
        asked.append(address)
        return connect(("127.0.0.1", server.port), *rest, **options)

    async def check() -> int:
        async with open_shop(server):
            return await asyncio.to_thread(run, "healthcheck", *words)

    monkeypatch.setattr(socket, "create_connection", rerouted)
    assert 0 == asyncio.run(check())
    assert [("127.0.0.1", 10142)] == asked
