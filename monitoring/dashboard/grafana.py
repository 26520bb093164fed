"""The JSON of panels, in the form that Grafana itself would save."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Json = dict[str, Any]

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
GREEN, BLUE, ORANGE, RED, PURPLE, GRAY = "green", "blue", "orange", "red", "purple", "#808894"
POLLED = "5m"
"""The least step of what polls count: with one poll a minute, a shorter window may hold none."""
NOTHING: list[Json] = [{"type": "special", "options": {"match": "null+nan", "result": {"text": "-", "index": 0}}}]
FEW_POINTS = 200
"""Points of a panel that reads every task of a large fleet."""


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL and how its lines are called; `name` tells the columns of a table apart."""

    expression: str
    legend: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel without its place."""

    kind: str
    title: str
    description: str
    queries: Sequence[Query]
    unit: str
    width: int
    height: int
    options: Json
    custom: Json = field(default_factory=dict)
    defaults: Json = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    rest: Json = field(default_factory=dict)

    def render(self, number: int, x: int, y: int) -> Json:
        defaults = {"unit": self.unit, **self.defaults, "custom": self.custom}
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "targets": [self._target(place, query) for place, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": defaults, "overrides": list(self.overrides)},
            "options": self.options,
            **self.rest,
        }

    def _target(self, place: int, query: Query) -> Json:
        at_once = self.kind in {"stat", "table"}
        return {
            "refId": query.name or chr(ord("A") + place),
            "datasource": DATASOURCE,
            "expr": query.expression,
            "legendFormat": query.legend,
            "editorMode": "code",
            "format": "table" if self.kind == "table" else "time_series",
            "instant": at_once,
            "range": not at_once,
        }


def lay_out(rows: Mapping[str, Sequence[Panel]]) -> list[Json]:
    """The panels of each row from left to right, a new line where the next would not fit."""
    placed: list[Json] = []
    y = 0
    for title, panels in rows.items():
        place = {"h": 1, "w": WIDTH, "x": 0, "y": y}
        row = {"id": len(placed) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        placed.append(row)
        y += 1
        for line in _lines(panels):
            x = 0
            for panel in line:
                placed.append(panel.render(len(placed) + 1, x, y))
                x += panel.width
            y += max(panel.height for panel in line)
    return placed


def _lines(panels: Iterable[Panel]) -> Iterator[list[Panel]]:
    line: list[Panel] = []
    for panel in panels:
        if sum(each.width for each in (*line, panel)) > WIDTH:
            yield line
            line = []
        line.append(panel)
    yield line


def words(meanings: Mapping[int, tuple[str, str]]) -> list[Json]:
    """Numbers as a word and a colour, in the order given."""
    options = {
        str(number): {"text": text, "color": colour, "index": index}
        for index, (number, (text, colour)) in enumerate(meanings.items())
    }
    return [{"type": "value", "options": options}]


def steps(base: str, *above: tuple[float, str]) -> Json:
    """A colour, and others from a value on."""
    found = [{"color": base, "value": None}, *({"color": colour, "value": value} for value, colour in above)]
    return {"mode": "absolute", "steps": found}


def stat(
    title: str, description: str, expression: str, *, unit: str = "none", width: int = 3, **defaults: Any
) -> Panel:
    """One number of now; `defaults` are whatever else Grafana knows of a field: thresholds, decimals, noValue."""
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showPercentChange": False,
        "textMode": "value",
        "wideLayout": True,
    }
    return Panel(
        kind="stat",
        title=title,
        description=description,
        queries=[Query(expression)],
        unit=unit,
        width=width,
        height=4,
        options=options,
        defaults={"color": {"mode": "thresholds"}, **defaults},
    )


_LEGEND: Json = {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True}
_LINES: Json = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 0, "showPoints": "auto", "spanNulls": False}
_STEPS: Json = {**_LINES, "lineInterpolation": "stepAfter"}
_BARS: Json = {"drawStyle": "bars", "lineWidth": 1, "fillOpacity": 60, "showPoints": "never"}
_AREAS: Json = {**_STEPS, "fillOpacity": 50, "stacking": {"mode": "normal", "group": "A"}}
STYLES = {"lines": _LINES, "steps": _STEPS, "bars": _BARS, "areas": _AREAS}


def graph(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    style: str = "lines",
    width: int = 12,
    interval: str = "",
    points: int = 0,
    colours: Mapping[str, str] | None = None,
    **defaults: Any,
) -> Panel:
    """Lines over time. `interval` is the least step, `points` the most of them; `colours` are by name of line."""
    rest = {"interval": interval, "maxDataPoints": points}
    return Panel(
        kind="timeseries",
        title=title,
        description=description,
        queries=queries,
        unit=unit,
        width=width,
        height=8,
        options={"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
        custom=STYLES[style],
        defaults={"color": {"mode": "palette-classic"}, **defaults},
        overrides=[_fixed(name, colour) for name, colour in (colours or {}).items()],
        rest={key: value for key, value in rest.items() if value},
    )


def _fixed(name: str, colour: str) -> Json:
    return column(name, color={"mode": "fixed", "fixedColor": colour})


def timeline(
    title: str, description: str, query: Query, *, mappings: list[Json], width: int = WIDTH, height: int = 8
) -> Panel:
    """A bar for each line, coloured by the word that its value stands for."""
    return Panel(
        kind="state-timeline",
        title=title,
        description=description,
        queries=[query],
        unit="none",
        width=width,
        height=height,
        options={
            "alignValue": "left",
            "legend": _LEGEND,
            "mergeValues": True,
            "rowHeight": 0.9,
            "showValue": "auto",
            "tooltip": {"mode": "single", "sort": "none"},
        },
        custom={"fillOpacity": 80, "lineWidth": 0},
        defaults={"color": {"mode": "thresholds"}, "thresholds": steps(GRAY), "mappings": mappings},
        rest={"maxDataPoints": FEW_POINTS},
    )


def column(name: str, **properties: Any) -> Json:
    """What is different about one column or line; `custom_x` stands for `custom.x`."""
    named = {key.replace("custom_", "custom.", 1): value for key, value in properties.items()}
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in named.items()],
    }


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the field that it shows, its heading, and what is different about it."""

    source: str
    heading: str
    properties: Json = field(default_factory=dict)


def table(
    title: str,
    description: str,
    queries: Sequence[Query],
    columns: Sequence[Column],
    *,
    by: Sequence[str],
    height: int,
    width: int = WIDTH,
) -> Panel:
    """A row for each thing, of the newest answers to several queries, joined by the labels that all of them have."""
    hidden = ["Time", *(f"Value #{query.name}" for query in queries)]
    shown = [each.source for each in columns]
    organize = {
        "excludeByName": {name: True for name in hidden if name not in shown},
        "indexByName": {name: place for place, name in enumerate(shown)},
        "renameByName": {each.source: each.heading for each in columns},
    }
    return Panel(
        kind="table",
        title=title,
        description=description,
        queries=queries,
        unit="string",  # else an id would be shown as a rounded number
        width=width,
        height=height,
        options={
            "cellHeight": "sm",
            "frameIndex": 0,
            "showHeader": True,
            "sortBy": [{"displayName": name, "desc": True} for name in by],
        },
        custom={"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False},
        overrides=[column(each.heading, **each.properties) for each in columns if each.properties],
        rest={
            "transformations": [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}],
        },
    )
