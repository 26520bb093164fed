"""monitoring/dashboard.json is what its generator makes, and what Grafana, its linter and our documents ask of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft7Validator

from dashboard_lint import RULES
from dashboards import SELECTOR, annotations, dashboard, expand, expressions, panels, task_options
from documents import ROOT, first_column, read, section
from exporter.model import State
from exporter.report import TROUBLE
from exporter.web.words import STATE_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dashboards import Json

BOARD = dashboard()
PANELS = {panel["title"]: panel for panel in panels(BOARD)}
VARIABLES = {variable["name"]: variable for variable in BOARD["templating"]["list"]}
GRID_COLUMNS = 24
KINDS = {"stat": "Stat", "table": "Table", "timeseries": "TimeSeries", "state-timeline": "StateTimeline"}
OF_PROMETHEUS = {"up", "scrape_duration_seconds"}  # made at each scrape, for every target
OF_THE_CLIENT_LIBRARY = re.compile(r"process_(start_time_seconds|resident_memory_bytes|cpu_seconds_total)")

# Grafana's published type holds no field of a data source's plugin, though its code keeps them there.
OF_THE_PLUGIN = {"expr", "step", "titleFormat", "textFormat", "tagKeys", "useValueForTime"}

# A rule of the linter that is not kept, and why: none.
EXCLUSIONS: dict[str, str] = {}


def test_it_is_what_the_generator_makes() -> None:
    """The file in the tree is the generator's output, byte for byte; `make dashboard` makes it anew."""
    made = subprocess.run([sys.executable, "-m", "monitoring.dashboard"], cwd=ROOT, capture_output=True, check=True)

    assert made.stdout.decode() == read("monitoring/dashboard.json")


def faults(schema: str, value: object) -> list[str]:
    grammar = json.loads(read(f"tests/data/grafana/{schema}.json"))
    return [f"{error.json_path}: {error.message[:200]}" for error in Draft7Validator(grammar).iter_errors(value)]


def test_grafana_knows_every_field() -> None:
    """The dashboard has the fields of Grafana's own types, and no others."""
    plain = json.loads(json.dumps(BOARD))
    for annotation in annotations(plain):
        for name in OF_THE_PLUGIN:
            del annotation[name]

    assert [] == faults("Dashboard", plain)


@pytest.mark.parametrize("title", PANELS)
def test_grafana_knows_every_option_of_a_panel(title: str) -> None:
    """Options and fields are those of the panel's kind."""
    panel = PANELS[title]
    kind, fields = KINDS[panel["type"]], panel["fieldConfig"]

    assert [] == faults(f"{kind}Options", panel["options"])
    if kind != "Stat":
        assert [] == faults(f"{kind}FieldConfig", fields["defaults"]["custom"])
        changed = [
            {**fields["defaults"]["custom"], each["id"].removeprefix("custom."): each["value"]}
            for override in fields["overrides"]
            for each in override["properties"]
            if each["id"].startswith("custom.")
        ]
        assert [] == [fault for custom in changed for fault in faults(f"{kind}FieldConfig", custom)]


def test_it_can_be_provisioned_anywhere() -> None:
    """No number of one Grafana, a fixed uid, nothing to be asked at import, everybody's own timezone."""
    assert BOARD["id"] is None
    assert re.fullmatch(r"[a-z-]{8,40}", BOARD["uid"])
    assert not {"__inputs", "__requires", "gnetId"} & set(BOARD)
    assert (["screenshotmax"], "browser", 1, False, 42) == tuple(
        BOARD[key] for key in ("tags", "timezone", "graphTooltip", "editable", "schemaVersion")
    )


def test_panels_lie_side_by_side() -> None:
    """Each has an id and a title of its own, stays within the grid, and covers no other."""
    placed = BOARD["panels"]
    cells = Counter(
        (x, y)
        for at in (panel["gridPos"] for panel in placed)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    )

    assert 1 == max(cells.values())
    assert set(range(GRID_COLUMNS)) == {x for x, _ in cells}
    assert len(placed) == len({panel["id"] for panel in placed}) == len({panel["title"] for panel in placed})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rules_of_the_linter(rule: Callable[[Json], list[str]]) -> None:
    """Grafana's dashboard linter, which has these rules, would have nothing to say."""
    assert [] == rule(BOARD) or rule.__name__ in EXCLUSIONS


def test_all_selectors_are_seen_by_the_rules() -> None:
    """No metric is asked for without matchers, so that each is looked at above."""
    names = re.compile(r"\b(?:screenshotmax_\w+|process_\w+|scrape_\w+|up)\b(?!\{)(?!, (?:job|instance)\))")

    assert [] == [
        (where, found)
        for where, text in expressions(BOARD)
        for found in names.findall(text)
        if "label_values" not in text
    ]


def test_every_metric_exists() -> None:
    """The queries name what docs/metrics.md has, and what every target of Prometheus has."""
    titles = ("Tasks", "Accounts", "The exporter")
    known = {name for title in titles for name in first_column(section("docs/metrics.md", title))} | OF_PROMETHEUS
    asked = {name.removesuffix("_bucket") for _, text in expressions(BOARD) for name, _ in SELECTOR.findall(text)}

    assert set() == {name for name in asked - known if not OF_THE_CLIENT_LIBRARY.fullmatch(name)}


def test_what_can_be_chosen() -> None:
    """Accounts and tasks: several or all, in order, fresh for each range; no more than asked for is in a task's query."""
    chosen = ("multi", "includeAll", "refresh", "sort")

    assert ["datasource", "job", "instance", "account", "task", "exporter_url"] == list(VARIABLES)
    assert {(True, True, 2, 5)} == {tuple(VARIABLES[name][key] for key in chosen) for name in ("account", "task")}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('{account="main",task_id="12",task_name="Shop"} 1 1', ("12", "Shop")),
        ('{account="main",task_id="12",task_name="The "shop", or {so}"} 1 1', ("12", 'The "shop", or {so}')),
        ('{account="main",task_id="12",task_name="task_id="13""} 1 1', ("12", 'task_id="13"')),
        ('{account="main",task_id="12"} 1 1', ("12", "12")),
    ],
)
def test_a_task_is_chosen_by_its_name(answer: str, expected: tuple[str, str]) -> None:
    """What Grafana makes of Prometheus's answer has the id as the value and the name as the text; the id without one."""
    assert [expected] == task_options(BOARD, [answer])


# Shards 0 and 1 with a replica each; each sees another part of the account.
SHARDED = [("a", 0, {"missing": 3, "dropped": 5, "up": 1}), ("b", 0, {"missing": 2, "dropped": 5, "up": 0})]
SHARDED += [("c", 1, {"missing": 4, "dropped": 6, "up": 0}), ("d", 1, {"missing": 4, "dropped": 6, "up": 0})]
SHARD_FAMILIES = {"missing": "tasks_missing_common_fire", "dropped": "tasks_dropped", "up": "up"}
SUMS = {"Missing one fire": 7, "Not watched": 11, "Failing accounts": 1, "Oldest evidence": 300}


@pytest.mark.real
@pytest.mark.parametrize("said", [True, False])
def test_shards_count_together_and_replicas_once(
    component: Callable[[str], Path], tmp_path: Path, *, said: bool
) -> None:
    """Real Prometheus adds up what two shards with two replicas see; of exporters that say no shard, the most."""
    series = {}
    for instance, ordinal, values in SHARDED:
        target = f'job="screenshotmax", instance="{instance}"'
        if said:
            series[f"screenshotmax_exporter_shard_ordinal{{{target}}}"] = ordinal
            series[f"screenshotmax_exporter_total_shards{{{target}}}"] = 2
        for name, value in values.items():
            series[f'screenshotmax_{SHARD_FAMILIES[name]}{{{target}, account="main"}}'] = value
        polled = f'screenshotmax_last_successful_poll_timestamp_seconds{{{target}, account="main"}}'
        series[polled] = 600 if values["up"] else 300
    expected = SUMS if said else {"Missing one fire": 4, "Not watched": 6, "Failing accounts": 0, "Oldest evidence": 0}
    asked = [(PANELS[title]["targets"][0]["expr"], value) for title, value in expected.items()]
    everything = dict.fromkeys(("job", "instance", "account"), ".+")
    cases = [
        {"expr": expand(text, everything), "eval_time": "10m", "exp_samples": [{"labels": "{}", "value": value}]}
        for text, value in asked
    ]
    given = [{"series": name, "values": f"{value}x10"} for name, value in series.items()]
    test = {"interval": "1m", "input_series": given, "promql_expr_test": cases}
    (tmp_path / "test.yaml").write_text(json.dumps({"tests": [test]}))
    command = [component("promtool"), "test", "rules", tmp_path / "test.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout + done.stderr


STATE_NUMBERS = {state: len(TROUBLE) - place for place, state in enumerate(TROUBLE)}


@pytest.mark.parametrize("title", ["Tasks by trouble", "State"])
def test_states_are_ranked_as_on_the_page(title: str) -> None:
    """A state's number grows with the trouble, as the status page ranks it, and is shown as the page's word for it."""
    panel = PANELS[title]
    asked = [text for text in (target["expr"] for target in panel["targets"]) if "task_state{" in text]
    found = re.findall(r'vector\((\d)\), "state", "(\w+)"', " ".join(asked))
    properties = [each for override in panel["fieldConfig"]["overrides"] for each in override["properties"]]
    mappings = [each["value"] for each in properties if each["id"] == "mappings"]
    (words,) = (mappings or [panel["fieldConfig"]["defaults"]["mappings"]])[0]

    assert STATE_NUMBERS == {State(state): int(number) for number, state in found}
    assert {str(number): STATE_WORDS[state] for state, number in STATE_NUMBERS.items()} == {
        number: each["text"] for number, each in words["options"].items()
    }
    assert len(State) == len({each["color"] for each in words["options"].values()})


def test_the_table_shows_what_it_asks_for() -> None:
    """Each query is a column or a label of one, the worst stands first, and the link has the columns it needs."""
    panel = PANELS["Tasks by trouble"]
    organize = panel["transformations"][1]["options"]
    shown = organize["renameByName"]
    asked = {f"Value #{target['refId']}" for target in panel["targets"]}
    for_their_labels = {"Value #info", "Value #problem"}
    links = [
        link["url"]
        for override in panel["fieldConfig"]["overrides"]
        for each in override["properties"]
        if each["id"] == "links"
        for link in each["value"]
    ]

    assert asked - for_their_labels == {name for name in shown if name.startswith("Value")}
    assert {"Time", *for_their_labels} == set(organize["excludeByName"])
    assert {"task_name", "crontab", "timezone", "reason"} <= set(shown)
    assert [("State", True), ("Missed in a row", True)] == [
        (each["displayName"], each["desc"]) for each in panel["options"]["sortBy"]
    ]
    assert {"${exporter_url}/tasks/${__data.fields.account}/${__data.fields.task_id}"} == set(links)
    assert {"account", "task_id"} <= set(shown)
