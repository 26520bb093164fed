"""What a scraper can ask for: the report's families and those of the process, all of them or some."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Protocol

from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.registry import CollectorRegistry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import Metric
    from prometheus_client.registry import Collector

    from exporter.metrics.collector import ReportCollector

_ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}


class Choosable(Protocol):
    """A collector that need not build what is not wanted."""

    def describe(self) -> Iterable[Metric]: ...

    def collect(self, names: frozenset[str] | None = None) -> Iterable[Metric]:
        """The families, or at least those with series of these `names`."""


class Registry:
    """A collector of our own, and some of the client library's. `names` are those that their series can have."""

    def __init__(self, own: Choosable, *others: Collector) -> None:
        self._own = own
        self._others = others
        described = [*own.describe(), *(family for each in others for family in each.collect())]
        self.names = frozenset(name for family in described for name in _names(family))

    def collect(self, names: frozenset[str] | None = None) -> Iterator[Metric]:
        """All families, or the series of these `names`.

        What our own collector tells is read now; the families are built as they are taken, in whichever thread that is.
        """
        return self._families(self._own.collect(names), names)

    def _families(self, own: Iterable[Metric], names: frozenset[str] | None) -> Iterator[Metric]:
        for families in (own, *(each.collect() for each in self._others)):
            yield from families if names is None else _chosen(families, names)


def _chosen(families: Iterable[Metric], names: frozenset[str]) -> Iterator[Metric]:
    for family in families:
        if not names.issuperset(_names(family)):
            family = copy(family)  # noqa: PLW2901 - some collectors give the same one every time
            family.samples = [sample for sample in family.samples if sample.name in names]
        if next(iter(family.samples), None) is not None:
            yield family


def _names(family: Metric) -> tuple[str, ...]:
    return tuple(family.name + ending for ending in _ENDINGS.get(family.type, ("",)))


def build_registry(collector: ReportCollector) -> Registry:
    """A registry of our own with the report, `process_*` and `python_info`."""
    apart = CollectorRegistry()  # or they would register themselves with the library's own
    return Registry(collector, ProcessCollector(registry=apart), PlatformCollector(registry=apart))
