"""The composition root: builds the house, and keeps its root tasks living or dying together."""

from exporter.app.house import House, Reloading, build
from exporter.app.life import live_or_die, serve

__all__ = ["House", "Reloading", "build", "live_or_die", "serve"]
