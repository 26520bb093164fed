"""`check`: one poll of every account, a table, and an exit code that Nagios and cron understand."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from exporter import app, logs
from exporter.cli import table
from exporter.cli.console import say
from exporter.cli.loading import load_or_exit
from exporter.cli.parser import COULD_NOT_ASK
from exporter.cli.running import run_to_the_end, utc_now
from exporter.cli.storage import read_ledger_or_exit
from exporter.model import Reason, State
from exporter.web.words import REASON_WORDS, TELLING

if TYPE_CHECKING:
    import argparse

    from exporter.app import House
    from exporter.model import AccountReport, Report

OK, UNKNOWN, MISSED = range(3)
_WORDS = {OK: "OK", UNKNOWN: "WARNING", MISSED: "CRITICAL", COULD_NOT_ASK: "UNKNOWN"}


def run(options: argparse.Namespace) -> int:
    """Exits 0 all well, 1 something unknown, 2 something missed, 3 could not ask; missed wins."""
    secrets = logs.configure(level=options.log_level, form=options.log_format)
    config, entries = load_or_exit(options), read_ledger_or_exit(options)
    house = app.build(config, now=utc_now, host=socket.gethostname(), entries=entries, note=secrets.note)
    return run_to_the_end(check(house), failed=options.failed)


async def check(house: House) -> int:
    """Poll once, print what came of it, and give the exit code."""
    try:
        await asyncio.gather(*(poller.round() for poller in house.pollers))
    finally:
        await house.aclose()
    report = house.report()
    code = verdict(report)
    say(f"SCREENSHOTMAX {_WORDS[code]}: {'; '.join([table.count_states(report), *silent(report)])}\n")
    if report.tasks:
        say(f"{table.render(report, table.look())}\n")
    return code


def verdict(report: Report) -> int:
    """The exit code for a report after one poll."""
    states = {task.verdict.state for task in report.tasks}
    if State.MISSED in states:
        return MISSED
    if any(_failures(account) for account in report.accounts):
        return COULD_NOT_ASK
    return UNKNOWN if State.UNKNOWN in states else OK


def silent(report: Report) -> list[str]:
    """The accounts that could not be asked, or not for all their tasks, and why."""
    return [f"account {account.name}: {_words(account)}" for account in report.accounts if _failures(account)]


def _failures(account: AccountReport) -> list[Reason]:
    """Why polls of the account failed. A 404 for one id is an answer, and that task's own trouble."""
    failed = dict.fromkeys(reason for reason in account.failures if reason is not Reason.HTTP_404)
    return list(failed if account.last_reason is None else failed | {account.last_reason: None})


def _words(account: AccountReport) -> str:
    words = (REASON_WORDS[reason] for reason in _failures(account))
    detail = f" ({account.last_detail})" if account.last_reason in TELLING else ""
    return ", ".join(f"{text[0].lower()}{text[1:]}" for text in words) + detail
