"""`demo`: the simulator and the exporter together on loopback, with a table that moves."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Never

from exporter.cli.shared import DEFAULT_PORT, SIMULATOR_PORT, add_log_flags, run_to_the_end, utc_now
from exporter.cli.simulate import ACCESS_KEY, build_world

if TYPE_CHECKING:
    import argparse

    from exporter.app import House

_CONFIG = """
api: {{base_url: "{url}"}}
poll: {{interval: 5s, stale_after: 30s}}
accounts:
  - name: demo
    access_key: {key}
    tasks: all
    overrides:
      - {{id: {stopping}, grace: 30s}}
"""
_REDRAW_SECONDS = 2.0
_CLEAR = "\x1b[H\x1b[J"


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--web.listen-address",
        dest="listen_address",
        metavar="ADDRESS",
        default=f"127.0.0.1:{DEFAULT_PORT}",
        help="address of the exporter (default: %(default)s)",
    )
    parser.add_argument(
        "--simulator.listen-address",
        dest="simulator_address",
        metavar="ADDRESS",
        default=f"127.0.0.1:{SIMULATOR_PORT}",
        help="address of the simulator (default: %(default)s)",
    )
    add_log_flags(parser, level="error")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Exits 0 after a signal, 1 when an address is taken."""
    from exporter import app, logs, web
    from exporter.config import parse
    from exporter.simulator.app import build_simulator
    from exporter.simulator.fleets import STOPPING_TASK_ID

    logs.configure(level=options.log_level, form=options.log_format)
    try:
        sockets = web.bind([options.listen_address, options.simulator_address])
    except web.ListenError as error:
        sys.stderr.write(f"{error}; choose others with --web.listen-address and --simulator.listen-address\n")
        return 1
    simulator = web.Server(build_simulator(build_world(), control=True), sockets[1:], date_header=False)
    text = _CONFIG.format(url=simulator.urls[0], key=ACCESS_KEY, stopping=STOPPING_TASK_ID)
    house = app.build(parse(text, name="demo", directory=Path()), now=utc_now, host="demo")
    exporter = web.Server(house.web, sockets[:1])
    loops = {**app.polling(house), "table": show(house, _greeting(exporter.urls[0], simulator.urls[0]))}
    run_to_the_end(app.live_or_die(servers={"exporter": exporter, "simulator": simulator}, loops=loops))


def _greeting(exporter: str, simulator: str) -> str:
    return (
        f"ScreenshotMAX exporter, demo: a pretend API and the exporter that polls it every 5 s. Ctrl-C ends it.\n"
        f"  status page   {exporter}/\n  metrics       {exporter}/metrics\n"
        f"  JSON          {exporter}/api/v1/tasks\n  pretend API   {simulator}/v1/tasks?access_key={ACCESS_KEY}\n"
    )


async def show(house: House, greeting: str) -> Never:
    """The table, again and again on a terminal; elsewhere only when a state or a count of runs has changed."""
    from exporter.cli import table

    terminal = sys.stdout.isatty()
    if not terminal:
        sys.stdout.write(greeting)
    shown = None
    while True:
        report = house.report()
        news = [(task.task_id, task.verdict.state, task.task and task.task.runs) for task in report.tasks]
        if (terminal or news != shown) and report.tasks:
            head = f"{_CLEAR}{greeting}" if terminal else ""
            sys.stdout.write(f"{head}\n{report.at:%H:%M:%S} UTC  {table.count_states(report)}\n{table.render(report)}\n")
        sys.stdout.flush()
        shown = news
        await asyncio.sleep(_REDRAW_SECONDS)
