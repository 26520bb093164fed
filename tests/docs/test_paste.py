"""What the documents offer to paste works."""

from __future__ import annotations

import asyncio
import re
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest
import yaml

from documents import ROOT, read, snippet, snippets
from exporter.cli.simulate import build_world
from exporter.config import parse
from exporter.simulator.app import build_simulator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_configuration_to_paste_is_valid() -> None:
    """The README's configuration and those of docs/configuration.md are taken as they stand."""
    for text in (snippet("README.md", "config.yaml"), *snippets("docs/configuration.md", "yaml")):
        parse(text, name="config.yaml", directory=ROOT)


def test_the_job_to_scrape_is_the_one_that_is_alerted_on() -> None:
    """Scrape configuration and alerts are YAML and agree on the job; the target is the default port."""
    job = yaml.safe_load(snippet("README.md", "prometheus.yml"))["scrape_configs"][0]
    rules = yaml.safe_load(snippet("README.md", "alerts.yaml"))["groups"][0]["rules"]

    assert f'absent(up{{job="{job["job_name"]}"}} == 1)' in [rule["expr"] for rule in rules]
    assert [{"targets": ["localhost:10142"]}] == job["static_configs"]


@pytest.fixture(scope="session")
def promtool(component: Callable[[str], Path]) -> Callable[..., None]:
    program = component("promtool")

    def run(*words: str | Path) -> None:
        done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.mark.real
def test_prometheus_takes_what_there_is_to_paste(promtool: Callable[..., None], tmp_path: Path) -> None:
    """Prometheus accepts the scrape configuration, the alerts, and every query as a rule."""
    (tmp_path / "prometheus.yml").write_text(snippet("README.md", "prometheus.yml"))
    (tmp_path / "alerts.yaml").write_text(snippet("README.md", "alerts.yaml"))
    queries = [{"record": f"query:{i}", "expr": text} for i, text in enumerate(snippets("docs/metrics.md", "promql"))]
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": queries}]}))

    assert len(queries) > 5
    promtool("check", "config", tmp_path / "prometheus.yml")
    promtool("check", "rules", "--lint=all", "--lint-fatal", tmp_path / "alerts.yaml", tmp_path / "queries.yaml")


MISSED = 'screenshotmax_task_missed_run{account="main",task_id="1",task_name="Shop",instance="%s"}'
UNKNOWN = 'screenshotmax_task_state{account="main",task_id="1",task_name="Shop",state="unknown",instance="%s"}'
UP = 'screenshotmax_up{account="main",instance="%s"}'
SCRAPED = 'up{job="screenshotmax",instance="%s"}'


@pytest.mark.real
@pytest.mark.parametrize(
    ("series", "at_minute", "firing"),
    [
        ({MISSED % "a": "0x1 1x20"}, 1, []),
        ({MISSED % "a": "0x1 1x20"}, 4, ["ScreenshotMAXTaskMissed"]),
        ({MISSED % "a": "0x1 1x20", MISSED % "b": "0x1 1x20"}, 4, ["ScreenshotMAXTaskMissed"]),
        ({MISSED % "a": "1x5 stale 1x20"}, 6, ["ScreenshotMAXTaskMissed"]),
        ({MISSED % "a": "1x5 0x20"}, 15, []),
        ({MISSED % "a": "1x5 stale stale"}, 15, []),
        ({UP % "a": "1x5 0 1x30"}, 30, []),
        ({UP % "a": "0x3 1x30"}, 20, []),
        ({UNKNOWN % "a": "1x30", UP % "a": "1x30"}, 14, []),
        ({UNKNOWN % "a": "1x30", UP % "a": "1x30"}, 20, ["ScreenshotMAXTaskUnknown"]),
        ({UNKNOWN % "a": "1x5 stale 1x30", UNKNOWN % "b": "1x36", UP % "a": "1x36"}, 20, ["ScreenshotMAXTaskUnknown"]),
        ({UNKNOWN % "a": "1x10 0x30", UP % "a": "1x40"}, 25, []),
        ({UP % "a": "1x5 0x40"}, 30, ["ScreenshotMAXPollFailing"]),
        ({UP % "a": "0x40", UP % "b": "1x40"}, 30, []),
        ({SCRAPED % "a": "1x5 0x40"}, 30, ["ScreenshotMAXExporterDown"]),
        ({SCRAPED % "a": "1x5 0x40", SCRAPED % "b": "1x45"}, 30, []),
    ],
    ids=[
        "not at once", "missed", "two replicas, one alert", "a failed scrape ends none", "ran again", "task removed",
        "one failed poll", "fails at first", "unknown for a while", "unknown", "unknown, two replicas", "judged again",
        "account not polled", "another replica polls", "down", "one of two down",
    ],
)  # fmt: skip
def test_alerts_fire_when_they_should(
    promtool: Callable[..., None], tmp_path: Path, series: dict[str, str], at_minute: int, firing: list[str]
) -> None:
    """Real Prometheus evaluates the alerts to paste over a minute's samples: these fire, each once, and no other."""
    (tmp_path / "alerts.yaml").write_text(snippet("README.md", "alerts.yaml"))
    scraped = {} if any(name.startswith("up{") for name in series) else {SCRAPED % "a": "1x45"}
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in firing]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in (series | scraped).items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{at_minute}m",
                "exp_samples": expected,
            }
        ],
    }
    whole = {"rule_files": ["alerts.yaml"], "evaluation_interval": "15s", "tests": [test]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(whole))

    promtool("test", "rules", tmp_path / "test.yaml")


def test_the_simulators_orders_work_as_shown() -> None:
    """Each order of docs/cli.md is taken by the simulator that `simulate --simulator.control` starts."""
    orders = re.findall(r"^- `(/_control/\w+)` .*`(\{.*\})`$", read("docs/cli.md"), re.MULTILINE)
    wire = httpx.ASGITransport(build_simulator(build_world(), control=True))

    async def post() -> list[int]:
        async with httpx.AsyncClient(transport=wire, base_url="http://simulator") as client:
            return [(await client.post(route, content=order)).status_code for route, order in orders]

    assert [204] * 6 == asyncio.run(post())
