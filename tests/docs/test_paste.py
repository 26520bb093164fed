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


def test_the_job_to_scrape_asks_the_default_port() -> None:
    """The target of the scrape configuration is the default port on this machine."""
    job = yaml.safe_load(snippet("README.md", "prometheus.yml"))["scrape_configs"][0]

    assert [{"targets": ["localhost:10142"]}] == job["static_configs"]


def test_the_rule_files_to_load_are_all_there_are() -> None:
    """README and docs/alerting.md name the files of monitoring/rules, each once."""
    there = sorted(f"rules/{path.name}" for path in (ROOT / "monitoring/rules").iterdir())
    loaded = yaml.safe_load(snippet("README.md", "prometheus.yml, beside scrape_configs"))

    assert {"rule_files": there} == loaded
    assert {"rule_files": there} == yaml.safe_load(snippets("docs/alerting.md", "yaml")[0])


@pytest.fixture(scope="session")
def promtool(component: Callable[[str], Path]) -> Callable[..., None]:
    program = component("promtool")

    def run(*words: str | Path) -> None:
        done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.mark.real
def test_prometheus_takes_what_there_is_to_paste(promtool: Callable[..., None], tmp_path: Path) -> None:
    """Prometheus accepts the scrape configuration, and every query of docs/metrics.md as a rule."""
    (tmp_path / "prometheus.yml").write_text(snippet("README.md", "prometheus.yml"))
    queries = [{"record": f"query:{i}", "expr": text} for i, text in enumerate(snippets("docs/metrics.md", "promql"))]
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": queries}]}))

    assert len(queries) > 5
    promtool("check", "config", tmp_path / "prometheus.yml")
    promtool("check", "rules", "--lint=all", "--lint-fatal", tmp_path / "queries.yaml")


def test_the_simulators_orders_work_as_shown() -> None:
    """Each order of docs/cli.md is taken by the simulator that `simulate --simulator.control` starts."""
    orders = re.findall(r"^- `(/_control/\w+)` .*`(\{.*\})`$", read("docs/cli.md"), re.MULTILINE)
    wire = httpx.ASGITransport(build_simulator(build_world(), control=True))

    async def post() -> list[int]:
        async with httpx.AsyncClient(transport=wire, base_url="http://simulator") as client:
            return [(await client.post(route, content=order)).status_code for route, order in orders]

    assert [204] * 6 == asyncio.run(post())
