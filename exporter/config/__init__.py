"""The configuration: `load` turns a file into a frozen, merged `Config` or says everything that is wrong with it."""

from exporter.config.door import to_yaml
from exporter.config.durations import format_duration, parse_duration
from exporter.config.files import UnreadableError, read_file
from exporter.config.loading import ConfigFile, load, parse
from exporter.config.messages import ConfigError
from exporter.config.schema import json_schema
from exporter.config.values import Account, Api, Config, MissedRun, PolicySources, Poll, Source
from exporter.config.web_file import load_web, parse_web
from exporter.config.web_values import ClientAuth, RateLimit, Tls, WebConfig

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
