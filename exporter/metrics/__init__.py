"""What Prometheus is shown."""

from __future__ import annotations

from exporter.metrics.collector import ReportCollector, build_registry

__all__ = ["ReportCollector", "build_registry"]
