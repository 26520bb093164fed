"""Prometheus exporter for ScreenshotMAX scheduled tasks."""

__version__ = "0.1.0"
