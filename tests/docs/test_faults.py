"""docs/faults.md has a row for each case, and what a row names is there: tests, metrics, log lines and runbooks."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector

from documents import HEADING, ROOT, first_column, prose, read, rows, section, spans
from exporter.config import Poll
from exporter.model import Problem, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENT = "docs/faults.md"
MINUTE = timedelta(minutes=1)
CASES = {  # section -> letter, and the numbers of its first and last case
    "Upstream: status codes": ("U", 1, 16),
    "Upstream: body and meaning": ("U", 17, 55),
    "Upstream: network, TLS, redirects": ("U", 56, 72),
    "Configuration": ("C", 1, 21),
    "The exporter's own server": ("S", 1, 20),
    "The access key": ("K", 1, 14),
    "Life cycle": ("L", 1, 19),
    "Supply chain": ("V", 1, 8),
    "Promises": ("P", 1, 20),
}
ROWS = {row[0]: row for title in CASES for row in rows(section(DOCUMENT, title))}
TESTS = ROOT / "tests"
NAMED = re.compile(r"(?P<file>tests/(?:\w+/)*test_\w+\.py)::(?P<name>test_\w+)(?:\[(?P<row>.+)\])?")
SERIES = re.compile(r'(?P<family>[a-z]+_\w+)(?:\{(?P<label>\w+)="(?P<value>\w+)"\})?')
VALUES = {  # family -> the heading of docs/metrics.md under which its label's values stand
    "screenshotmax_task_state": "`state`",
    "screenshotmax_task_problem": "`reason` of `screenshotmax_task_problem`",
    "screenshotmax_poll_failures_total": "`reason` of `screenshotmax_poll_failures_total`",
    "screenshotmax_exporter_http_refused_total": "`reason` of `screenshotmax_exporter_http_refused_total`",
    "screenshotmax_exporter_internal_errors_total": "`where`",
}
OF_PROMETHEUS = {"scrape_duration_seconds"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("title", CASES)
def test_each_case_has_its_row(title: str) -> None:
    """Every number stands once and in order, and no cell of its row is empty or left open."""
    letter, first, last = CASES[title]
    found = rows(section(DOCUMENT, title))

    assert [f"{letter}{number}" for number in range(first, last + 1)] == [row[0] for row in found]
    assert [] == [row[0] for row in found if len(row) != 5 or {"", "-"} & set(row)]


def test_no_section_is_passed_over() -> None:
    """The sections above are those of the document."""
    assert list(CASES) == [title for level, title in HEADING.findall(prose(read(DOCUMENT))) if level == "##"]


def test_the_minutes_of_an_outage_are_those_of_defaults_and_rules() -> None:
    """What becomes stale when, and each alert: what its rule looks back and waits, and the minute of the first failure."""
    alerts = {
        rule["alert"].removeprefix("ScreenshotMAX"): rule
        for group in yaml.safe_load(read("monitoring/rules/alerts.yaml"))["groups"]
        for rule in group["rules"]
    }
    poll, first = Poll(), 1

    def minutes(alert: str, looks_back: str) -> int:
        assert looks_back in alerts[alert]["expr"]
        return int(alerts[alert]["for"].removesuffix("m"))

    expected = [
        0,
        poll.interval // MINUTE,
        poll.stale_after // MINUTE,
        first + 10 + minutes("UpstreamDenied", "max_over_time(screenshotmax_up[10m])) == 0"),
        first + 15 + minutes("PollFailing", "max_over_time(screenshotmax_up[15m])) == 0"),
        3 * 60 + minutes("SnapshotStale", "> 3 * 3600"),
    ]
    assert [f"{each} min" for each in expected] == [row[0] for row in rows(section(DOCUMENT, "When the API is down"))]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def functions(path: Path) -> dict[str, Function]:
    return {node.name: node for node in parsed(path).body if isinstance(node, Function)}


def patterns(node: ast.AST) -> Iterator[str]:
    """Those of the texts and numbers in it. What an f-string puts in may be anything, if it says enough itself."""
    parts = {part for each in ast.walk(node) if isinstance(each, ast.JoinedStr) for part in each.values}
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and each not in parts:
            yield re.escape(str(each.value))
        elif isinstance(each, ast.JoinedStr):
            own = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in each.values]
            if len("".join(own).replace(".+", "")) > 2:
                yield "".join(own)


def imported(module: ast.Module) -> Iterator[Path]:
    """The modules of our tests that it imports from."""
    for node in module.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            ends = (name.replace(".", "/") + end for name in names for end in (".py", "/__init__.py"))
            yield from (TESTS / end for end in ends if (TESTS / end).exists())


@cache
def within_reach(path: Path) -> frozenset[Path]:
    """A file of tests and all of ours that it imports, directly or not."""
    found, new = {path}, [path]
    while new:
        new = [each for module in map(parsed, new) for each in imported(module) if each not in found]
        found.update(new)
    return frozenset(found)


def has_row(path: Path, test: Function, row: str) -> bool:
    """Whether the test is parametrised, and the id is written in its file or in one that it imports."""
    if "parametrize" not in "".join(map(ast.unparse, test.decorator_list)):
        return False
    return any(re.fullmatch(each, row) for file in within_reach(path) for each in patterns(parsed(file)))


@pytest.mark.parametrize("number", ROWS)
def test_the_tests_that_are_named_are_there(number: str) -> None:
    """Each is a function of its file, and a row of it in brackets is in the tables that it is parametrised by."""
    cell = ROWS[number][3]
    assert cell == ", ".join(f"`{span}`" for span in spans(cell))
    for span in spans(cell):
        named = NAMED.fullmatch(span)
        assert named, span
        path = ROOT / named["file"]
        assert path.exists(), span
        assert named["name"] in functions(path), span
        assert named["row"] is None or has_row(path, functions(path)[named["name"]], named["row"]), span


@cache
def families() -> dict[str, tuple[str, ...]]:
    """Each family of docs/metrics.md with its own labels, and those that every process of Prometheus's libraries has."""
    titles = ("Tasks", "Accounts", "The exporter")
    ours = {
        name: spans(row[2])
        for title in titles
        for row in rows(section("docs/metrics.md", title))
        for name in spans(row[0])
    }
    process = {metric.name: () for metric in ProcessCollector(registry=CollectorRegistry()).collect()}
    return ours | process | dict.fromkeys(OF_PROMETHEUS, ())


@cache
def sources() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in (ROOT / "exporter").rglob("*.py"))


@pytest.mark.parametrize("number", ROWS)
def test_what_it_shows_up_as_exists(number: str) -> None:
    """Families with their labels' values are in docs/metrics.md, log lines in the code, runbooks beside the document."""
    for span in spans(ROWS[number][4]):
        if series := SERIES.fullmatch(span):
            assert series["family"] in families(), span
            if series["label"]:
                assert series["label"] in families()[series["family"]], span
                assert series["value"] in first_column(section("docs/metrics.md", VALUES[series["family"]])), span
        elif span.startswith("msg="):
            assert re.sub(r"SIG[A-Z]+", "{name}", span.removeprefix("msg=").strip('"')) in sources(), span
    for name, path in re.findall(r"\[(\w+)\]\((.+?)\)", ROWS[number][4]):
        assert f"runbooks/ScreenshotMAX{name}.md" == path
        assert (ROOT / "docs" / path).exists(), path


@pytest.mark.parametrize(
    ("family", "values"), [("screenshotmax_poll_failures_total", Reason), ("screenshotmax_task_problem", Problem)]
)
def test_each_reason_belongs_to_a_case(family: str, values: type[Reason | Problem]) -> None:
    """Whatever stops a poll or a verdict is told of here."""
    told = {value for found, value in re.findall(r'`(\w+)\{reason="(\w+)"\}`', read(DOCUMENT)) if found == family}

    assert set(values) == told
