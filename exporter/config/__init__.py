"""The configuration: `load` turns a file into a frozen, merged `Config` or says everything that is wrong with it.

What is asked of this package is imported when it is asked for: a health check reads a web config file in a fraction of
the memory that pydantic takes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exporter.config.door import to_yaml
    from exporter.config.durations import format_duration, parse_duration
    from exporter.config.files import UnreadableError, read_file
    from exporter.config.loading import ConfigFile, load, parse
    from exporter.config.messages import ConfigError
    from exporter.config.schema import json_schema
    from exporter.config.values import Account, Api, Config, MissedRun, PolicySources, Poll, Source
    from exporter.config.web_file import load_web, parse_web
    from exporter.config.web_values import ClientAuth, RateLimit, Tls, WebConfig

_ROOMS = {
    "door": ("to_yaml",),
    "durations": ("format_duration", "parse_duration"),
    "files": ("UnreadableError", "read_file"),
    "loading": ("ConfigFile", "load", "parse"),
    "messages": ("ConfigError",),
    "schema": ("json_schema",),
    "values": ("Account", "Api", "Config", "MissedRun", "PolicySources", "Poll", "Source"),
    "web_file": ("load_web", "parse_web"),
    "web_values": ("ClientAuth", "RateLimit", "Tls", "WebConfig"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "Account",
    "Api",
    "ClientAuth",
    "Config",
    "ConfigError",
    "ConfigFile",
    "MissedRun",
    "PolicySources",
    "Poll",
    "RateLimit",
    "Source",
    "Tls",
    "UnreadableError",
    "WebConfig",
    "format_duration",
    "json_schema",
    "load",
    "load_web",
    "parse",
    "parse_duration",
    "parse_web",
    "read_file",
    "to_yaml",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
