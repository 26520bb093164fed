"""The exposition's families, built anew at each scrape from one report."""

from __future__ import annotations

import platform
from itertools import chain
from typing import TYPE_CHECKING, cast

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from exporter.metrics.refusals import Refusals
from exporter.metrics.rows import ACCOUNT_LABELS, ACCOUNT_ROWS, TASK_LABELS, TASK_ROWS, Row, Subject
from exporter.metrics.series import Series
from exporter.model import UNSHARDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client import Metric
    from prometheus_client.samples import Sample

    from exporter.model import LastReload, Report, Shard, TaskReport

_WHERE_ERRORS_ARE_CAUGHT = ("poll", "report", "scrape", "page", "ledger", "reload", "other")
_DURATION = (
    "screenshotmax_api_request_duration_seconds",
    "Duration of requests to the API, over all phases.",
)


class ReportCollector(Collector):
    """Every family of the report, and the web's `refusals`.

    `polled` tells how often the API is asked, for the HELP of the polled families. `on_error` is called in the
    event loop where the report fails, else in whichever thread the families are built.
    """

    def __init__(
        self,
        report: Callable[[], Report],
        *,
        polled: Callable[[], str],
        version: str,
        revision: str,
        on_error: Callable[[str], None],
        errors: Callable[[], Mapping[str, int]] = dict,
        shard: Shard = UNSHARDED,
        refusals: Refusals | None = None,
    ) -> None:
        self._report = report
        self._polled = polled
        self._build = (version, revision, platform.python_version())
        self._on_error = on_error
        self._errors = errors
        self._shard = shard
        self._refusals = refusals or Refusals()

    def describe(self) -> Iterable[Metric]:
        polled = f" Polled {self._polled()}."
        for row in TASK_ROWS:
            yield row.family(TASK_LABELS, polled)
        for account_row in ACCOUNT_ROWS:
            yield account_row.family(ACCOUNT_LABELS, "")
        yield HistogramMetricFamily(*_DURATION, labels=ACCOUNT_LABELS)
        yield _build_info(self._build)
        yield from _sharding(self._shard)
        yield from _last_reload(None)
        yield _ledger_recoveries(0)
        yield self._refusals.family()
        yield _internal_errors({})

    def collect(self, names: frozenset[str] | None = None) -> Iterator[Metric]:
        """The families, without those of the report's rows that are not among `names`.

        What they tell is read now, in the event loop. They are built as they are taken, in whichever thread that is.
        """
        report = self._read()
        errors = self._errors() if report is None else report.internal_errors
        ours = (_build_info(self._build), *_sharding(self._shard), self._refusals.family(), _internal_errors(errors))
        return chain(() if report is None else self._of(report, f" Polled {self._polled()}.", names), ours)

    def _read(self) -> Report | None:
        try:
            return self._report()
        except Exception:  # noqa: BLE001 - the exporter's own families still have to be seen
            self._on_error("scrape")
            return None

    def _of(self, report: Report, polled: str, names: frozenset[str] | None) -> Iterator[Metric]:
        task_rows = _wanted(TASK_ROWS, names)
        subjects = [(_labels_of(task), task) for task in report.tasks] if task_rows else []
        for row in task_rows:
            yield from self._filled(row, row.family(TASK_LABELS, polled), subjects)
        accounts = [({"account": account.name}, account) for account in report.accounts]
        for account_row in _wanted(ACCOUNT_ROWS, names):
            yield from self._filled(account_row, account_row.family(ACCOUNT_LABELS, ""), accounts)
        yield _durations(report)
        yield from _last_reload(report.last_reload)
        yield _ledger_recoveries(report.ledger_recoveries)

    def _filled(
        self,
        row: Row[Subject],
        family: GaugeMetricFamily | CounterMetricFamily,
        subjects: Iterable[tuple[dict[str, str], Subject]],
    ) -> Iterator[Metric]:
        """The family with its samples, or nothing when a row's function is broken: the others still have to be seen."""
        series = Series(row.name)
        try:
            for labels, subject in subjects:
                for own, value in row.samples(subject):
                    # Without labels of their own, all samples of a subject have the same dict: see web/lines.py.
                    series.add(labels | dict(zip(row.labels, own, strict=True)) if own else labels, value)
        except Exception:  # noqa: BLE001 - a bug in one row must not cost the scrape
            self._on_error("scrape")
        else:
            family.samples = cast("list[Sample]", series)
            yield family


def _wanted(rows: Iterable[Row[Subject]], names: frozenset[str] | None) -> list[Row[Subject]]:
    return [row for row in rows if names is None or row.name in names]


def _labels_of(task: TaskReport) -> dict[str, str]:
    return dict(zip(TASK_LABELS, (task.account, task.task_id, task.task.name if task.task else ""), strict=True))


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


def _sharding(shard: Shard) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "screenshotmax_exporter_shard_ordinal",
        "Which of the shards that share the tasks this exporter is, from 0.",
        value=float(shard.ordinal),
    )
    yield GaugeMetricFamily(
        "screenshotmax_exporter_total_shards",
        "How many shards share the tasks, as this exporter was told; 1: it watches them all.",
        value=float(shard.total),
    )


def _last_reload(last: LastReload | None) -> Iterator[Metric]:
    """Named as blackbox_exporter names them."""
    successful = GaugeMetricFamily(
        "screenshotmax_exporter_config_last_reload_successful",
        "Whether the newest attempt to load the configuration succeeded; if not, the one before is in force.",
    )
    success_at = GaugeMetricFamily(
        "screenshotmax_exporter_config_last_reload_success_timestamp_seconds",
        "When the configuration was last loaded.",
    )
    if last is not None:
        successful.add_metric((), float(last.successful))
        success_at.add_metric((), last.success_at.timestamp())
    yield successful
    yield success_at


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
