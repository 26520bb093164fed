"""`check`: one poll of every account, a table, and an exit code that Nagios and cron understand."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING

from exporter.cli.shared import add_config_flag, add_log_flags, load_or_exit, run_to_the_end, utc_now
from exporter.model import State

if TYPE_CHECKING:
    import argparse

    from exporter.app import House
    from exporter.model import Report

OK, UNKNOWN, MISSED, COULD_NOT_ASK = range(4)
_WORDS = {OK: "OK", UNKNOWN: "WARNING", MISSED: "CRITICAL", COULD_NOT_ASK: "UNKNOWN"}


def add_flags(parser: argparse.ArgumentParser) -> None:
    add_config_flag(parser)
    add_log_flags(parser, level="error")
    parser.usage_exit = COULD_NOT_ASK  # type: ignore[attr-defined] # of our own parser class
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Exits 0 all well, 1 something unknown, 2 something missed, 3 could not ask; missed wins."""
    from exporter import app, logs

    logs.configure(level=options.log_level, form=options.log_format)
    config = load_or_exit(options.config_file, code=COULD_NOT_ASK)
    run_to_the_end(check(app.build(config, now=utc_now, host=socket.gethostname())))


async def check(house: House) -> int:
    """Poll once, print what came of it, and give the exit code."""
    from exporter.cli import table

    await asyncio.gather(*(poller.round() for poller in house.pollers))
    await house.aclose()
    report = house.report()
    code = verdict(report)
    silent = [f"account {each.name}: {each.last_reason}" for each in report.accounts if each.last_reason]
    sys.stdout.write(f"SCREENSHOTMAX {_WORDS[code]}: {'; '.join([table.count_states(report), *silent])}\n")
    if report.tasks:
        sys.stdout.write(f"{table.render(report)}\n")
    return code


def verdict(report: Report) -> int:
    """The exit code for a report after one poll."""
    states = {task.verdict.state for task in report.tasks}
    if State.MISSED in states:
        return MISSED
    if any(account.last_reason for account in report.accounts):
        return COULD_NOT_ASK
    return UNKNOWN if State.UNKNOWN in states else OK
