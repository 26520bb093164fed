"""`serve`: the daemon."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import structlog

from exporter import BRANCH, REVISION, __version__, app, logs, web
from exporter.cli.loading import leave, load_or_exit
from exporter.cli.parser import DEFAULT_PORT
from exporter.cli.running import run_to_the_end, utc_now
from exporter.cli.storage import open_ledger_or_exit
from exporter.schedule import zones_version
from exporter.store import LedgerError

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Exits 0 after a signal, 1 for a bad configuration, ledger or address, 2 for a bad path."""
    logs.configure(level=options.log_level, form=options.log_format)
    log = structlog.get_logger()
    log.info(
        "Starting screenshotmax_exporter",
        version=__version__,
        branch=BRANCH,
        revision=REVISION,
        zones=zones_version(),
    )
    config = load_or_exit(options)
    log.info("Loaded config file", file=str(options.config_file), accounts=len(config.accounts))
    ledger_file = open_ledger_or_exit(options, now=utc_now)
    try:
        house = app.build(
            config,
            now=utc_now,
            host=socket.gethostname(),
            telemetry_path=options.telemetry_path,
            ledger_file=ledger_file,
        )
        sockets = web.bind(options.listen_addresses or [f":{DEFAULT_PORT}"])
    except ValueError as error:
        options.parser.error(str(error))
    except (LedgerError, web.ListenError) as error:
        leave(error, options)
    return run_to_the_end(app.serve(house, sockets))
