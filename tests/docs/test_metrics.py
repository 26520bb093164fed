"""docs/metrics.md says what is exposed, in both directions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.core import CounterMetricFamily

from documents import DOCUMENTS, first_column, read, rows, section, spans
from exporter.metrics import Refusal, ReportCollector
from exporter.model import Problem, Reason, State

if TYPE_CHECKING:
    from prometheus_client import Metric


def families() -> list[Metric]:
    def no_report() -> Any:
        raise AssertionError("describing needs no report")

    collector = ReportCollector(no_report, polled=lambda: "every 1m", version="1", revision="r", on_error=str)
    return list(collector.describe())


def exposed_name(family: Metric) -> str:
    return f"{family.name}_total" if isinstance(family, CounterMetricFamily) else family.name


def test_metrics_are_documented_with_type_and_labels() -> None:
    """The three tables hold each family once, with the type and the labels that it is exposed with."""
    subjects = {"Tasks": ("account", "task_id", "task_name"), "Accounts": ("account",), "The exporter": ()}
    documented = [
        (*spans(row[0]), row[1], (*common, *spans(row[2])))
        for title, common in subjects.items()
        for row in rows(section("docs/metrics.md", title))
    ]

    assert sorted((exposed_name(each), each.type, each._labelnames) for each in families()) == sorted(documented)


def test_no_document_names_a_series_that_is_not_there() -> None:
    """All families are in docs/metrics.md and in the changelog; no document but the latter names another, or a rule's."""
    names = {exposed_name(each) for each in families()}
    suffixed = {
        f"{each.name}{end}" for each in families() if each.type == "histogram" for end in ("_bucket", "_sum", "_count")
    }
    # What stands within colons is a recording rule's name, which a test of the rules holds to them.
    named = {name: set(re.findall(r"(?<![:\w])screenshotmax_\w*[a-z]\b(?!:)", read(name))) for name in DOCUMENTS}

    assert names == named["docs/metrics.md"] - suffixed
    assert set() == names - named.pop("CHANGELOG.md")
    assert set() == set().union(*named.values()) - names - suffixed


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("`state`", list(State)),
        ("`reason` of `screenshotmax_task_problem`", list(Problem)),
        ("`reason` of `screenshotmax_poll_failures_total`", list(Reason)),
        ("`reason` of `screenshotmax_exporter_http_refused_total`", list(Refusal)),
        ("`where`", [sample.labels["where"] for sample in families()[-1].samples]),
    ],
)
def test_values_of_labels_are_documented(title: str, expected: list[str]) -> None:
    """The tables of label values hold those that exist, in the order of the code."""
    assert expected == first_column(section("docs/metrics.md", title))
