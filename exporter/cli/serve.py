"""`serve`: the daemon."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter import BRANCH, REVISION, __version__, app, logs, web
from exporter.cli.console import raise_file_limit
from exporter.cli.loading import leave
from exporter.cli.parser import DEFAULT_PORT
from exporter.cli.running import run_to_the_end, utc_now
from exporter.cli.sharding import find_shard
from exporter.cli.storage import open_ledger_or_exit
from exporter.config import ConfigError, ConfigFile
from exporter.schedule import zones_version
from exporter.store import LedgerError

if TYPE_CHECKING:
    import argparse

    from exporter.model import Shard

_M_MMAP_THRESHOLD, _LARGE_BLOCK = -3, 128 * 1024  # malloc.h: its first value, which any other call keeps as it is
_MOST_FILES = 65_536
_FEWEST_FILES = 1_024  # 256 connections and 64 handshakes, and 4 requests of each account


def run(options: argparse.Namespace) -> int:
    """Exits 0 after a signal, 1 for a bad configuration, ledger or address, 2 for a bad path or shard."""
    secrets = logs.configure(level=options.log_level, form=options.log_format)
    log = structlog.get_logger()
    log.info("Starting screenshotmax_exporter", version=__version__, branch=BRANCH, revision=REVISION)
    log.info("Build context", python=platform.python_version(), platform=sys.platform, zones=zones_version())
    _make_room_for_files()
    _give_back_large_blocks()
    place, shard = _placed(options)
    try:
        house = _build(options, place, shard, secrets)
        server = _listen(options, house, place)
    except (ConfigError, LedgerError, web.ListenError, web.TlsError) as error:
        leave(error, options)
    gc.collect()
    gc.freeze()  # what stays for life, some 60,000 objects, need not be looked through again and again
    return run_to_the_end(app.serve(house, server), on_bug=partial(house.store.record_internal_error, "other"))


def _make_room_for_files() -> None:
    """Not all systems let a process open as many as it may have without being asked."""
    limit = raise_file_limit(_MOST_FILES)
    if limit < _FEWEST_FILES:
        structlog.get_logger().warning(
            "Few files may be open at once; clients and polls may find no room", limit=limit, expected=_FEWEST_FILES
        )


def _give_back_large_blocks() -> None:
    """What a large answer took goes back to the system, each time. Else glibc keeps ever larger blocks for the next."""
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if adjust is not None:
        adjust(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


def _placed(options: argparse.Namespace) -> tuple[web.Place, Shard]:
    """What the flags say of where we are and for which tasks; leaves where they cannot be."""
    try:
        place = web.locate(external_url=options.external_url, route_prefix=options.route_prefix)
        shard = find_shard(options, environment=os.environ, host=socket.gethostname())
    except ValueError as error:
        options.parser.error(str(error))
    return place, shard


def _build(options: argparse.Namespace, place: web.Place, shard: Shard, secrets: logs.Secrets) -> app.House:
    """Raises ConfigError and LedgerError; leaves for a telemetry path that is not one."""
    file = ConfigFile(options.config_file)
    content = file.read()
    config = file.parse(content)
    structlog.get_logger().info("Loaded config file", file=str(options.config_file), accounts=len(config.accounts))
    if shard.total > 1:
        structlog.get_logger().info("Sharing the tasks", shard=shard.ordinal, total_shards=shard.total)
    ledger_file = open_ledger_or_exit(options, now=utc_now)
    reloading = app.Reloading(
        file=file,
        content=content,
        watch_every=options.auto_reload_interval if options.auto_reload else None,
        by_request=options.enable_lifecycle,
    )
    try:
        house = app.build(
            config,
            now=utc_now,
            host=socket.gethostname(),
            telemetry_path=options.telemetry_path,
            place=place,
            ledger_file=ledger_file,
            reloading=reloading,
            shard=shard,
            note=secrets.note,
        )
    except ValueError as error:
        options.parser.error(str(error))
    return house


def _listen(options: argparse.Namespace, house: app.House, place: web.Place) -> web.Server:
    """Raises ListenError, and ConfigError or TlsError for a web config file that cannot be used."""
    web_file = web.WebFile(options.web_config_file) if options.web_config_file else None
    if options.systemd_socket:
        sockets = web.from_systemd(os.environ, pid=os.getpid())
    else:
        sockets = web.bind(options.listen_addresses or [f":{DEFAULT_PORT}"])
    server = web.Server(
        house.web, sockets, web_file=web_file, route_prefix=place.route_prefix, on_refused=house.refusals.add
    )
    log = structlog.get_logger()
    for address in server.addresses:
        log.info("Listening on", address=address)
        log.info("TLS is enabled." if server.tls else "TLS is disabled.", http2=False, address=address)
    return server
