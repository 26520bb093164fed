"""The rules of Grafana's dashboard linter, over the JSON: each gives where it is broken."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from dashboards import GLOBALS, MATCHER, SELECTOR, annotations, expressions, panels, variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboards import Json

# What Grafana's dashboard linter knows as a unit, as far as it is used here.
UNITS = {"none", "string", "s", "bytes", "reqps", "percentunit", "dateTimeFromNow"}


def template_datasource(board: Json) -> list[str]:
    found = [each for each in board["templating"]["list"] if each["type"] == "datasource"]
    return (
        []
        if [("datasource", "Data source", "prometheus")]
        == [(each["name"], each["label"], each["query"]) for each in found]
        else ["one variable named datasource, labelled Data source, of type prometheus"]
    )


def template_job_and_instance(board: Json) -> list[str]:
    wanted = {"type": "query", "multi": True, "includeAll": True, "allValue": ".+"}
    known = {each["name"]: each for each in board["templating"]["list"]}
    return [
        name
        for name in ("job", "instance")
        if {**wanted, "label": name.title(), "datasource": {"type": "prometheus", "uid": "${datasource}"}}
        != {key: known[name][key] for key in (*wanted, "label", "datasource")}
    ]


def template_label_promql(board: Json) -> list[str]:
    queries = [each["query"] for each in board["templating"]["list"] if each["type"] == "query"]
    return [query for query in queries if not re.fullmatch(r"(label_values|query_result)\((.+)\)", query)]


def template_on_time_change_reload(board: Json) -> list[str]:
    return [each["name"] for each in board["templating"]["list"] if each["type"] == "query" and each["refresh"] != 2]


def template_unused(board: Json) -> list[str]:
    used = variables(json.dumps(board))
    return [each["name"] for each in board["templating"]["list"] if each["name"] not in used]


def uneditable_dashboard(board: Json) -> list[str]:
    return ["editable"] if board["editable"] else []


def panel_datasource(board: Json) -> list[str]:
    asked = [(panel["title"], each) for panel in panels(board) for each in (panel, *panel["targets"])]
    asked += [(each["name"], each) for each in annotations(board)]
    return [title for title, each in asked if {"type": "prometheus", "uid": "${datasource}"} != each["datasource"]]


def panel_title_description(board: Json) -> list[str]:
    return [str(panel["id"]) for panel in panels(board) if not (panel["title"] and panel["description"].endswith("."))]


def panel_units(board: Json) -> list[str]:
    def units(panel: Json) -> set[str]:
        overrides = panel["fieldConfig"]["overrides"]
        changed = {each["value"] for one in overrides for each in one["properties"] if each["id"] == "unit"}
        return {panel["fieldConfig"]["defaults"].get("unit", ""), *changed}

    return [panel["title"] for panel in panels(board) if units(panel) - UNITS]


def panel_no_targets(board: Json) -> list[str]:
    return [panel["title"] for panel in panels(board) if not panel["targets"]]


def target_promql(board: Json) -> list[str]:
    """Each variable is known. That the rest is PromQL is shown by the real Prometheus."""
    known = {each["name"] for each in board["templating"]["list"]} | set(GLOBALS)
    return [where for where, text in expressions(board) if variables(text) - known]


def target_rate_interval(board: Json) -> list[str]:
    ranges = [
        (where, each) for where, text in expressions(board) for each in re.findall(r"rate\([^\[]*\[([^]]*)\]", text)
    ]
    return [where for where, found in ranges if found != "$__rate_interval"]


def without_matcher(board: Json, label: str) -> list[str]:
    wanted = (label, "=~", f"${label}")
    asked = [(where, text) for where, text in expressions(board) if not where.startswith("$")]
    return [
        where for where, text in asked for _, inner in SELECTOR.findall(text) if wanted not in MATCHER.findall(inner)
    ]


def target_job(board: Json) -> list[str]:
    return without_matcher(board, "job")


def target_instance(board: Json) -> list[str]:
    return without_matcher(board, "instance")


def target_counter_agg(board: Json) -> list[str]:
    counter = re.compile(r"(\w+)\(\w+_(?:total|bucket)\{[^}]*\}(\[?)")
    bare = re.compile(r"(?<!increase\()(?<!rate\()\b\w+_(?:total|bucket)\{")
    return [
        where
        for where, text in expressions(board)
        if bare.search(text) or any(not opened for _, opened in counter.findall(text))
    ]


RULES: list[Callable[[Json], list[str]]] = [
    template_datasource,
    template_job_and_instance,
    template_label_promql,
    template_on_time_change_reload,
    template_unused,
    uneditable_dashboard,
    panel_datasource,
    panel_title_description,
    panel_units,
    panel_no_targets,
    target_promql,
    target_rate_interval,
    target_job,
    target_instance,
    target_counter_agg,
]
