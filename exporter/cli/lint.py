"""`lint`: what is questionable about the live tasks, or about those of a saved List Tasks answer."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from exporter import app, logs
from exporter.cli.check import silent
from exporter.cli.console import say
from exporter.cli.findings import render_json, render_text
from exporter.cli.loading import leave, load_or_exit
from exporter.cli.parser import COULD_NOT_ASK
from exporter.cli.running import run_to_the_end, utc_now
from exporter.cli.storage import read_ledger_or_exit
from exporter.client.listing import read_list
from exporter.config import Account, Api, UnreadableError, read_file
from exporter.lint import Severity, lint
from exporter.model import Policy, PollError, Problem
from exporter.schedule import Schedules

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from exporter.app import House
    from exporter.config import Config
    from exporter.lint import Finding
    from exporter.model import Report, Task, TaskList

CLEAN, FOUND = range(2)
_STDIN = Path("-")
_FORMS: Mapping[str, Callable[[Seen, Sequence[Finding]], str]] = {
    "text": lambda seen, found: render_text(found, tasks=sum(map(len, seen.tasks.values()))),
    "json": lambda _, found: render_json(found),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """The tasks by account, how lenient to be with them, and what was to be read as well and could not be."""

    tasks: Mapping[str, Sequence[Task]]
    policies: Mapping[str, Callable[[str], Policy]]
    unseen: tuple[str, ...] = ()
    observed_since: Mapping[tuple[str, str], datetime] = dataclasses.field(default_factory=dict)


class _UnreadableError(Exception):
    """A file without tasks; the text is one sentence."""


def run(options: argparse.Namespace) -> int:
    """Exits 0 clean, 1 for a warning, 3 when not everything could be asked or read."""
    secrets = logs.configure(level=options.log_level, form=options.log_format)
    if options.tasks is None:
        config, entries = _configured(options), read_ledger_or_exit(options)
        house = app.build(config, now=utc_now, host=socket.gethostname(), entries=entries, note=secrets.note)
        return run_to_the_end(lint_live(house, config, form=options.form), failed=options.failed)
    account = _account(options)
    try:
        return tell(_saved(options.tasks, account), form=options.form, now=utc_now())
    except _UnreadableError as error:
        leave(error, options)


async def lint_live(house: House, config: Config, *, form: str) -> int:
    """Poll once, print what is found in the tasks, and give the exit code."""
    try:
        await asyncio.gather(*(poller.round() for poller in house.pollers))
    finally:
        await house.aclose()
    report = house.report()
    policies = {account.name: account.policy for account in config.accounts}
    tasks: dict[str, list[Task]] = {name: [] for name in policies}
    for known in report.tasks:
        tasks[known.account] += [known.task] if known.task else []
    since = {(each.account, each.task_id): each.observed_since_at for each in report.tasks if each.observed_since_at}
    return tell(Seen(tasks, policies, tuple(_unseen(report)), since), form=form, now=report.at)


def tell(seen: Seen, *, form: str, now: datetime) -> int:
    """Print what is found, as `text` or `json`, and on stderr what is not known; the exit code."""
    found = lint(seen.tasks, schedules=Schedules(), policies=seen.policies, now=now, observed_since=seen.observed_since)
    for sentence in seen.unseen:
        sys.stderr.write(f"{sentence}\n")
    if not say(_FORMS[form](seen, found)) or seen.unseen:
        return COULD_NOT_ASK
    return FOUND if any(one.severity is Severity.WARNING for one in found) else CLEAN


def _unseen(report: Report) -> list[str]:
    strange = (known for known in report.tasks if Problem.NOT_FOUND in known.verdict.problems)
    return [
        *silent(report),
        *(f"account {each.name}: {each.dropped} tasks beyond max_tasks" for each in report.accounts if each.dropped),
        *(f"account {known.account}: the API does not know the id {known.task_id}" for known in strange),
    ]


def _configured(options: argparse.Namespace) -> Config:
    """The configuration, with the account that was asked for only, if one was."""
    options.config_file = options.config_file or Path("config.yaml")
    config = load_or_exit(options)
    if options.account is None:
        return config
    accounts = tuple(account for account in config.accounts if account.name == options.account)
    if not accounts:
        names = ", ".join(account.name for account in config.accounts)
        options.parser.error(f"argument --account: found {options.account!r}, expected one of {names}")
    return dataclasses.replace(config, accounts=accounts)


def _account(options: argparse.Namespace) -> Account | None:
    """Whose tolerances count for a file; None: nobody's."""
    if options.storage_path is not None:
        options.parser.error("argument --storage.path: found --tasks too, expected one of them")
    if options.config_file is None:
        if options.account is not None:
            options.parser.error("argument --account: expected --config.file too")
        return None
    accounts = _configured(options).accounts
    if len(accounts) > 1:
        options.parser.error(f"argument --tasks: found {len(accounts)} accounts, expected --account to choose one")
    return accounts[0]


def _saved(path: Path, account: Account | None) -> Seen:
    """Raises _UnreadableError."""
    name = "standard input" if path == _STDIN else repr(str(path))
    most = (Api() if account is None else account.api).max_list_bytes
    listed = _parsed(_content(path, name, most=most), name)
    unseen = f"{name}: found elements without a usable id ({listed.unreadable}), expected tasks only"
    label, policy = ("", _automatic) if account is None else (account.name, account.policy)
    return Seen({label: listed.tasks}, {label: policy}, (unseen,) if listed.unreadable else ())


def _automatic(_task_id: str) -> Policy:
    return Policy(stale_after=timedelta.max)


def _parsed(body: bytes, name: str) -> TaskList:
    try:
        return read_list(body)
    except PollError as error:
        raise _UnreadableError(f"{name}: {error.detail}; it must be a List Tasks answer as it was received") from None


def _content(path: Path, name: str, *, most: int) -> bytes:
    try:
        body = sys.stdin.buffer.read(most + 1) if path == _STDIN else read_file(path, most=most)
    except UnreadableError as error:
        raise _UnreadableError(f"{name}: found {error}, expected a List Tasks answer") from None
    except (OSError, ValueError):
        raise _UnreadableError(f"{name}: found a file that cannot be read, expected a List Tasks answer") from None
    if len(body) > most:
        raise _UnreadableError(f"{name}: found more than {most} bytes, expected a List Tasks answer")
    return body
