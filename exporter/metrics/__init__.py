"""What Prometheus is shown."""

from __future__ import annotations

from exporter.metrics.collector import ReportCollector
from exporter.metrics.refusals import Refusal, Refusals
from exporter.metrics.registry import Registry, build_registry

__all__ = ["Refusal", "Refusals", "Registry", "ReportCollector", "build_registry"]
