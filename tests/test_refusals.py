"""The whole exporter counts whom it refuses, and as a process makes room for as many as may come."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from builders import Clock, Scene, asking, at, config_text, samples
from exporter.metrics.rows import TASK_ROWS
from exporter.web.shared import MOST_CHOSEN
from processes import running
from served import LISTENING, NOWHERE, get, write

if TYPE_CHECKING:
    import pytest

FEW_FILES = ("sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh")


def test_a_route_that_refuses_is_counted() -> None:
    """Who chooses a rendering of his own while many others do is in the house's own metrics."""

    async def main() -> tuple[int, dict[str, float]]:
        async with asking(Scene(Clock(at("2024-06-10 12:00Z")), config_text(), []).house) as client:
            paths = (f"/metrics?name[]={row.name}" for row in TASK_ROWS[: MOST_CHOSEN + 3])
            codes = [each.status_code for each in await asyncio.gather(*map(client.get, paths))]
            return codes.count(503), samples((await client.get("/metrics")).text)

    refused, shown = Clock(at("2024-06-10 12:00Z")).run(main())
    assert 3 == refused == shown['screenshotmax_exporter_http_refused_total{reason="crowd"}']


def test_a_process_counts_whom_it_refuses(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Who sends what is no request is in the next scrape; and the limit of open files, low by default, is raised."""
    command = [*FEW_FILES, *write(tmp_path / "config.yaml", NOWHERE)]
    with running(command, cwd=pytestconfig.rootpath) as process:
        url = f"http://{process.wait_for(LISTENING)[1]}"
        (limit,) = [line for line in limits_of(process.popen.pid) if line.startswith("Max open files")]
        with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=10) as client:
            client.sendall(b"no request\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 400")
        counted = {
            name: value for name, value in samples(get(f"{url}/metrics").text).items() if "_http_refused_" in name
        }

    soft, hard = (65_536 if word == "unlimited" else int(word) for word in limit.split()[3:5])
    assert min(hard, 65_536) == soft
    assert 1 == counted.pop('screenshotmax_exporter_http_refused_total{reason="bad_request"}')
    assert {0} == set(counted.values())
    assert "Few files" not in "".join(process.seen)


def limits_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
