"""The alerts of Prometheus, turned into Grafana-managed ones for those who alert in Grafana.

Grafana's templates cannot query. So the name of a task is joined to the expression as a label, and what else
Prometheus looks up is left out or said in fixed words.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).parents[1] / "rules" / "alerts.yaml"
HEAD = """\
# The alerts of monitoring/rules/alerts.yaml as Grafana-managed ones, generated: python -m monitoring.grafana
# Provision it under /etc/grafana/provisioning/alerting; the data source must have the uid `prometheus`.
"""
DATASOURCE = "prometheus"
WINDOW_SECONDS = 600
ALERTING = "ExporterDown"  # the one that must not stay silent when Grafana cannot ask at all

# The newest name by when the facts were fetched; the flag of the fetch stands in for tasks without any.
_NAMES = (
    "topk by (account, task_id) (1, max by (account, task_id, task_name) ("
    "last_over_time(screenshotmax_task_last_fetch_timestamp_seconds[5m])"
    " or last_over_time(screenshotmax_task_fetch_success[5m])))"
)
_LOOK_UPS = (
    (re.compile(r"\{\{ with printf `topk.*?\{\{ end \}\}"), "{{ $labels.task_name }}"),
    (re.compile(r" The reason: \{\{ range .*?\{\{ end \}\}\."), " screenshotmax_task_problem has the reason."),
    (re.compile(r" at these exporters: \{\{ range .*?\{\{ end \}\}\."), ", at one shard or at all."),
    (re.compile(r" Failed in the last three hours: \{\{ range .*?\{\{ end \}\}\."), ""),
    (re.compile(r": \{\{ range query .*?\{\{ end \}\}$"), "."),
    (re.compile(r"\$value\b"), "$values.A.Value"),
)


def build_provisioning(rules: dict[str, Any]) -> dict[str, Any]:
    """Grafana's file for a rule file of Prometheus."""
    return {"apiVersion": 1, "groups": [_group(group) for group in rules["groups"]]}


def _group(group: dict[str, Any]) -> dict[str, Any]:
    return {
        "orgId": 1,
        "name": group["name"],
        "folder": "ScreenshotMAX",
        "interval": group.get("interval", "1m"),
        "rules": [_rule(rule) for rule in group["rules"]],
    }


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    own_name = rule["alert"].removeprefix("ScreenshotMAX")
    return {
        "uid": "smax-" + re.sub(r"(?<=[a-z])(?=[A-Z])|(?<!^)(?=[A-Z][a-z])", "-", own_name).lower(),
        "title": rule["alert"],
        "condition": "B",
        "data": [_query(_named(rule)), _exists()],
        "for": rule["for"],
        # An expression that finds nothing is how an alert says that all is well.
        "noDataState": "OK",
        "execErrState": "Error" if own_name == ALERTING else "KeepLast",
        "labels": rule["labels"],
        "annotations": rule["annotations"] | {"description": _description(rule["annotations"]["description"])},
    }


def _named(rule: dict[str, Any]) -> str:
    expression: str = rule["expr"].strip()
    if "$labels.task_id" not in rule["annotations"]["description"]:
        return expression
    return f"(\n{expression}\n) * on (account, task_id) group_left (task_name) ({_NAMES} >= bool 0)"


def _query(expression: str) -> dict[str, Any]:
    return {
        "refId": "A",
        "relativeTimeRange": {"from": WINDOW_SECONDS, "to": 0},
        "datasourceUid": DATASOURCE,
        "model": {"refId": "A", "expr": expression, "instant": True, "range": False},
    }


def _exists() -> dict[str, Any]:
    """Whether A has a value: some alerts have the value 0."""
    return {
        "refId": "B",
        "datasourceUid": "__expr__",
        "model": {"refId": "B", "type": "math", "expression": "is_number($A)"},
    }


def _description(text: str) -> str:
    for look_up, instead in _LOOK_UPS:
        text = look_up.sub(instead, text)
    if "query" in text:
        raise ValueError(f"a description asks for what Grafana cannot look up: {text}")
    return text


class _Readable(yaml.SafeDumper):
    """Expressions as blocks, and no line broken."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _text)


def render(rules: str) -> str:
    """The file's text for the text of the rule file."""
    return HEAD + yaml.dump(
        build_provisioning(yaml.safe_load(rules)),
        Dumper=_Readable,
        sort_keys=False,
        allow_unicode=True,
        width=sys.maxsize,
    )
