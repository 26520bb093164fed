"""`simulate`: the pretend Task API alone, for trying configurations, alerts and other clients."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.cli.shared import SIMULATOR_PORT, add_log_flags, run_to_the_end, utc_now

if TYPE_CHECKING:
    import argparse

    from exporter.simulator.world import World

ACCESS_KEY = "simulated-key"


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--web.listen-address",
        dest="listen_addresses",
        metavar="ADDRESS",
        action="append",
        help=f"address to listen on; repeatable (default: 127.0.0.1:{SIMULATOR_PORT})",
    )
    parser.add_argument(
        "--simulator.tasks",
        dest="tasks",
        metavar="N",
        type=int,
        help="so many tasks with mixed schedules, instead of the small fleet in every state",
    )
    parser.add_argument(
        "--simulator.speed",
        dest="speed",
        metavar="FACTOR",
        type=float,
        default=1.0,
        help="how fast its clock goes; other than 1 an exporter with a real clock sees clock skew (default: 1)",
    )
    parser.add_argument(
        "--simulator.rate-limit",
        dest="rate_limit",
        metavar="N",
        type=int,
        help="requests a minute before it answers 429 (default: no limit)",
    )
    parser.add_argument(
        "--simulator.control",
        dest="control",
        action="store_true",
        help="offer /_control, by which faults are switched on and off; for loopback only",
    )
    parser.add_argument("--simulator.tls-cert", dest="tls_cert", metavar="FILE", type=Path, help="serve HTTPS")
    parser.add_argument("--simulator.tls-key", dest="tls_key", metavar="FILE", type=Path, help="key of the certificate")
    add_log_flags(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Exits 0 after a signal, 1 when it cannot listen."""
    import ssl

    from exporter import app, logs, web
    from exporter.simulator.app import build_simulator

    logs.configure(level=options.log_level, form=options.log_format)
    context = None
    try:
        if options.tls_cert:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(options.tls_cert, options.tls_key)
        sockets = web.bind(options.listen_addresses or [f"127.0.0.1:{SIMULATOR_PORT}"])
    except (web.ListenError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    world = build_world(tasks=options.tasks, speed=options.speed, rate_limit=options.rate_limit)
    server = web.Server(build_simulator(world, control=options.control), sockets, ssl_context=context, date_header=False)
    sys.stdout.write(f"Task API at {' '.join(server.urls)} with the access key {ACCESS_KEY}\n")
    sys.stdout.flush()
    run_to_the_end(app.live_or_die(servers={"simulator": server}, loops={}))


def build_world(*, tasks: int | None = None, speed: float = 1.0, rate_limit: int | None = None) -> World:
    """One account with the demo's fleet, or with `tasks` tasks."""
    from exporter.simulator import fleets, world

    now = utc_now()
    clock = utc_now if speed == 1 else world.sped_up_clock(start=now, speed=speed)
    built = world.World(clock=clock)
    limit = None if rate_limit is None else world.RateLimit(per_minute=rate_limit)
    fleet = fleets.demo_fleet(now) if tasks is None else fleets.big_fleet(tasks, seed=1, now=now)
    built.add_account(world.Account(name="main", access_key=ACCESS_KEY, rate_limit=limit), fleet)
    return built
