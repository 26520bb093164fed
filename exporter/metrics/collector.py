"""The exposition's families, built anew at each scrape from one report."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from exporter.metrics.rows import ACCOUNT_LABELS, ACCOUNT_ROWS, TASK_LABELS, TASK_ROWS, Row, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client import Metric

    from exporter.model import Report

_WHERE_ERRORS_ARE_CAUGHT = ("poll", "report", "scrape", "page", "ledger", "reload")
_DURATION = (
    "screenshotmax_api_request_duration_seconds",
    "Duration of requests to the API, over all phases.",
)


class ReportCollector(Collector):
    """Every family of the report. `polled` tells how often the API is asked, for the HELP of the polled families."""

    def __init__(
        self,
        report: Callable[[], Report],
        *,
        polled: str,
        version: str,
        revision: str,
        on_error: Callable[[str], None],
    ) -> None:
        self._report = report
        self._polled = f" Polled {polled}."
        self._build = (version, revision, platform.python_version())
        self._on_error = on_error

    def describe(self) -> Iterable[Metric]:
        for row in TASK_ROWS:
            yield row.family(TASK_LABELS, self._polled)
        for account_row in ACCOUNT_ROWS:
            yield account_row.family(ACCOUNT_LABELS, "")
        yield HistogramMetricFamily(*_DURATION, labels=ACCOUNT_LABELS)
        yield _build_info(self._build)
        yield _ledger_recoveries(0)
        yield _internal_errors({})

    def collect(self) -> Iterator[Metric]:
        report = self._report()
        subjects = [((task.account, task.task_id, task.task.name if task.task else ""), task) for task in report.tasks]
        for row in TASK_ROWS:
            yield from self._filled(row, row.family(TASK_LABELS, self._polled), subjects)
        accounts = [((account.name,), account) for account in report.accounts]
        for account_row in ACCOUNT_ROWS:
            yield from self._filled(account_row, account_row.family(ACCOUNT_LABELS, ""), accounts)
        yield _durations(report)
        yield _build_info(self._build)
        yield _ledger_recoveries(report.ledger_recoveries)
        yield _internal_errors(report.internal_errors)

    def _filled(
        self,
        row: Row[Subject],
        family: GaugeMetricFamily | CounterMetricFamily,
        subjects: Iterable[tuple[tuple[str, ...], Subject]],
    ) -> Iterator[Metric]:
        """The family with its samples, or nothing when a row's function is broken: the others still have to be seen."""
        try:
            for labels, subject in subjects:
                for own, value in row.samples(subject):
                    family.add_metric((*labels, *own), value)
        except Exception:  # noqa: BLE001 - a bug in one row must not cost the scrape
            self._on_error("scrape")
        else:
            yield family


def _durations(report: Report) -> Metric:
    family = HistogramMetricFamily(*_DURATION, labels=ACCOUNT_LABELS)
    for account in report.accounts:
        if account.durations is not None:
            buckets = [(_bound(bound), float(count)) for bound, count in account.durations.buckets]
            family.add_metric((account.name,), buckets, account.durations.sum_seconds)
    return family


def _bound(seconds: float) -> str:
    return "+Inf" if seconds == float("inf") else str(float(seconds))


def _build_info(values: tuple[str, str, str]) -> Metric:
    family = GaugeMetricFamily(
        "screenshotmax_exporter_build_info",
        "The version of this exporter and of the Python it runs on.",
        labels=("version", "revision", "pythonversion"),
    )
    family.add_metric(values, 1.0)
    return family


def _ledger_recoveries(count: int) -> Metric:
    return CounterMetricFamily(
        "screenshotmax_exporter_ledger_recoveries_total",
        "Ledger files that could not be used and were set aside, a new one begun; counts go on from memory or from 0.",
        value=float(count),
    )


def _internal_errors(counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(
        "screenshotmax_exporter_internal_errors_total",
        "Bugs of this exporter that were caught, by where; stays 0.",
        labels=("where",),
    )
    for where in _WHERE_ERRORS_ARE_CAUGHT:
        family.add_metric((where,), float(counts.get(where, 0)))
    return family


def build_registry(collector: ReportCollector) -> CollectorRegistry:
    """A registry of our own with the report, `process_*` and `python_info`."""
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry
