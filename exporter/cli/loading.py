"""Loads the configuration for a verb; where there is none, says so and leaves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import structlog

from exporter.config import ConfigError, load

if TYPE_CHECKING:
    import argparse

    from exporter.config import Config


def load_or_exit(options: argparse.Namespace) -> Config:
    """The configuration. When there is none: every mistake on a line of its own, and the verb's exit code."""
    try:
        return load(options.config_file)
    except ConfigError as error:
        leave(error, options)


def leave(error: Exception, options: argparse.Namespace) -> NoReturn:
    """End the verb with its exit code for what it cannot do, and the error's own words.

    On stderr, as they are; where JSON was asked for whoever reads it expects nothing else, so each line is logged.
    """
    if getattr(options, "log_format", "") == "json":
        for line in str(error).splitlines():
            structlog.get_logger().error("Cannot start", err=line)
    else:
        sys.stderr.write(f"{error}\n")
    sys.exit(options.failed)
