"""`simulate`: the pretend Task API alone, for trying configurations, alerts and other clients."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from exporter import app, logs, web
from exporter.cli.console import say
from exporter.cli.loading import leave
from exporter.cli.parser import SIMULATOR_PORT
from exporter.cli.running import run_to_the_end, utc_now
from exporter.simulator import fleets, world
from exporter.simulator.app import build_simulator

if TYPE_CHECKING:
    import argparse

ACCESS_KEY = "simulated-key"


def run(options: argparse.Namespace) -> int:
    """Exits 0 after a signal, 1 when it cannot listen or use its certificate, 2 for a key without a certificate."""
    logs.configure(level=options.log_level, form=options.log_format)
    if options.tls_key and not options.tls_cert:
        options.parser.error("argument --simulator.tls-key: expected --simulator.tls-cert too")
    try:
        context = _tls(options)
        sockets = web.bind(options.listen_addresses or [f"127.0.0.1:{SIMULATOR_PORT}"])
    except (web.ListenError, ValueError) as error:
        leave(error, options)
    pretended = build_world(tasks=options.tasks, speed=options.speed, rate_limit=options.rate_limit)
    simulator = build_simulator(pretended, control=options.control)
    server = web.Server(simulator, sockets, ssl_context=context, date_header=False)
    say(f"Task API at {' '.join(server.urls)} with the access key {ACCESS_KEY}\n")
    return run_to_the_end(app.live_or_die(servers={"simulator": server}, loops={}))


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    """Raises ValueError for a certificate that cannot be used."""
    if options.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(options.tls_cert, options.tls_key)
    except OSError as error:
        fault = (
            "found no certificate and key that belong together" if isinstance(error, ssl.SSLError) else error.strerror
        )
        raise ValueError(f"--simulator.tls-cert {options.tls_cert}: {fault}") from error
    return context


def build_world(*, tasks: int | None = None, speed: float = 1.0, rate_limit: int | None = None) -> world.World:
    """One account with the demo's fleet, or with `tasks` tasks."""
    now = utc_now()
    clock = utc_now if speed == 1 else world.sped_up_clock(start=now, speed=speed)
    built = world.World(clock=clock)
    limit = None if rate_limit is None else world.RateLimit(per_minute=rate_limit)
    fleet = fleets.demo_fleet(now) if tasks is None else fleets.big_fleet(tasks, seed=1, now=now)
    built.add_account(world.Account(name="main", access_key=ACCESS_KEY, rate_limit=limit), fleet)
    return built
