"""What a real Prometheus sees of a reload of the exporter's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from stage import KEY, Exporter, Prometheus, eventually, exporting, scraping, simulating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Component = Callable[[str], Path]

pytestmark = pytest.mark.real

CONFIG = """
api: {{base_url: "{url}"}}
poll: {{interval: 5s}}
accounts:
  - {{name: staying, access_key: {key}, tasks: all}}
"""
LEAVING = "  - {{name: leaving, access_key: {key}, tasks: all}}\n"
SCRAPE = """
global: {{scrape_interval: 2s, scrape_timeout: 2s}}
scrape_configs:
  - job_name: screenshotmax
    static_configs: [{{targets: ["{target}"]}}]
"""


@pytest.fixture
def configs(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The configuration before and after."""
    with simulating(tmp_path) as upstream:
        before, after = ((CONFIG + more).format(url=upstream.url, key=KEY) for more in (LEAVING, ""))
        yield before, after


@pytest.fixture
def exporter(tmp_path: Path, configs: tuple[str, str]) -> Iterator[Exporter]:
    with exporting(tmp_path, configs[0], "--web.enable-lifecycle") as exporter:
        yield exporter


@pytest.fixture
def prometheus(tmp_path: Path, exporter: Exporter, component: Component) -> Iterator[Prometheus]:
    with scraping(component("prometheus"), tmp_path, SCRAPE.format(target=exporter.target)) as prometheus:
        eventually(lambda: len(prometheus.query("screenshotmax_up == 1")) == 2)
        yield prometheus


def reload(exporter: Exporter) -> httpx.Response:
    return httpx.post(f"{exporter.url}/-/reload", trust_env=False)


def test_an_account_leaves_and_the_other_notices_nothing(
    tmp_path: Path, configs: tuple[str, str], exporter: Exporter, prometheus: Prometheus
) -> None:
    """A broken file changes nothing but the gauge. With the account gone from the file its series end with a scrape, while
    the other account's are in every scrape and its counters go on.
    """
    config = tmp_path / "config.yaml"
    config.write_text("accounts: []")
    assert 500 == reload(exporter).status_code
    eventually(lambda: prometheus.value("screenshotmax_exporter_config_last_reload_successful") == 0)
    assert prometheus.query('screenshotmax_task_state{account="leaving"}')

    config.write_text(configs[1])
    assert 200 == reload(exporter).status_code
    eventually(lambda: not prometheus.query('{account="leaving"}'), within_seconds=10)

    polled = prometheus.value('screenshotmax_polls_total{account="staying"}') or 0
    eventually(lambda: (prometheus.value('screenshotmax_polls_total{account="staying"}') or 0) > polled)
    assert 1 == prometheus.value("screenshotmax_exporter_config_last_reload_successful")
    assert 1 == prometheus.value("min_over_time(up[5m])")
    assert 0 == prometheus.value('resets(screenshotmax_polls_total{account="staying"}[5m])')
    scrapes = prometheus.value("count_over_time(up[5m])")
    assert scrapes == prometheus.value('count_over_time(screenshotmax_up{account="staying"}[5m])')
