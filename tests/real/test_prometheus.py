"""Two versions of the real Prometheus scrape the real exporter over the simulator, each a process of its own."""

from __future__ import annotations

import subprocess
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from stage import KEY, Exporter, Prometheus, Upstream, eventually, exporting, scraping, simulating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Component = Callable[[str], Path]

pytestmark = pytest.mark.real

CONFIG = """
api: {{base_url: "{url}"}}
poll: {{interval: 5s}}
accounts:
  - {{name: main, access_key: {key}, tasks: all}}
"""
SCRAPE = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: screenshotmax
    static_configs: [{{targets: ["{target}"]}}]
"""
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
PROMTOOLS = ("promtool", "promtool3")
TASK_ID = "9223372036854775783"
# Each Prometheus sees a task of its own deleted: both scrape one exporter.
DOOMED = {"prometheus": "5650820808835003", "prometheus3": "5650820808835004"}


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    with simulating(tmp_path_factory.mktemp("upstream")) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def exporter(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    config = CONFIG.format(url=upstream.url, key=KEY)
    with exporting(tmp_path_factory.mktemp("exporter"), config) as exporter:
        yield exporter


@pytest.fixture(scope="module", params=list(DOOMED))
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def prometheus(
    version: str, exporter: Exporter, component: Component, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    config = SCRAPE.format(target=exporter.target)
    with scraping(component(version), tmp_path_factory.mktemp(version), config) as prometheus:
        eventually(lambda: prometheus.query('screenshotmax_up{account="main"} == 1'))
        yield prometheus


def test_the_versions_are_two(component: Component) -> None:
    """What is scraped with is a 2.x and a 3.x, so that neither is tried twice."""
    said = [
        subprocess.run([component(name), "--version"], capture_output=True, text=True, check=True).stdout
        for name in DOOMED
    ]
    assert [["version", "2"], ["version", "3"]] == [text.split(".")[0].split()[-2:] for text in said]


def test_prometheus_holds_what_the_exporter_says(prometheus: Prometheus, exporter: Exporter) -> None:
    """Every sample of a scrape is in Prometheus under the same labels, with the same value where it stands still."""

    def agree(name: str) -> int:
        theirs = {_identity(each["metric"]): float(each["value"][1]) for each in prometheus.query(name)}
        text = exporter.get("/metrics", accept=OPENMETRICS).text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        ours = {_identity(sample.labels): sample.value for sample in samples if sample.name == name}
        return ours == theirs and len(ours)

    assert 1 == prometheus.value("up")
    for name in ("info", "enabled", "created_timestamp_seconds", "schedule_valid", "problem"):
        assert eventually(lambda full_name=f"screenshotmax_task_{name}": agree(full_name))


def _identity(labels: dict[str, str]) -> frozenset[tuple[str, str]]:
    """Without what the scrape adds, and without empty labels, which Prometheus holds to be none."""
    added = {"__name__", "instance", "job"}
    return frozenset((name, value) for name, value in labels.items() if value and name not in added)


def test_prometheus_holds_the_states(prometheus: Prometheus, exporter: Exporter) -> None:
    """Each task has the one state that the exporter's JSON tells, and the fleet shows them."""

    def same() -> set[str]:
        found = prometheus.query("screenshotmax_task_state == 1")
        states = {each["metric"]["task_id"]: each["metric"]["state"] for each in found}
        return (
            set(states.values()) if {task["task_id"]: task["state"] for task in exporter.tasks()} == states else set()
        )

    assert {"ok", "missed", "never_ran", "disabled", "unknown"} <= eventually(same)


def test_an_id_beyond_a_double_is_exact(prometheus: Prometheus) -> None:
    """An int64 id is the same text from the API to Prometheus."""
    assert 1 == len(prometheus.query(f'screenshotmax_task_runs{{task_id="{TASK_ID}"}}'))


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("screenshotmax_task_runs", "gauge"),
        ("screenshotmax_task_missed_run", "gauge"),
        ("screenshotmax_task_last_run_age_seconds", "gauge"),
        ("screenshotmax_task_expected_runs", "counter"),
        ("screenshotmax_polls", "counter"),
        ("screenshotmax_api_request_duration_seconds", "histogram"),
    ],
)
def test_types_and_help(prometheus: Prometheus, family: str, kind: str) -> None:
    """Prometheus knows the type and the HELP of each family. Only OpenMetrics names a counter's without its `_total`,
    so that this is also what each version has negotiated.
    """
    (entry,) = eventually(lambda: prometheus.ask("metadata"))[family]
    assert kind == entry["type"]
    assert entry["help"]
    assert ("Polled every 5s." in entry["help"]) == family.startswith("screenshotmax_task_")


def test_queries_of_the_docs_work(prometheus: Prometheus) -> None:
    """The join with the info series is one to one, and the age agrees with the timestamp."""
    joined = prometheus.query(
        "screenshotmax_task_missed_run * on (account, task_id) group_left (crontab, timezone) screenshotmax_task_info"
    )
    assert len(prometheus.query("screenshotmax_task_missed_run")) == len(joined)
    gap = prometheus.query(
        "abs(screenshotmax_task_last_run_age_seconds - (time() - screenshotmax_task_last_run_timestamp_seconds)) > 10"
    )
    assert [] == gap


def test_a_deleted_task_is_gone_after_one_scrape(
    prometheus: Prometheus, exporter: Exporter, upstream: Upstream, version: str
) -> None:
    """Deleted upstream, its series leave Prometheus with the scrape that no longer has them, not five minutes later."""
    gone = DOOMED[version]
    assert prometheus.query(f'screenshotmax_task_enabled{{task_id="{gone}"}}')
    upstream.delete(gone)
    eventually(lambda: gone not in exporter.get("/metrics").text)
    before = monotonic()
    eventually(lambda: not prometheus.query(f'{{task_id="{gone}"}}'))
    assert monotonic() - before < 10
    assert prometheus.query(f'{{task_id="{TASK_ID}"}}')


def test_the_live_text_is_strict_openmetrics(exporter: Exporter) -> None:
    """The client library's strict parser reads the whole answer of a running exporter, and finds the tasks in it."""
    answer = eventually(
        lambda: (found := exporter.get("/metrics", accept=OPENMETRICS)) and TASK_ID in found.text and found
    )
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    shown = {sample.labels["task_id"] for sample in families["screenshotmax_task_info"].samples}
    assert {task["task_id"] for task in exporter.tasks()} == shown


@pytest.mark.parametrize("promtool", PROMTOOLS)
def test_promtool_finds_nothing_to_say(exporter: Exporter, component: Component, promtool: str) -> None:
    """`promtool check metrics` passes over the live text."""
    text = exporter.get("/metrics").text
    checked = subprocess.run(
        [component(promtool), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (0, "", "") == (checked.returncode, checked.stdout, checked.stderr)


@pytest.mark.parametrize("promtool", PROMTOOLS)
@pytest.mark.parametrize("verb", ["healthy", "ready"])
def test_promtool_asks_as_it_asks_prometheus(
    exporter: Exporter, component: Component, promtool: str, verb: str
) -> None:
    """`promtool check healthy` and `check ready` say yes to us as they do to a Prometheus."""
    eventually(lambda: exporter.get("/-/ready").is_success)
    command = [component(promtool), "check", verb, f"--url={exporter.url}"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (0, "SUCCESS") == (checked.returncode, checked.stderr.split(":")[0].strip())
