"""The loops that poll the accounts."""

from __future__ import annotations

from exporter.poller.loop import Poller, Upstream

__all__ = ["Poller", "Upstream"]
