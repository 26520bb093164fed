"""`healthcheck` against answers of every kind, and URLs of every kind."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.runs import run

if TYPE_CHECKING:
    from collections.abc import Iterator


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
