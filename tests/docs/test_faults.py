"""docs/faults.md has a row for each case, and what a row names is there: tests, metrics, log lines and runbooks."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from functools import cache

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector

from documents import HEADING, ROOT, first_column, prose, read, rows, section, spans
from exporter.config import Poll
from exporter.model import Problem, Reason

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
SERIES = re.compile(r'(?P<family>[a-z]+_\w+)(?:\{(?P<label>\w+)="(?P<value>\w+)"\})?')
VALUES = {  # family -> the heading of docs/metrics.md under which its label's values stand
    "screenshotmax_task_state": "`state`",
    "screenshotmax_task_problem": "`reason` of `screenshotmax_task_problem`",
    "screenshotmax_poll_failures_total": "`reason` of `screenshotmax_poll_failures_total`",
    "screenshotmax_exporter_http_refused_total": "`reason` of `screenshotmax_exporter_http_refused_total`",
    "screenshotmax_exporter_internal_errors_total": "`where`",
}
OF_PROMETHEUS = {"scrape_duration_seconds"}
FIELDS = {"unreadable", "zones"}  # of log lines
ELSEWHERE = {  # Prometheus's own, a route, a program and an image's label
    *("up", "/-/healthy", "helm"),
    "org.opencontainers.image.base.name",
}
# Where nothing is lost, or nothing that runs could notice it.
UNSEEN = (
    *("U10", "U32", "U37", "U38", "U55", "U60", "U68", "U69", "S12", "S13"),
    *("K1", "K2", "K6", "K7", "K8", "K10", "K12", "K13", "K14", "L9", "L10"),
    *("V1", "V3", "V5", "V6", "P5", "P17", "P19"),
)


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
def collected() -> frozenset[str]:
    """The ids of the tests in the files that are named, with the rows of their tables and without."""
    files = {span.partition("::")[0] for row in ROWS.values() for span in spans(row[3])}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *sorted(files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert 0 == done.returncode, done.stdout[-2000:]
    ids = set(done.stdout.splitlines())
    return frozenset(ids | {each.partition("[")[0] for each in ids})


@pytest.mark.parametrize("number", ROWS)
def test_the_tests_that_are_named_are_there(number: str) -> None:
    """Each is one that pytest finds, and of one with a row of its table in brackets just that row."""
    cell = ROWS[number][3]
    assert cell == ", ".join(f"`{span}`" for span in spans(cell))
    assert [] == [span for span in spans(cell) if span not in collected()]


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
    """Families with their labels' values are in docs/metrics.md, log lines in the code, runbooks beside the document.

    Nothing else is written as if it were one of these.
    """
    for span in spans(ROWS[number][4]):
        if series := SERIES.fullmatch(span):
            assert series["family"] in families(), span
            if series["label"]:
                assert series["label"] in families()[series["family"]], span
                assert series["value"] in first_column(section("docs/metrics.md", VALUES[series["family"]])), span
        elif span.startswith("msg="):
            assert re.sub(r"SIG[A-Z]+", "{name}", span.removeprefix("msg=").strip('"')) in sources(), span
        elif span in FIELDS:
            assert f"{span}=" in sources(), span
        else:
            assert span in ELSEWHERE, span
    for name, path in re.findall(r"\[(\w+)\]\((.+?)\)", ROWS[number][4]):
        assert f"runbooks/ScreenshotMAX{name}.md" == path
        assert (ROOT / "docs" / path).exists(), path


def test_what_has_no_sign_is_known() -> None:
    """Every other row names a metric, a log line, a runbook, a status or an exit code."""
    assert set(UNSEEN) == {number for number, row in ROWS.items() if row[4].startswith("no sign")}
    signs = re.compile(r"`|\]\(|exit code [0-9]|\b40[345]\b|the text as it stands")
    assert [] == [number for number in ROWS.keys() - set(UNSEEN) if not signs.search(ROWS[number][4])]


@pytest.mark.parametrize(
    ("family", "values"), [("screenshotmax_poll_failures_total", Reason), ("screenshotmax_task_problem", Problem)]
)
def test_each_reason_belongs_to_a_case(family: str, values: type[Reason | Problem]) -> None:
    """Whatever stops a poll or a verdict is told of here."""
    told = {value for found, value in re.findall(r'`(\w+)\{reason="(\w+)"\}`', read(DOCUMENT)) if found == family}

    assert set(values) == told
