"""What Prometheus is shown."""

from __future__ import annotations

from exporter.metrics.collector import ReportCollector, build_registry
from exporter.metrics.refusals import Refusal, Refusals

__all__ = ["Refusal", "Refusals", "ReportCollector", "build_registry"]
