"""`serve`: the daemon."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

from exporter import __version__
from exporter.cli.shared import (
    DEFAULT_PORT,
    add_config_flag,
    add_log_flags,
    load_or_exit,
    run_to_the_end,
    utc_now,
)

if TYPE_CHECKING:
    import argparse


def add_flags(parser: argparse.ArgumentParser) -> None:
    add_config_flag(parser)
    parser.add_argument(
        "--web.listen-address",
        dest="listen_addresses",
        metavar="ADDRESS",
        action="append",
        help=f"address to listen on, :PORT for IPv4 and IPv6; repeatable (default: :{DEFAULT_PORT})",
    )
    parser.add_argument(
        "--web.telemetry-path",
        dest="telemetry_path",
        metavar="PATH",
        default="/metrics",
        help="path of the metrics (default: %(default)s)",
    )
    add_log_flags(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Exits 0 after a signal, 1 for a bad configuration or address, 2 for a bad path."""
    import structlog

    from exporter import app, logs, web

    logs.configure(level=options.log_level, form=options.log_format)
    log = structlog.get_logger()
    log.info("Starting screenshotmax_exporter", version=__version__, revision=app.REVISION)
    config = load_or_exit(options.config_file)
    log.info("Loaded config file", file=str(options.config_file), accounts=len(config.accounts))
    try:
        sockets = web.bind(options.listen_addresses or [f":{DEFAULT_PORT}"])
    except web.ListenError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    try:
        house = app.build(config, now=utc_now, host=socket.gethostname(), telemetry_path=options.telemetry_path)
    except ValueError as error:
        options.parser.error(str(error))
    run_to_the_end(app.serve(house, sockets))
