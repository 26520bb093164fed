"""Prometheus exporter for ScreenshotMAX scheduled tasks."""

import os

__version__ = "0.1.0"
BRANCH = os.environ.get("SCREENSHOTMAX_EXPORTER_BRANCH", "unknown")  # the image's build sets both
REVISION = os.environ.get("SCREENSHOTMAX_EXPORTER_REVISION", "unknown")
