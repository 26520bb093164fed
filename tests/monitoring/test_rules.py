"""The rules are accepted and do what their cases say, by real Prometheus; each alert has its texts and its runbook."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from documents import FENCE, HEADING, ROOT, first_column, prose, read, rows, section, spans
from exporter.cli.parser import build_parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FILES = ["monitoring/rules/alerts.yaml", "monitoring/rules/recording.yaml"]
CASES = sorted((ROOT / "tests/monitoring").glob("*.yaml"))
RUNBOOKS = sorted((ROOT / "docs/runbooks").glob("*.md"))
URL = "https://github.com/screenshotmax-exporter/screenshotmax-exporter/blob/main/"
FAMILY = re.compile(r"(?<![\w:])screenshotmax_[a-z_]*[a-z]\b(?!:)")
RECORDED = re.compile(r"\b(?:task|account|screenshotmax):[a-z_]+:[a-z0-9_]+")


def rules_of(name: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(read(name))["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules_of(FILES[0])}
RECORDS = {rule["record"]: rule["expr"] for rule in rules_of(FILES[1])}


def families() -> set[str]:
    """What docs/metrics.md holds, and is held to."""
    return {
        name
        for title in ("Tasks", "Accounts", "The exporter")
        for name in first_column(section("docs/metrics.md", title))
    }


def everything_told() -> Iterator[tuple[str, str]]:
    yield from ((name, read(name)) for name in FILES)
    yield from ((path.name, path.read_text(encoding="utf-8")) for path in RUNBOOKS)
    yield "docs/alerting.md", read("docs/alerting.md")


@pytest.fixture(scope="session")
def promtool(component: Callable[[str], Path]) -> Callable[..., None]:
    def run(*words: str | Path, program: str = "promtool") -> None:
        done = subprocess.run([component(program), *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.mark.real
def test_prometheus_takes_the_rules_and_every_query(promtool: Callable[..., None], tmp_path: Path) -> None:
    """The rules pass the strictest check, and so does every query of the runbooks and of docs/alerting.md, as a rule."""
    queries = [
        text for _, told in everything_told() for kind, text in FENCE.findall(unindented(told)) if kind == "promql"
    ]
    as_rules = [{"record": f"query:{i}", "expr": text} for i, text in enumerate(queries)]
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": as_rules}]}))

    assert len(queries) > 20
    promtool(
        "check", "rules", "--lint=all", "--lint-fatal", *(ROOT / name for name in FILES), tmp_path / "queries.yaml"
    )


def unindented(text: str) -> str:
    """Fences inside lists stand three blanks to the right."""
    return re.sub(r"^   (?=\S|$)", "", text, flags=re.MULTILINE)


@pytest.mark.real
@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_rules_do_what_their_cases_say(promtool: Callable[..., None], cases: Path) -> None:
    """Real Prometheus plays the cases: these alerts fire at these minutes, and no other."""
    promtool("test", "rules", cases)


@pytest.mark.real
@pytest.mark.parametrize(
    "name", ["tasks", "hours", "week", "weeks", "accounts", "exporter", "recording", "shards", "parts"]
)
def test_prometheus_3_looks_back_less_far_and_does_the_same(promtool: Callable[..., None], name: str) -> None:
    """From version 3 on a window does not hold the sample at its beginning; no rule hangs on that one sample."""
    promtool("test", "rules", ROOT / f"tests/monitoring/{name}.yaml", program="promtool3")


@pytest.fixture(scope="module")
def played() -> list[dict[str, Any]]:
    """What all cases play, read once for all alerts."""
    return [group for path in CASES for group in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]]


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_seen_to_fire_and_to_be_silent(played: list[dict[str, Any]], alert: str) -> None:
    """Some case compares its whole text, one sees it fire, and one sees that nothing fires."""
    own = [group for group in played if alert.removeprefix("ScreenshotMAX") in group["name"]]
    texts = [case for group in own for case in group.get("alert_rule_test", ()) if case["alertname"] == alert]
    seen = [case["exp_samples"] for group in own for case in group.get("promql_expr_test", ())]

    assert any(case["exp_alerts"] for case in texts)
    assert any({"labels": f'{{alertname="{alert}"}}', "value": 1} in samples for samples in seen)
    assert [] in seen


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_says_what_it_means(alert: str) -> None:
    """A severity, a fixed summary, a description that names its subject, and a runbook that is there."""
    rule = ALERTS[alert]
    annotations = rule["annotations"]

    assert {"summary", "description", "runbook_url"} == set(annotations)
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert re.fullmatch(r"[A-Z][^{}]*\.", annotations["summary"])
    assert f"{URL}docs/runbooks/{alert}.md" == annotations["runbook_url"]
    assert "for" in rule
    for label in ("account", "task_id", "reason", "instance", "where"):
        if re.search(rf"^(?:max|min|count) by \([^)]*\b{label}\b", rule["expr"]):
            assert f"$labels.{label}" in annotations["description"]


def test_the_name_of_a_task_is_looked_up_and_no_label() -> None:
    """A rename must not begin a new alert: no alert has the name among its labels, all on tasks tell it."""
    named = {alert for alert, rule in ALERTS.items() if "$labels.task_id" in rule["annotations"]["description"]}
    look_ups = {
        found
        for alert in named
        for found in re.findall(r"\{\{ with printf .*?\{\{ end \}\}", ALERTS[alert]["annotations"]["description"])
    }

    kept = {alert: re.sub(r"ignoring \([^)]*\)", "", rule["expr"]) for alert, rule in ALERTS.items()}

    assert [] == [alert for alert, expression in kept.items() if "task_name" in expression]
    assert {alert for alert in ALERTS if alert.startswith("ScreenshotMAXTask")} - {"ScreenshotMAXTasksDropped"} == named
    assert 1 == len(look_ups)


def test_all_that_is_asked_for_exists() -> None:
    """Rules, runbooks and docs/alerting.md name families that are exposed and series that are recorded, no other."""
    histograms = {"screenshotmax_api_request_duration_seconds_bucket"}
    for name, text in everything_told():
        assert set() == set(FAMILY.findall(text)) - families() - histograms, name
        assert set() == set(RECORDED.findall(text)) - set(RECORDS), name


@pytest.mark.parametrize("record", RECORDS)
def test_recorded_names_say_level_metric_and_operation(record: str) -> None:
    """As Prometheus recommends; the metric is a family's, or is computed from what was recorded of one."""
    level, metric, operation = record.split(":")

    assert level in {"task", "account", "screenshotmax"}
    assert re.fullmatch(r"(increase|ratio|runs)\d+[hd]|objective", operation)
    assert f"{metric}_total" in families() or RECORDED.findall(RECORDS[record]) or level == "screenshotmax"


def test_the_objective_stands_once() -> None:
    """Who wants another objective changes one number."""
    assert "vector(0.99)" == RECORDS["screenshotmax:runs_on_time:objective"]
    assert 1 == sum(len(re.findall(r"0\.9\d", read(name))) for name in FILES)


def test_sums_are_divided_by_the_evaluations_of_an_hour() -> None:
    """Each run is in the last hour of as many evaluations as there are in an hour, in both files."""
    groups = {group["name"]: group for name in FILES for group in yaml.safe_load(read(name))["groups"]}
    divisors = {found for name in FILES for found in re.findall(r"increase1h\[\w+\]\) / (\d+)", read(name))}

    assert ["4m", "4m"] == [groups[name]["interval"] for name in ("screenshotmax-runs", "screenshotmax-task-history")]
    assert {str(60 // 4)} == divisors


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    """One page for each, named as the alert."""
    assert sorted(ALERTS) == [path.stem for path in RUNBOOKS]


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_runbooks_have_their_form(runbook: Path) -> None:
    """The title is the alert; four sections in order, none empty; something to run; every link leads somewhere."""
    text = runbook.read_text(encoding="utf-8")
    parts = re.split(r"^## .*\n", text, flags=re.MULTILINE)

    assert [runbook.stem, "Meaning", "Impact", "Diagnosis", "Mitigation"] == [
        title for _, title in HEADING.findall(prose(text))
    ]
    assert all(len(part.split()) > 8 for part in parts[1:])
    assert FENCE.search(unindented(parts[3]))
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]+)#?([^)]*)\)", text):
        target = runbook.parent / path
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def commands(runbook: Path) -> list[list[str]]:
    """The exporter's own verbs that a runbook offers to run, each with its arguments."""
    told = runbook.read_text(encoding="utf-8")
    lines = [line for kind, text in FENCE.findall(unindented(told)) if kind == "sh" for line in text.splitlines()]
    found = (re.search(r"(?:^|-- )screenshotmax-exporter ([a-z].*)", text) for text in (*lines, *spans(prose(told))))
    return [match[1].replace("ACCOUNT/TASK_ID", "main/1001").split() for match in found if match]


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_what_runbooks_offer_to_run_shows_what_the_exporter_sees(runbook: Path) -> None:
    """The parser takes each; `explain` reads the daemon's ledger and comes after its page, `config check` the keys."""
    for words in commands(runbook):
        build_parser().parse_args(words)
        if words[0] == "explain":
            assert any(word.startswith("--storage.path=") for word in words)
        if words[:2] == ["config", "check"]:
            assert "--with-keys" in words
    told = runbook.read_text(encoding="utf-8")
    assert "`/tasks/ACCOUNT/TASK_ID`" in told.partition("exporter explain")[0] or "exporter explain" not in told


def test_alerts_that_say_where_to_ask_name_the_page_first() -> None:
    """The page needs no shell, and `explain` judges as the exporter does only with its ledger."""
    told = [rule["annotations"]["description"] for rule in ALERTS.values()]
    asking = [text.partition(" Why: ")[2] for text in told if "exporter explain" in text]

    assert 4 == len(asking)
    assert all(
        re.match(r"page /tasks/.* explain .* with its --config.file= and --storage.path=$", text) for text in asking
    )


def anchors(path: Path) -> set[str]:
    titles = (title.lower() for _, title in HEADING.findall(prose(path.read_text(encoding="utf-8"))))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def test_the_table_of_alerts_is_that_of_the_file() -> None:
    """docs/alerting.md holds each alert with its severity and its `for`, in the order of the file."""
    expected = [(name, rule["labels"]["severity"], rule["for"]) for name, rule in ALERTS.items()]

    assert expected == [(spans(row[0])[0], *row[1:3]) for row in rows(section("docs/alerting.md", "The alerts"))]


def test_the_table_of_recorded_series_names_existing_ones() -> None:
    """docs/alerting.md names recorded series only, and the objective among them."""
    named = first_column(section("docs/alerting.md", "On time, in fires"))

    assert set() == set(named) - set(RECORDS)
    assert "screenshotmax:runs_on_time:objective" in named


@pytest.mark.real
def test_alertmanager_takes_the_routing_to_paste(component: Callable[[str], Path], tmp_path: Path) -> None:
    """The routing of docs/alerting.md is a whole configuration, and inhibits alerts that exist."""
    text = next(text for kind, text in FENCE.findall(read("docs/alerting.md")) if kind == "yaml" and "inhibit" in text)
    (tmp_path / "alertmanager.yml").write_text(text)
    matchers = " ".join(re.findall(r'alertname=~?"([^"]+)"', text))
    done = subprocess.run(
        [component("amtool"), "check-config", tmp_path / "alertmanager.yml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert all(any(re.search(rf"(?:{pattern})", alert) for alert in ALERTS) for pattern in matchers.split())
