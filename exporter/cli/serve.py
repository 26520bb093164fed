"""`serve`: the daemon."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

import structlog

from exporter import BRANCH, REVISION, __version__, app, logs, web
from exporter.cli.loading import load_or_exit
from exporter.cli.parser import DEFAULT_PORT
from exporter.cli.running import run_to_the_end, utc_now

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Exits 0 after a signal, 1 for a bad configuration or address, 2 for a bad path."""
    logs.configure(level=options.log_level, form=options.log_format)
    log = structlog.get_logger()
    log.info("Starting screenshotmax_exporter", version=__version__, branch=BRANCH, revision=REVISION)
    config = load_or_exit(options)
    log.info("Loaded config file", file=str(options.config_file), accounts=len(config.accounts))
    try:
        house = app.build(config, now=utc_now, host=socket.gethostname(), telemetry_path=options.telemetry_path)
    except ValueError as error:
        options.parser.error(str(error))
    try:
        sockets = web.bind(options.listen_addresses or [f":{DEFAULT_PORT}"])
    except web.ListenError as error:
        sys.stderr.write(f"{error}\n")
        return int(options.failed)
    return run_to_the_end(app.serve(house, sockets))
