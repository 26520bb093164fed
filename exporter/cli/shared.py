"""What several verbs share: flags, loading the configuration, running until the end."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import argparse
    from collections.abc import Coroutine

    from exporter.config import Config

DEFAULT_PORT = 10142
SIMULATOR_PORT = 10143


def add_config_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config.file",
        dest="config_file",
        metavar="FILE",
        type=Path,
        default=Path("config.yaml"),
        help="configuration file (default: %(default)s)",
    )


def add_log_flags(parser: argparse.ArgumentParser, *, level: str = "info") -> None:
    parser.add_argument(
        "--log.level",
        dest="log_level",
        choices=("debug", "info", "warn", "error"),
        default=level,
        help="only log this and what is more severe (default: %(default)s)",
    )
    parser.add_argument(
        "--log.format",
        dest="log_format",
        choices=("logfmt", "json"),
        default="logfmt",
        help="form of a log line (default: %(default)s)",
    )


def load_or_exit(path: Path, *, code: int = 1) -> Config:
    """The configuration; every mistake on a line of its own on stderr, and the exit code, when there is none."""
    from exporter.config import ConfigError, load

    try:
        return load(path)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(code)


def utc_now() -> datetime:
    return datetime.now(UTC)


def run_to_the_end(main: Coroutine[Any, Any, int]) -> NoReturn:
    """Run `main` and leave with its code, at once.

    Not asyncio.run: it would wait for a resolver's thread that got stuck, and so would the interpreter's own exit.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    code = loop.run_until_complete(main)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
