"""Asks ScreenshotMAX and parses what comes back at the door: past it nobody sees JSON, a status or httpx."""

from exporter.client.key import KeySource
from exporter.client.listing import Selection
from exporter.client.upstream import Fetched, Observe, Upstream

__all__ = ["Fetched", "KeySource", "Observe", "Selection", "Upstream"]
