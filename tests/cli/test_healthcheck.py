"""`healthcheck` against answers of every kind, and URLs of every kind."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager, suppress
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
def answering(status: int, body: bytes, *later: tuple[int, bytes], **headers: str) -> Iterator[tuple[str, list[str]]]:
    """A server with one answer, or several one after the other: its URL and the paths it is asked for."""
    answers = [(status, body), *later]
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body = answers[min(len(asked), len(answers)) - 1]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # who has heard enough hangs up
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


@pytest.mark.parametrize(
    ("code", "status", "body"), [(0, 200, b"Ready"), (1, 503, b"waiting for the first poll of main")]
)
@pytest.mark.parametrize("path", ["", "/prefix", "/prefix/-/ready"])
def test_ready(code: int, status: int, body: bytes, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With --ready it asks whether every account has been polled, in place of whether the exporter is healthy."""
    with answering(status, body) as (url, asked):
        assert code == run("healthcheck", "--ready", url + path)
    assert [f"{path.removesuffix('/-/ready')}/-/ready"] == asked
    assert f"healthcheck: {status} {body.decode()}\n" == "".join(capsys.readouterr())


HEAD = b"# HELP screenshotmax_up screenshotmax_up 1\n# TYPE screenshotmax_up gauge\n"
THERE = "screenshotmax_up is there"
NONE = "no sample of screenshotmax_up"


@pytest.mark.parametrize(
    ("code", "status", "body", "told"),
    [
        (0, 200, HEAD + b'screenshotmax_up{account="main"} 0.0\n', THERE),
        (0, 200, HEAD + b"screenshotmax_up 1.0\n", THERE),
        (0, 200, HEAD + b"screenshotmax_up 1.0", THERE),
        (1, 200, HEAD, NONE),
        (1, 200, b"", NONE),
        (1, 200, HEAD + b"screenshotmax_upper 1.0\n", NONE),
        (1, 200, b"\xff" * 100, NONE),
        (1, 404, b"Not Found", "404 Not Found"),
        (1, 401, b"Unauthorized", "401 Unauthorized"),
    ],
)
def test_metric(code: int, status: int, body: bytes, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With --metric a sample of that very name, of whatever value, must be in the exposition."""
    with answering(200, b"Healthy", (status, body)) as (url, asked):
        assert code == run("healthcheck", "--metric=screenshotmax_up", url + "/prefix")
    assert ["/prefix/-/healthy", "/prefix/metrics?name%5B%5D=screenshotmax_up"] == asked
    assert f"healthcheck: 200 Healthy; metrics: {told}\n" == "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("code", "before"), [(0, 1024 * 1024 - len("screenshotmax_up 1.0\n")), (1, 1024 * 1024), (1, 2 * 1024 * 1024)]
)
@pytest.mark.parametrize("line", [b"another 1.0 ..\n", b"."])
def test_of_metrics_no_more_than_a_mebibyte_is_read(code: int, before: int, line: bytes) -> None:
    """Who sends more than was asked for is heard to that length, in one line or in many."""
    filler = (line * (before // len(line) + 1))[: before - 1] + b"\n"
    with answering(200, b"Healthy", (200, filler + b"screenshotmax_up 1.0\n")) as (url, _):
        assert code == run("healthcheck", "--metric=screenshotmax_up", url)


def test_what_is_not_healthy_is_asked_no_further(capsys: pytest.CaptureFixture[str]) -> None:
    """A metric makes nothing good that is not ready."""
    with answering(503, b"waiting for the first poll of main", (200, b"screenshotmax_up 1.0\n")) as (url, asked):
        assert 1 == run("healthcheck", "--ready", "--metric=screenshotmax_up", url)
    assert ["/-/ready"] == asked
    assert ("", "healthcheck: 503 waiting for the first poll of main\n") == capsys.readouterr()


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/", "/"), ("/own/path", "/own/path"), ("/a b?c#d", "/a%20b%3Fc%23d"), ("/\ud800", "/%3F"), ("/ü", "/%C3%BC")],
)
def test_the_path_of_the_metrics(path: str, expected: str) -> None:
    """The metrics are looked for where the exporter was told to have them, and no path is taken for a bad URL."""
    with answering(200, b"screenshotmax_up 1.0\n") as (url, asked):
        assert 0 == run("healthcheck", "--metric=screenshotmax_up", f"--web.telemetry-path={path}", url)
    assert ["/-/healthy", f"{expected}?name%5B%5D=screenshotmax_up"] == asked


@pytest.mark.parametrize("name", ["", "1st", "up{}", "screenshotmax up", "screenshotmax_up\n", "ü"])
def test_a_name_that_no_metric_has(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be a metric's name is a bad flag."""
    assert 2 == run("healthcheck", f"--metric={name}")
    assert "expected the name of a metric, such as screenshotmax_up" in capsys.readouterr().err


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
NO_MORE = "a sign of life and no more"


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
        (f"tls_server_config: {{{PAIR}}}\n{USERS}", f"401, its passwords are on: {NO_MORE}"),
        (f"tls_server_config: {{{PAIR}}}\n{LIMIT}", f"429, its rate limit is reached: {NO_MORE}"),
        (
            f"tls_server_config: {{{CLIENTS}: RequireAndVerifyClientCert}}",
            f"TLS answers, and asks for a client certificate: {NO_MORE}",
        ),
        (
            f"tls_server_config: {{{CLIENTS}: RequireAndVerifyClientCert, max_version: TLS12}}",
            f"TLS answers, and asks for a client certificate: {NO_MORE}",
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
    ("text", "asked", "told"),
    [
        (f"tls_server_config: {{{PAIR}}}\n{USERS}", 0, f"401, its passwords are on: {NO_MORE}"),
        (
            f"tls_server_config: {{{CLIENTS}: RequireAndVerifyClientCert}}",
            0,
            f"TLS answers, and asks for a client certificate: {NO_MORE}",
        ),
        (
            f"tls_server_config: {{{PAIR}}}\nrate_limit: {{interval: 1h, burst: 1}}",
            1,
            f"200 hello; metrics: 429, its rate limit is reached: {NO_MORE}",
        ),
    ],
)
def test_a_metric_behind_what_refuses(
    text: str, asked: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the web config file keeps it out it takes life for enough, and says how far it came."""
    shop = Shop(tmp_path)
    words = ("--ready", "--metric=screenshotmax_up", "https://127.0.0.1:{}", "--web.config.file", tmp_path / "web.yml")
    assert 0 == checked(shop, text, *words)
    assert asked == shop.asked
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


def reroute(monkeypatch: pytest.MonkeyPatch, port: int) -> list[tuple[str, int]]:
    """Lets all that is asked from now on be asked of that port; the addresses that were meant."""
    connect, asked = socket.create_connection, list[tuple[str, int]]()

    def rerouted(address: tuple[str, int], *rest: object, **options: object) -> socket.socket:
        asked.append(address)
        return connect(("127.0.0.1", port), *rest, **options)

    monkeypatch.setattr(socket, "create_connection", rerouted)
    return asked


@pytest.mark.parametrize("words", [[], ["http://127.0.0.1:2"]])
def test_no_answer_and_an_invalid_web_config_file(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is invalid is told of in its own words, also where nobody answers."""
    missing = tmp_path / "web.yml"
    reroute(monkeypatch, 1)
    assert 1 == run("healthcheck", "--web.config.file", missing, *words)
    no_file = f"{missing}: found no such file, expected a web configuration file"
    assert ("", f"healthcheck: no answer (ConnectionRefusedError); {no_file}\n") == capsys.readouterr()


@pytest.mark.parametrize(
    ("text", "times", "told"),
    [
        ("", 2, "200 hello"),
        (USERS, 2, f"401, its passwords are on: {NO_MORE}"),
        (f"tls_server_config: {{{PAIR}}}", 1, "200 hello"),
        (f"tls_server_config: {{{PAIR}, min_version: TLS10, max_version: TLS10}}", 1, "200 hello"),
        (
            f"tls_server_config: {{{CLIENTS}: RequireAndVerifyClientCert}}",
            1,
            f"TLS answers, and asks for a client certificate: {NO_MORE}",
        ),
    ],
)
def test_the_default_address_after_a_web_config_file_became_invalid(
    text: str,
    times: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a URL, as the image asks, it is found out whether the exporter still speaks TLS."""
    shop, gone = Shop(tmp_path), tmp_path / "gone.yml"
    server = Server(shop.app, bind(["127.0.0.1:0"]), web_file=shop.web_file(text))
    asked = reroute(monkeypatch, server.port)

    async def check() -> int:
        async with open_shop(server):
            return await asyncio.to_thread(run, "healthcheck", "--web.config.file", gone)

    assert 0 == asyncio.run(check())
    assert [("127.0.0.1", 10142)] * times == asked
    no_file = f"{gone}: found no such file, expected a web configuration file"
    assert (f"healthcheck: {told}; {no_file}\n", "") == capsys.readouterr()


@pytest.mark.parametrize(
    ("code", "text", "url", "told"),
    [
        (0, "", "http://127.0.0.1:{}", "200 hello"),
        (0, USERS, "http://127.0.0.1:{}", f"401, its passwords are on: {NO_MORE}"),
        (0, f"tls_server_config: {{{PAIR}}}", "https://127.0.0.1:{}", "200 hello"),
        (
            1,
            f"tls_server_config: {{{PAIR}}}",
            "http://127.0.0.1:{}",
            "400 Client sent an HTTP request to an HTTPS server.",
        ),
    ],
)
def test_a_web_config_file_that_became_invalid(
    code: int, text: str, url: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exporter lives on by what the file said before, and is asked as the URL says; that the file is invalid is told, too."""
    gone = tmp_path / "gone.yml"
    assert code == checked(Shop(tmp_path), text, url, "--web.config.file", gone)
    expected = f"healthcheck: {told}; {gone}: found no such file, expected a web configuration file\n"
    assert expected == "".join(capsys.readouterr())


@pytest.mark.parametrize("text", [None, "", f"tls_server_config: {{{PAIR}}}"])
def test_the_default_address(text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a URL it asks the default port of its own machine, by TLS where the file turns that on."""
    shop = Shop(tmp_path)
    words = [] if text is None else ["--web.config.file", tmp_path / "web.yml"]
    server = Server(shop.app, bind(["127.0.0.1:0"]), web_file=shop.web_file(text or ""))
    asked = reroute(monkeypatch, server.port)

    async def check() -> int:
        async with open_shop(server):
            return await asyncio.to_thread(run, "healthcheck", *words)

    assert 0 == asyncio.run(check())
    assert [("127.0.0.1", 10142)] == asked
