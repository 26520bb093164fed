"""monitoring/grafana/alerting.yaml is what its generator makes of the rules, in the form that Grafana takes."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from documents import ROOT, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = "monitoring/grafana/alerting.yaml"
GROUPS = yaml.safe_load(read(FILE))["groups"]
RULES: dict[str, dict[str, Any]] = {rule["title"]: rule for group in GROUPS for rule in group["rules"]}
SOURCE = yaml.safe_load(read("monitoring/rules/alerts.yaml"))["groups"]
ALERTS = {rule["alert"]: rule for group in SOURCE for rule in group["rules"]}


def test_the_file_is_what_the_generator_makes() -> None:
    """Whoever changes an alert makes this file anew."""
    command = [sys.executable, "-m", "monitoring.grafana"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True)

    assert made.stdout == read(FILE)


def test_it_holds_every_alert_with_its_severity_and_its_time() -> None:
    """No alert is lost, and a group is evaluated as often."""
    assert {name: (rule["labels"], rule["for"]) for name, rule in ALERTS.items()} == {
        title: (rule["labels"], rule["for"]) for title, rule in RULES.items()
    }
    assert [(group["name"], group.get("interval", "1m")) for group in SOURCE] == [
        (group["name"], group["interval"]) for group in GROUPS
    ]


def test_grafana_can_tell_the_rules_apart() -> None:
    """Each has a uid of its own, of at most 40 characters that Grafana allows."""
    uids = [rule["uid"] for rule in RULES.values()]

    assert len(set(uids)) == len(uids)
    assert [] == [uid for uid in uids if not re.fullmatch(r"[a-z-]{1,40}", uid)]


@pytest.mark.parametrize("title", RULES)
def test_each_rule_asks_and_decides(title: str) -> None:
    """A asks Prometheus for an instant, B is true where A has a value, even 0; silence is no alert."""
    rule = RULES[title]
    asks, decides = rule["data"]

    assert ("B", "is_number($A)", "__expr__") == (
        rule["condition"],
        decides["model"]["expression"],
        decides["datasourceUid"],
    )
    assert asks["datasourceUid"] == "prometheus"
    assert asks["model"]["instant"]
    assert ALERTS[title]["expr"].strip() in asks["model"]["expr"]
    assert rule["noDataState"] == "OK"
    assert ("Error" if title == "ScreenshotMAXExporterDown" else "KeepLast") == rule["execErrState"]


@pytest.mark.parametrize("title", RULES)
def test_each_text_is_one_that_grafana_can_fill_in(title: str) -> None:
    """No query and no bare value in a template; a label that is shown is one that the expression keeps."""
    rule = RULES[title]
    text = rule["annotations"]["description"]

    assert ALERTS[title]["annotations"] | {"description": text} == rule["annotations"]
    assert not re.search(r"query|\$value\b|\$\{", text)
    for label in re.findall(r"\$labels\.(\w+)", text):
        assert label in rule["data"][0]["model"]["expr"]


@pytest.mark.real
def test_prometheus_takes_every_expression_and_names_the_task(component: Callable[[str], Path], tmp_path: Path) -> None:
    """The expressions are valid, and the one on a missed run carries the newest name of a renamed task once."""
    rules = [
        {"record": f"asked:{i}", "expr": rule["data"][0]["model"]["expr"]} for i, rule in enumerate(RULES.values())
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    series = {
        'screenshotmax_task_missed_run{account="main",task_id="1",task_name="Old"}': "1x4 stale",
        'screenshotmax_task_last_fetch_timestamp_seconds{account="main",task_id="1",task_name="Old"}': "0+60x4 stale",
        'screenshotmax_task_missed_run{account="main",task_id="1",task_name="New"}': "_x5 1x4",
        'screenshotmax_task_last_fetch_timestamp_seconds{account="main",task_id="1",task_name="New"}': "_x5 300+60x4",
        'screenshotmax_task_fetch_success{account="main",task_id="1",task_name="New"}': "_x5 1x4",
        # Never fetched, so without facts and name.
        'screenshotmax_task_schedule_valid{account="main",task_id="2",task_name=""}': "0x9",
        'screenshotmax_task_fetch_success{account="main",task_id="2",task_name=""}': "0x9",
    }
    asked = {
        "ScreenshotMAXTaskMissed": ('task_id="1",task_name="New"', 1),
        "ScreenshotMAXTaskScheduleInvalid": ('task_id="2"', 0),
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": RULES[title]["data"][0]["model"]["expr"],
                "eval_time": "7m",
                "exp_samples": [{"labels": f'{{account="main",{labels}}}', "value": value}],
            }
            for title, (labels, value) in asked.items()
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [test]}))
    done = subprocess.run(
        [component("promtool"), "test", "rules", tmp_path / "test.yaml"], capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode, done.stdout + done.stderr
