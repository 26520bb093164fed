"""The composition root: builds the house, and keeps its root tasks living or dying together."""

from exporter.app.building import Reloading, build
from exporter.app.house import House
from exporter.app.life import live_or_die, serve

__all__ = ["House", "Reloading", "build", "live_or_die", "serve"]
