"""The loops that poll the accounts."""

from __future__ import annotations

from exporter.poller.crew import Crew
from exporter.poller.loop import Poller, Upstream
from exporter.poller.pace import Limiter
from exporter.poller.pulse import Pulse
from exporter.poller.share import share

__all__ = ["Crew", "Limiter", "Poller", "Pulse", "Upstream", "share"]
