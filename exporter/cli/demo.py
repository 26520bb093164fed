"""`demo`: the simulator and the exporter together on loopback, with a table that moves."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Never

from exporter import app, logs, web
from exporter.cli import table
from exporter.cli.console import say
from exporter.cli.loading import leave
from exporter.cli.running import run_to_the_end, utc_now
from exporter.cli.simulate import ACCESS_KEY, build_world
from exporter.config import parse
from exporter.simulator.app import build_simulator
from exporter.simulator.fleets import STOPPING_TASK_ID

if TYPE_CHECKING:
    import argparse
    from socket import socket

    from exporter.app import House
    from exporter.model import Report

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
_REDRAW_SECONDS = 1.0
_TOP, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_ALL = f"{_TOP}{_REST_OF_SCREEN}"


def run(options: argparse.Namespace) -> int:
    """Exits 0 after a signal, 1 when an address is taken."""
    logs.configure(level=options.log_level, form=options.log_format)
    try:
        sockets = web.bind([options.exporter_address, options.simulator_address])
    except web.ListenError as error:
        advice = "choose others with --web.listen-address and --simulator.listen-address"
        leave(web.ListenError(f"{error}; {advice}"), options)
    return run_to_the_end(_play(*sockets))


async def _play(exporter_socket: socket, simulator_socket: socket) -> int:
    simulator = web.Server(build_simulator(build_world(), control=True), [simulator_socket], date_header=False)
    text = _CONFIG.format(url=simulator.urls[0], key=ACCESS_KEY, stopping=STOPPING_TASK_ID)
    house = app.build(parse(text, name="demo", directory=Path()), now=utc_now, host="demo")
    exporter = web.Server(house.web, [exporter_socket], on_refused=house.refusals.add)
    loops = {**house.loops(), "table": show(house, _greeting(exporter.urls[0], simulator.urls[0]))}
    return await app.live_or_die(servers={"exporter": exporter, "simulator": simulator}, loops=loops)


def _greeting(exporter: str, simulator: str) -> str:
    return (
        f"ScreenshotMAX exporter, demo: a pretend API, polled every 5 s. Ctrl-C ends it.\n"
        f"  status page   {exporter}/\n  metrics       {exporter}/metrics\n"
        f"  JSON          {exporter}/api/v1/tasks\n  pretend API   {simulator}/v1/tasks?access_key={ACCESS_KEY}\n"
    )


async def show(house: House, greeting: str) -> Never:
    """The table, again and again on a terminal; elsewhere only when a state or a count of runs has changed."""
    terminal = sys.stdout.isatty()
    say(_ALL if terminal else greeting)
    shown: list[object] = []
    while True:
        report = house.report()
        if terminal:
            say(_redrawn(greeting + _moment(report)))
        elif (news := _news(report)) != shown:
            say(_moment(report))
            shown = news
        await asyncio.sleep(_REDRAW_SECONDS)


def _news(report: Report) -> list[object]:
    return [(task.task_id, task.verdict.state, task.task and task.task.runs) for task in report.tasks]


def _moment(report: Report) -> str:
    head = f"\n{report.at:%H:%M:%S} UTC  {table.count_states(report)}\n"
    return f"{head}{table.render(report, table.look())}\n" if report.tasks else head


def _redrawn(text: str) -> str:
    """The text over what was there, without the flicker of clearing first, and no more of it than there is room for."""
    columns, rows = shutil.get_terminal_size()
    lines = [line if line.startswith("\x1b") else line[:columns] for line in text.splitlines()[: rows - 1]]
    return f"{_TOP}{''.join(f'{line}{_REST_OF_LINE}{chr(10)}' for line in lines)}{_REST_OF_SCREEN}"
