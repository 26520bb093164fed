"""Real programs together: the simulator, the exporter that polls it, the Prometheus that scrapes the exporter."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import httpx

from processes import EXPORTER, Process, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "simulated-key"
PATIENCE_SECONDS = 40.0
ANY_PORT = "--web.listen-address=127.0.0.1:0"
LISTENING = r'msg="Listening on" .*address=(127\S+)'


def eventually(holds: Callable[[], Any], *, within_seconds: float = PATIENCE_SECONDS) -> Any:
    """The first truthy answer. A real Prometheus cannot be told that time has passed."""
    deadline = monotonic() + within_seconds
    while monotonic() < deadline:
        if found := holds():
            return found
        sleep(0.1)
    raise AssertionError(f"not true within {within_seconds:.0f} s")


@dataclass(frozen=True)
class Upstream:
    """A simulator with its `/_control` on."""

    url: str

    def order(self, command: str, **order: Any) -> None:
        answer = httpx.post(f"{self.url}/_control/{command}", json=order, trust_env=False)
        assert 204 == answer.status_code, answer.text

    def delete(self, task_id: str) -> None:
        headers = {"X-Access-Key": KEY}
        answer = httpx.delete(f"{self.url}/v1/tasks/{task_id}", headers=headers, trust_env=False)
        assert 204 == answer.status_code, answer.text


@dataclass(frozen=True)
class Exporter:
    process: Process
    target: str  # host:port

    @property
    def url(self) -> str:
        return f"http://{self.target}"

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers=headers, trust_env=False)

    def tasks(self) -> list[dict[str, Any]]:
        return self.get("/api/v1/tasks").json()["tasks"]


@dataclass(frozen=True)
class Prometheus:
    url: str
    process: Process
    config: Path

    def reload(self, config: str) -> None:
        """Whatever is scraped by another configuration than before is scraped on new connections."""
        self.config.write_text(config)
        self.process.popen.send_signal(signal.SIGHUP)
        self.process.wait_for("Completed loading of configuration file")

    def ask(self, path: str, **params: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=params, trust_env=False).json()
        assert "success" == answer["status"], answer
        return answer["data"]

    def query(self, text: str) -> list[dict[str, Any]]:
        return self.ask("query", query=text)["result"]

    def value(self, text: str) -> float | None:
        """Of the one series that answers; None when there is none."""
        found = self.query(text)
        assert len(found) < 2, found
        return float(found[0]["value"][1]) if found else None

    def target(self) -> dict[str, Any]:
        """The one thing it scrapes, as its page of targets shows it."""
        (found,) = self.ask("targets")["activeTargets"]
        return found


@contextmanager
def simulating(place: Path) -> Iterator[Upstream]:
    flags = ["simulate", "--simulator.control", ANY_PORT]
    with running([*EXPORTER, *flags], cwd=place) as process:
        yield Upstream(process.wait_for(r"Task API at (http://\S+)")[1])


@contextmanager
def exporting(place: Path, config: str, *flags: str) -> Iterator[Exporter]:
    """The exporter with this configuration, kept in `place`. Its log must hold no bug and no key at the end."""
    (place / "config.yaml").write_text(config)
    with running([*EXPORTER, ANY_PORT, *flags], cwd=place) as process:
        yield Exporter(process, process.wait_for(r'msg="Listening on" address=(?:https?://)?(\S+)')[1])
    assert not [line for line in process.seen if "Internal error" in line or KEY in line]


@contextmanager
def scraping(program: Path, place: Path, config: str) -> Iterator[Prometheus]:
    file = place / "prometheus.yml"
    file.write_text(config)
    flags = [f"--config.file={file}", "--storage.tsdb.path=data", ANY_PORT]
    with running([str(program), *flags], cwd=place) as process:
        listening, _ = process.wait_for_each(LISTENING, "Server is ready to receive web requests")
        yield Prometheus(f"http://{listening[1]}", process, file)
