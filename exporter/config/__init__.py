"""The configuration: `load` turns a file into a frozen, merged `Config` or says everything that is wrong with it."""

from exporter.config.door import to_yaml
from exporter.config.durations import format_duration, parse_duration
from exporter.config.files import UnreadableError, read_file
from exporter.config.loading import load, parse
from exporter.config.messages import ConfigError
from exporter.config.schema import json_schema
from exporter.config.values import Account, Api, Config, MissedRun, PolicySources, Poll, Source

__all__ = [
    "Account",
    "Api",
    "Config",
    "ConfigError",
    "MissedRun",
    "PolicySources",
    "Poll",
    "Source",
    "UnreadableError",
    "format_duration",
    "json_schema",
    "load",
    "parse",
    "parse_duration",
    "read_file",
    "to_yaml",
]
