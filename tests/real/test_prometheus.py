"""The real Prometheus scrapes the real exporter over the simulator, each a process of its own."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from processes import EXPORTER, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.real

KEY = "simulated-key"
CONFIG = """
api: {{base_url: "{url}"}}
poll: {{interval: 5s}}
accounts:
  - {{name: main, access_key: {key}, tasks: all}}
"""
PROMETHEUS = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: screenshotmax
    static_configs: [{{targets: ["{target}"]}}]
"""
TASK_ID = "9223372036854775783"
PATIENCE_SECONDS = 40.0


@dataclass(frozen=True)
class Stage:
    exporter: str
    upstream: str
    prometheus: str

    def query(self, text: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": text}, trust_env=False).json()
        assert "success" == answer["status"], answer
        return answer["data"]["result"]

    def metadata(self) -> dict[str, list[dict[str, str]]]:
        return httpx.get(f"{self.prometheus}/api/v1/metadata", trust_env=False).json()["data"]


def eventually(holds: Callable[[], Any]) -> Any:
    """The first truthy answer. A real Prometheus cannot be told that time has passed."""
    deadline = monotonic() + PATIENCE_SECONDS
    while monotonic() < deadline:
        if found := holds():
            return found
        sleep(0.1)
    raise AssertionError("it did not come true in time")


@pytest.fixture(scope="module")
def stage(component: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    prometheus, place = component("prometheus"), tmp_path_factory.mktemp("stage")
    with running([*EXPORTER, "simulate", "--web.listen-address=127.0.0.1:0"], cwd=place) as simulator:
        upstream = simulator.wait_for(r"Task API at (http://\S+)")[1]
        (place / "config.yaml").write_text(CONFIG.format(url=upstream, key=KEY))
        with running([*EXPORTER, "--web.listen-address=127.0.0.1:0"], cwd=place) as exporter:
            address = exporter.wait_for(r'msg="Listening on" address=(http://\S+)')[1]
            (place / "prometheus.yml").write_text(PROMETHEUS.format(target=address.removeprefix("http://")))
            flags = ["--config.file=prometheus.yml", "--web.listen-address=127.0.0.1:0", "--storage.tsdb.path=data"]
            with running([str(prometheus), *flags], cwd=place) as scraper:
                found = scraper.wait_for(r'msg="?Listening on"? address=(127\S+)')[1]
                stage = Stage(address, upstream, f"http://{found}")
                eventually(lambda: stage.query('screenshotmax_up{account="main"} == 1'))
                yield stage
        # A module's fixture ends after its tests: all of them have left nothing in the logs that should not be there.
        assert not [line for line in exporter.seen if "Internal error" in line or KEY in line]


def test_prometheus_holds_what_the_exporter_says(stage: Stage) -> None:
    """Every sample of a scrape is in Prometheus under the same labels, with the same value where it stands still."""
    assert ["1"] == [each["value"][1] for each in stage.query("up")]
    still = ("info", "enabled", "created_timestamp_seconds", "schedule_valid", "problem")
    for name in still:
        theirs = stage.query(f"screenshotmax_task_{name}")
        text = httpx.get(f"{stage.exporter}/metrics", trust_env=False).text
        ours = [line for line in text.splitlines() if line.startswith(f"screenshotmax_task_{name}{{")]
        assert len(ours) == len(theirs) > 0


def test_prometheus_holds_the_states(stage: Stage) -> None:
    """Each task has the one state that the exporter's JSON tells, and the fleet shows them."""

    def same() -> set[str]:
        tasks = httpx.get(f"{stage.exporter}/api/v1/tasks", trust_env=False).json()["tasks"]
        found = stage.query("screenshotmax_task_state == 1")
        states = {each["metric"]["task_id"]: each["metric"]["state"] for each in found}
        return set(states.values()) if {task["task_id"]: task["state"] for task in tasks} == states else set()

    assert {"ok", "missed", "never_ran", "disabled", "unknown"} <= eventually(same)


def test_an_id_beyond_a_double_is_exact(stage: Stage) -> None:
    """An int64 id is the same text from the API to Prometheus."""
    assert 1 == len(stage.query(f'screenshotmax_task_runs{{task_id="{TASK_ID}"}}'))


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("screenshotmax_task_runs", "gauge"),
        ("screenshotmax_task_missed_run", "gauge"),
        ("screenshotmax_task_last_run_age_seconds", "gauge"),
        ("screenshotmax_polls", "counter"),
        ("screenshotmax_api_request_duration_seconds", "histogram"),
    ],
)
def test_types_and_help(stage: Stage, family: str, kind: str) -> None:
    """Prometheus knows the type and the HELP of each family, scraped as OpenMetrics."""
    known = eventually(stage.metadata)
    entry = (known.get(family) or known[f"{family}_total"])[0]
    assert kind == entry["type"]
    assert entry["help"]
    assert ("Polled every 5s." in entry["help"]) == family.startswith("screenshotmax_task_")


def test_queries_of_the_docs_work(stage: Stage) -> None:
    """The join with the info series is one to one, and the age agrees with the timestamp."""
    joined = stage.query(
        "screenshotmax_task_missed_run * on (account, task_id) group_left (crontab, timezone) screenshotmax_task_info"
    )
    assert len(stage.query("screenshotmax_task_missed_run")) == len(joined)
    gap = stage.query(
        "abs(screenshotmax_task_last_run_age_seconds - (time() - screenshotmax_task_last_run_timestamp_seconds)) > 10"
    )
    assert [] == gap


def test_promtool_finds_nothing_to_say(stage: Stage, component: Callable[[str], Path]) -> None:
    """`promtool check metrics` passes over the live text."""
    text = httpx.get(f"{stage.exporter}/metrics", trust_env=False).text
    checked = subprocess.run(
        [component("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (0, "", "") == (checked.returncode, checked.stdout, checked.stderr)


def test_a_deleted_task_is_gone_after_one_scrape(stage: Stage) -> None:
    """Deleted upstream, its series leave Prometheus with the scrape that no longer has them, not five minutes later."""
    gone = "5650820808835011"
    assert stage.query(f'screenshotmax_task_enabled{{task_id="{gone}"}}')
    answer = httpx.delete(f"{stage.upstream}/v1/tasks/{gone}", headers={"X-Access-Key": KEY}, trust_env=False)
    assert 204 == answer.status_code
    eventually(lambda: gone not in httpx.get(f"{stage.exporter}/metrics", trust_env=False).text)
    before = monotonic()
    eventually(lambda: not stage.query(f'{{task_id="{gone}"}}'))
    assert monotonic() - before < 10
    assert stage.query(f'{{task_id="{TASK_ID}"}}')
