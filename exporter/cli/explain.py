"""`explain`: why one task has its verdict, from one poll of that task alone."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import socket
import sys
from typing import TYPE_CHECKING

from exporter import app, logs
from exporter.cli.check import silent
from exporter.cli.console import say
from exporter.cli.loading import load_or_exit
from exporter.cli.parser import COULD_NOT_ASK
from exporter.cli.running import run_to_the_end, utc_now
from exporter.cli.storage import read_ledger_or_exit
from exporter.model import Problem
from exporter.web.listing import explained
from exporter.web.story import render_text, tell

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from exporter.app import House
    from exporter.config import Account, Config
    from exporter.explain import Explanation
    from exporter.model import Report, TaskReport

EXPLAINED = 0
_WANTED = re.compile(r"(?:([^/]+)/)?([0-9]{1,20})", re.ASCII)
_FORMS: Mapping[str, Callable[[Explanation], str]] = {
    "text": lambda known: render_text(tell(known)),
    "json": lambda known: json.dumps(explained(known), indent=2, ensure_ascii=False) + "\n",
}


class AskingError(Exception):
    """A task that cannot be asked for; the text is one sentence."""


def run(options: argparse.Namespace) -> int:
    """Exits 0 when explained, 3 when it could not ask, or for which account is not clear."""
    secrets = logs.configure(level=options.log_level, form=options.log_format)
    try:
        config = narrow(load_or_exit(options), options.task)
    except AskingError as error:
        options.parser.error(f"argument [ACCOUNT/]TASK_ID: {error}")
    entries = read_ledger_or_exit(options)
    house = app.build(config, now=utc_now, host=socket.gethostname(), entries=entries, note=secrets.note)
    return run_to_the_end(explain(house, form=options.form), failed=options.failed)


async def explain(house: House, *, form: str) -> int:
    """Poll once, print why the one task has its verdict, and give the exit code."""
    try:
        await asyncio.gather(*(poller.round() for poller in house.pollers))
    finally:
        await house.aclose()
    report = house.report()
    (known,) = report.tasks
    if known.task is None:
        sys.stderr.write(f"{_unasked(report, known)}\n")
        return COULD_NOT_ASK
    return EXPLAINED if say(_FORMS[form](house.explain(report, known))) else COULD_NOT_ASK


def narrow(config: Config, wanted: str) -> Config:
    """The configuration cut down to Get Task of `[ACCOUNT/]TASK_ID`. Raises AskingError."""
    found = _WANTED.fullmatch(wanted)
    if found is None:
        raise AskingError(f"found {wanted!r}, expected TASK_ID or ACCOUNT/TASK_ID, the id of 1 to 20 digits")
    task_id = str(int(found[2]))
    account = _account(config, found[1], task_id)
    poll = dataclasses.replace(account.poll, fetch="each")
    only = dataclasses.replace(account, tasks=(task_id,), exclude=frozenset(), poll=poll)
    return dataclasses.replace(config, accounts=(only,))


def _account(config: Config, name: str | None, task_id: str) -> Account:
    """The account of that name; without one, the only one that may hold the task."""
    names = ", ".join(account.name for account in config.accounts)
    if name is not None:
        for account in config.accounts:
            if account.name == name:
                return account
        raise AskingError(f"found account {name!r}, expected one of {names}")
    holders = [account for account in config.accounts if _watches(account, task_id)] or list(config.accounts)
    if len(holders) > 1:
        forms = " or ".join(f"{account.name}/{task_id}" for account in holders)
        raise AskingError(f"found {task_id!r}, which {len(holders)} accounts may hold, expected {forms}")
    return holders[0]


def _watches(account: Account, task_id: str) -> bool:
    return task_id not in account.exclude if account.tasks == "all" else task_id in account.tasks


def _unasked(report: Report, known: TaskReport) -> str:
    if Problem.NOT_FOUND in known.verdict.problems:
        return f"account {known.account}: the API does not know the id {known.task_id}"
    return "; ".join(silent(report)) or f"account {known.account}: nothing was learnt of the task {known.task_id}"
