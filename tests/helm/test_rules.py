"""The rules and the dashboard that the chart installs are the tested files, with nothing but what the values change."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from charts import CHART, MODES, Helm, the
from documents import read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from charts import Json

pytestmark = pytest.mark.real

FILES = ("monitoring/rules/alerts.yaml", "monitoring/rules/recording.yaml")
TESTED: list[Json] = [group for name in FILES for group in yaml.safe_load(read(name))["groups"]]
ON = ("--values", MODES["default"], "--set", "prometheusRule.enabled=true")


def groups(manifests: list[Json]) -> list[Json]:
    return the(manifests, "PrometheusRule")["spec"]["groups"]


def alerts(found: list[Json]) -> dict[str, Json]:
    return {rule["alert"]: rule for group in found for rule in group["rules"] if "alert" in rule}


def test_the_rules_are_those_that_are_tested(newest_helm: Helm) -> None:
    """Without a word in the values every group, rule, text and template is as in the files."""
    assert TESTED == groups(newest_helm.render(*ON))


def test_the_values_change_what_they_name_and_nothing_else(mode: Callable[[str], list[Json]]) -> None:
    """Alerts that are disabled go; what is overridden, added to all, or moved to other runbooks is; every expression stays."""
    found, given = groups(mode("monitoring")), yaml.safe_load(MODES["monitoring"].read_text())["prometheusRule"]
    changed, tested = alerts(found), alerts(TESTED)
    ours = changed.pop("ScreenshotMAXOfOurs")

    assert [ours] == given["rules"]
    assert set(given["disabled"]) == tested.keys() - changed.keys()
    assert ("10m", "critical") == (
        changed["ScreenshotMAXTaskMissed"]["for"],
        changed["ScreenshotMAXTaskMissed"]["labels"]["severity"],
    )
    assert {"summary", "description", "runbook_url", "dashboard_url"} == changed["ScreenshotMAXManyTasksMissed"][
        "annotations"
    ].keys()
    for name, rule in changed.items():
        assert tested[name]["expr"] == rule["expr"]
        assert "monitoring" == rule["labels"]["team"]
        assert f"https://runbooks.example.com/screenshotmax/{name}.md" == rule["annotations"]["runbook_url"]
        assert tested[name]["annotations"]["description"] == rule["annotations"]["description"]
        if name not in given["overrides"]:
            assert (tested[name]["for"], tested[name]["labels"]["severity"]) == (
                rule["for"],
                rule["labels"]["severity"],
            )
    assert [group for group in TESTED if "runs" in group["name"]] == [
        group for group in found if "runs" in group["name"]
    ]


def test_an_expression_can_be_replaced(newest_helm: Helm) -> None:
    """What no threshold of the values changes is changed by giving the expression."""
    found = alerts(
        groups(
            newest_helm.render(
                *ON, "--set-json", 'prometheusRule.overrides={"ScreenshotMAXClockSkew":{"expr":"vector(1)"}}'
            )
        )
    )

    assert "vector(1)" == found.pop("ScreenshotMAXClockSkew")["expr"]
    assert {name: rule for name, rule in alerts(TESTED).items() if name in found} == found


# A threshold, and what it changes to in which rules: each text with what takes its place, and how often it stands there.
THRESHOLDS: dict[str, dict[str, list[tuple[str, str, int]]]] = {
    "manyTasksMissed=7": {"ScreenshotMAXManyTasksMissed": [(">= 5", ">= 7", 3)]},
    "runsOnTimeObjective=0.995": {"screenshotmax:runs_on_time:objective": [("vector(0.99)", "vector(0.995)", 1)]},
    "pollFailureWindow=18h": {
        "ScreenshotMAXPollFailing": [("[3h]", "[18h]", 4), ("the last three hours", "the last 18h", 1)],
        "ScreenshotMAXUpstreamDenied": [("[3h]", "[18h]", 2)],
    },
    "snapshotStaleHours=0.5": {"ScreenshotMAXSnapshotStale": [("> 3 * 3600", "> 0.5 * 3600", 2)]},
    "clockSkewSeconds=30": {"ScreenshotMAXClockSkew": [("> 60", "> 30", 1)]},
}


def by_name(found: list[Json]) -> dict[str, Json]:
    return {rule.get("alert") or rule["record"]: rule for group in found for rule in group["rules"]}


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_a_threshold_is_changed_wherever_it_stands(newest_helm: Helm, threshold: str) -> None:
    """In the rules that it is of, each place of it changes and nothing else; other rules stay, be the same number in them."""
    found = by_name(groups(newest_helm.render(*ON, "--set", f"prometheusRule.thresholds.{threshold}")))
    tested = by_name(TESTED)

    assert THRESHOLDS[threshold].keys() == {name for name in tested if tested[name] != found[name]}
    for name, places in THRESHOLDS[threshold].items():
        text = json.dumps(tested[name])
        assert [times for _, _, times in places] == [text.count(old) for old, _, _ in places]
        for old, new, _ in places:
            text = text.replace(old, new)
        assert json.loads(text) == found[name]


def test_every_threshold_is_tried() -> None:
    """The cases above are all thresholds that there are, and each of them is another than the default."""
    defaults: Json = yaml.safe_load((CHART / "values.yaml").read_text())["prometheusRule"]["thresholds"]
    tried = dict(case.split("=") for case in THRESHOLDS)

    assert defaults.keys() == tried.keys()
    assert [] == [name for name in tried if str(defaults[name]) == tried[name]]


def test_a_threshold_that_is_taken_away_is_the_default(newest_helm: Helm) -> None:
    """null, with which Helm removes a value, leaves the rules as they are tested."""
    nothing = ",".join(f"prometheusRule.thresholds.{case.split('=')[0]}=null" for case in THRESHOLDS)

    assert TESTED == groups(newest_helm.render(*ON, "--set", nothing))


def test_an_expression_that_is_given_wins(newest_helm: Helm) -> None:
    """A whole expression of one's own is not looked through for thresholds."""
    found = alerts(
        groups(
            newest_helm.render(
                *ON,
                "--set-json",
                'prometheusRule={"thresholds":{"clockSkewSeconds":30},"overrides":{"ScreenshotMAXClockSkew":{"expr":"x > 60"}}}',
            )
        )
    )

    assert "x > 60" == found["ScreenshotMAXClockSkew"]["expr"]


def test_a_group_that_is_empty_is_left_out(newest_helm: Helm) -> None:
    """When all alerts of a group are disabled there is no group without rules, which the operator would refuse."""
    (group,) = [group for group in TESTED if group["name"] == "screenshotmax-accounts"]
    names = ",".join(rule["alert"] for rule in group["rules"])

    assert [each for each in TESTED if each is not group] == groups(
        newest_helm.render(*ON, "--set", f"prometheusRule.disabled={{{names}}}")
    )


@pytest.fixture
def promtool(component: Callable[[str], Path], tmp_path: Path) -> Callable[..., None]:
    program = component("promtool")

    def run(*words: str | Path) -> None:
        done = subprocess.run([program, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def test_prometheus_takes_what_was_changed(
    mode: Callable[[str], list[Json]], promtool: Callable[..., None], tmp_path: Path
) -> None:
    """The rules with all changes pass the strictest check, beside what of the changes is the reader's own."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups(mode("monitoring"))}))

    promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")


CHANGED = """
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'screenshotmax_tasks_missing_common_fire{account="six"}', values: '6x20'}
      - {series: 'screenshotmax_tasks_missing_common_fire{account="seven"}', values: '7x20'}
      - {series: 'screenshotmax_api_clock_skew_seconds{account="near"}', values: '29x20'}
      - {series: 'screenshotmax_api_clock_skew_seconds{account="far"}', values: '31x20'}
    promql_expr_test:
      - {expr: 'screenshotmax:runs_on_time:objective', eval_time: 8m, exp_samples: [{labels: 'screenshotmax:runs_on_time:objective', value: 0.995}]}
      - expr: 'count by (alertname, account) (ALERTS{alertstate="firing"})'
        eval_time: 8m
        exp_samples:
          - {labels: '{alertname="ScreenshotMAXManyTasksMissed", account="seven"}', value: 1}
          - {labels: '{alertname="ScreenshotMAXClockSkew", account="far"}', value: 1}
"""


def test_prometheus_takes_and_plays_other_thresholds(
    mode: Callable[[str], list[Json]], promtool: Callable[..., None], tmp_path: Path
) -> None:
    """With every threshold changed the rules pass the strictest check, and fire beyond the new numbers only."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups(mode("scraped"))}))
    (tmp_path / "changed.yaml").write_text(CHANGED)

    promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
    promtool("test", "rules", "changed.yaml")


PLAYED = """
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series: [{series: 'screenshotmax_task_missed_run{account="main",task_id="1"}', values: '1x30'}]
    alert_rule_test:
      - {eval_time: 9m, alertname: ScreenshotMAXTaskMissed}
      - eval_time: 11m
        alertname: ScreenshotMAXTaskMissed
        exp_alerts:
          - exp_labels: {account: main, task_id: "1", severity: critical, team: monitoring}
            exp_annotations:
              summary: A ScreenshotMAX task missed a run.
              description: "Task of an unknown name (main/1) has not run for its fire, and its grace has passed. Why: page /tasks/main/1 of the exporter, or screenshotmax-exporter explain main/1 with its --config.file= and --storage.path="
              runbook_url: https://runbooks.example.com/screenshotmax/ScreenshotMAXTaskMissed.md
"""


def test_prometheus_plays_what_was_changed(
    mode: Callable[[str], list[Json]], promtool: Callable[..., None], tmp_path: Path
) -> None:
    """An alert with another `for` and another severity fires so, and its templates have come through Helm unharmed."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups(mode("monitoring"))}))
    (tmp_path / "played.yaml").write_text(PLAYED)

    promtool("test", "rules", "played.yaml")


def test_the_dashboard_is_the_one_that_is_tested(mode: Callable[[str], list[Json]]) -> None:
    """The ConfigMap holds the dashboard, and the two ways to Grafana lead to it."""
    manifests = mode("monitoring")
    (held,) = [each for each in manifests if "screenshotmax.json" in each.get("data", ())]
    reference: Any = the(manifests, "GrafanaDashboard")["spec"]["configMapRef"]

    assert json.loads(read("monitoring/dashboard.json")) == json.loads(held["data"]["screenshotmax.json"])
    assert "yes" == held["metadata"]["labels"]["dashboard"]
    assert (held["metadata"]["name"], held["metadata"]["namespace"]) == (
        reference["name"],
        the(manifests, "GrafanaDashboard")["metadata"]["namespace"],
    )
    assert reference["key"] in held["data"]


def test_the_dashboard_is_found_by_the_usual_label(newest_helm: Helm) -> None:
    """Unless told otherwise it bears the label that Grafana's sidecar looks for, and where only the operator reads it, none."""
    for switch, expected in (("dashboards", "1"), ("grafanaDashboard", None)):
        manifests = newest_helm.render("--values", MODES["default"], "--set", f"{switch}.enabled=true")
        (held,) = [each for each in manifests if "screenshotmax.json" in each.get("data", ())]
        assert expected == held["metadata"]["labels"].get("grafana_dashboard")
