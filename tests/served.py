"""The exporter served as a process, with an upstream that the test answers for."""

from __future__ import annotations

import os
import re
import socket
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import httpx

from processes import EXPORTER, Process

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator
    from pathlib import Path

KEY = "key-that-nobody-may-see"
PATIENCE_SECONDS = 30.0
MOST_SECONDS = 5.0  # from a signal to the end
LISTENING = r'level=info source=serve.py:[0-9]+ msg="Listening on" address=(\S+)$'
NOWHERE = "http://127.0.0.1:1"


def write(config: Path, base_url: str, account: str = "", *, tasks: str = "all") -> list[str]:
    """A configuration with this account and perhaps another, and the command that serves it on a free port."""
    config.write_text(
        f"api: {{base_url: '{base_url}'}}\npoll: {{interval: 5s}}\n"
        f"accounts:\n  - {{name: main, access_key: {KEY}, tasks: {tasks}}}\n{account}"
    )
    return [*EXPORTER, f"--config.file={config}", "--web.listen-address=127.0.0.1:0", "--log.level=debug"]


@contextmanager
def silence() -> Iterator[socket.socket]:
    """An upstream that says nothing by itself; connections wait in its queue."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_SECONDS)
        yield listener


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"


def taken(listener: socket.socket) -> tuple[socket.socket, str]:
    """The connection of the request that comes next, and its head."""
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE_SECONDS)
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(65536)
    return connection, head.decode()


def read_until(stream: int, pattern: str) -> re.Match[str]:
    """The first match in what a pipe brings; its writer's end ends the wait."""
    text = ""
    while not (match := re.search(pattern, text, re.MULTILINE)):
        brought = os.read(stream, 65536).decode()
        assert brought, f"no {pattern!r} in: {text}"
        text += brought
    return match


def get(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=PATIENCE_SECONDS)


def ended(process: Process, number: signal.Signals) -> int:
    """The exit code after this signal; fails when it takes too long."""
    began_seconds = monotonic()
    code = process.end(number)
    assert monotonic() - began_seconds < MOST_SECONDS
    return code
