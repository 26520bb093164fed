"""The dashboard as the tests read it: its panels, their queries, and Grafana's variables in them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from documents import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json = dict[str, Any]
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
SELECTOR = re.compile(r'\b([a-z_]+)\{((?:[^"{}]|"[^"]*")*)\}')
MATCHER = re.compile(r'(\w+)(=~|=|!~|!=)"([^"]*)"')
GLOBALS = {"__rate_interval": "1m", "__interval": "15s", "__range": "1h"}


def dashboard() -> Json:
    found: Json = json.loads(read("monitoring/dashboard.json"))
    return found


def panels(board: Json) -> list[Json]:
    """All but the rows, also those that a closed row holds."""
    flat = [panel for each in board["panels"] for panel in (each, *each.get("panels", ()))]
    return [panel for panel in flat if panel["type"] != "row"]


def annotations(board: Json) -> list[Json]:
    """Those that ask Prometheus."""
    return [each for each in board["annotations"]["list"] if not each.get("builtIn")]


def expressions(board: Json) -> Iterator[tuple[str, str]]:
    """Where it stands, and the PromQL, of panels, annotations and variables."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield f"{panel['title']}/{target['refId']}", target["expr"]
    for annotation in annotations(board):
        yield annotation["name"], annotation["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield f"${variable['name']}", variable["query"]


def variables(text: str) -> set[str]:
    return {braced or plain for braced, plain in VARIABLE.findall(text)}


def expand(text: str, values: Mapping[str, str]) -> str:
    """The text with each variable's value; KeyError for one that is not known."""
    return VARIABLE.sub(lambda match: values[match[1] or match[2]], text)


def task_options(board: Json, answers: list[str]) -> list[tuple[str, str]]:
    """Value and text of each choice that Grafana offers, of the texts that query_result() makes of an answer."""
    (variable,) = [each for each in board["templating"]["list"] if each["name"] == "task"]
    pattern = re.compile(variable["regex"].strip("/").replace("(?<", "(?P<"))
    found = [match for answer in answers if (match := pattern.search(answer))]
    return [(match["value"], match["text"] or match["value"]) for match in found]
