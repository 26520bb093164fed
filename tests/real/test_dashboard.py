"""The dashboard's queries on the real Prometheus, which scrapes the real exporter as two replicas."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from dashboards import GLOBALS, annotations, dashboard, expand, panels, task_options, variables
from stage import KEY, Exporter, Prometheus, Upstream, eventually, exporting, scraping, simulating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.real

CONFIG = """
api: {{base_url: "{url}"}}
poll: {{interval: 5s}}
accounts:
  - {{name: main, access_key: {key}, tasks: all}}
  - {{name: refused, access_key: not-a-key, tasks: all}}
"""
SCRAPE = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: screenshotmax
    static_configs: [{{targets: ["127.0.0.1:{port}", "localhost:{port}"]}}]
"""
BOARD = dashboard()
PANELS = {panel["title"]: panel for panel in panels(BOARD)}
ALL = dict.fromkeys(("job", "instance", "account", "task"), ".+")
A_FIRE_AND_ITS_POLL_SECONDS = 100.0
RANGE_SECONDS = 120
# A replica's own: its process, and its clock.
OF_ONE_REPLICA = {
    "Versions and reloads",
    "Scraped",
    "Trouble inside",
    "Duration of scrapes",
    "Memory",
    "Processor",
    "Clock skew",
}


@dataclass(frozen=True)
class Stage:
    upstream: Upstream
    exporter: Exporter
    prometheus: Prometheus

    def ask(self, target: dict[str, Any], at: float | None = None, **chosen: str) -> list[dict[str, Any]]:
        """What Grafana would get, with everything chosen but for `chosen`: a value for now, or values over a range."""
        query = expand(target["expr"], GLOBALS | ALL | chosen)
        end = time() if at is None else at
        if target.get("instant"):
            return self.prometheus.ask("query", query=query, time=f"{end}")["result"]
        window = {"start": f"{end - RANGE_SECONDS}", "end": f"{end}", "step": "5"}
        return self.prometheus.ask("query_range", query=query, **window)["result"]


def numbers(series: dict[str, Any]) -> list[float]:
    points = series.get("values") or [series["value"]]
    return [float(value) for _, value in points if math.isfinite(float(value))]


@pytest.fixture(scope="module")
def stage(component: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    program, place = component("prometheus"), tmp_path_factory.mktemp("dashboard")
    with (
        simulating(place) as upstream,
        exporting(place, CONFIG.format(url=upstream.url, key=KEY)) as exporter,
        scraping(program, place, SCRAPE.format(port=exporter.target.rpartition(":")[2])) as prometheus,
    ):
        stage = Stage(upstream, exporter, prometheus)
        eventually(lambda: 2 == prometheus.value('count(screenshotmax_up{account="main"} offset 5s == 1)'))
        yield stage


@pytest.mark.parametrize("title", PANELS)
def test_every_panel_has_data(stage: Stage, title: str) -> None:
    """Each query of each panel is PromQL and answers with at least one line of numbers."""
    for target in PANELS[title]["targets"]:
        eventually(
            lambda asked=target: any(numbers(series) for series in stage.ask(asked)),
            within_seconds=A_FIRE_AND_ITS_POLL_SECONDS,
        )


@pytest.mark.parametrize("title", PANELS)
def test_legends_name_labels_that_are_there(stage: Stage, title: str) -> None:
    """What a line is called after is a label of it; but for the name of a task of which nothing has been told."""
    for target in PANELS[title]["targets"]:
        for series in stage.ask(target):
            assert set() == set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) - set(series["metric"])


@pytest.mark.parametrize("title", sorted(set(PANELS) - OF_ONE_REPLICA))
def test_two_replicas_double_nothing(stage: Stage, title: str) -> None:
    """With both replicas chosen there are the lines and the numbers that there are with one."""
    one = stage.exporter.target.replace(".", "\\\\.")

    def newest(target: dict[str, Any], at: float, **chosen: str) -> dict[tuple[tuple[str, str], ...], float]:
        return {
            tuple(sorted(series["metric"].items())): found[-1]
            for series in stage.ask(target, at, **chosen)
            if (found := numbers(series))
        }

    def same(target: dict[str, Any]) -> bool:
        at = time() - 2
        both, alone = newest(target, at), newest(target, at, instance=one)
        close = pytest.approx(
            alone, rel=0.4, abs=0.4
        )  # a counter's step may lie before one scrape and behind the other
        return bool(alone) and both == close

    for target in PANELS[title]["targets"]:
        eventually(lambda asked=target: same(asked), within_seconds=A_FIRE_AND_ITS_POLL_SECONDS)


def test_annotations_are_promql(stage: Stage) -> None:
    """Prometheus takes the annotations' queries; they have an answer only when something happens."""
    for annotation in annotations(BOARD):
        stage.ask(annotation)


def test_the_choices(stage: Stage) -> None:
    """Each variable's query offers what there is: both replicas, both accounts, each task by its name and id."""
    known = {each["name"]: each["query"] for each in BOARD["templating"]["list"]}

    def offered(name: str) -> set[str]:
        selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", known[name]).groups()
        found = stage.prometheus.ask(f"label/{label}/values", **{"match[]": expand(selector, ALL)})
        return set(found)

    asked = re.fullmatch(r"query_result\((.+)\)", known["task"])[1]
    answers = [
        "{" + ",".join(f'{name}="{value}"' for name, value in sorted(series["metric"].items())) + "} 1 1"
        for series in stage.prometheus.query(expand(asked, ALL))
    ]

    assert {"screenshotmax"} == offered("job")
    assert 2 == len(offered("instance"))
    assert {"main", "refused"} == offered("account")
    assert {(each["task_id"], each["task_name"]) for each in stage.exporter.tasks()} == set(
        task_options(BOARD, answers)
    )


def test_rows_of_the_table_lead_to_pages(stage: Stage) -> None:
    """The link of each row is a page of the exporter."""
    table = PANELS["Tasks by trouble"]
    (link,) = {
        link["url"]
        for override in table["fieldConfig"]["overrides"]
        for each in override["properties"]
        if each["id"] == "links"
        for link in each["value"]
    }
    state = next(target for target in table["targets"] if target["refId"] == "state")
    for series in stage.ask(state):
        cells = {f"__data.fields.{name}": value for name, value in series["metric"].items()}
        url = re.sub(r"\$\{([\w.]+)\}", lambda match, row=cells: ({"exporter_url": ""} | row)[match[1]], link)
        assert 200 == stage.exporter.get(url).status_code, url


def test_one_task_can_be_chosen(stage: Stage) -> None:
    """With a task chosen, every query that is about tasks is about that one."""
    chosen = "9223372036854775783"
    about = [target for panel in PANELS.values() for target in panel["targets"] if "task" in variables(target["expr"])]

    assert {chosen} == {
        series["metric"].get("task_id", chosen) for target in about for series in stage.ask(target, task=chosen)
    }
    assert ["1"] == [series["value"][1] for series in stage.ask(PANELS["All tasks"]["targets"][0], task=chosen)]


def test_a_deleted_task_leaves_the_table(stage: Stage) -> None:
    """Deleted upstream, it is in no column of the table and not counted any more."""
    gone, table = "5650820808835011", PANELS["Tasks by trouble"]
    (total,) = stage.ask(PANELS["All tasks"]["targets"][0])
    stage.upstream.delete(gone)

    def left() -> bool:
        ids = {series["metric"]["task_id"] for target in table["targets"] for series in stage.ask(target)}
        (now,) = stage.ask(PANELS["All tasks"]["targets"][0])
        return gone not in ids and float(total["value"][1]) - 1 == float(now["value"][1])

    eventually(left)
