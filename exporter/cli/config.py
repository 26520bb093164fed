"""`config check` and `config schema`: neither touches the network."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING

from exporter.cli.console import say
from exporter.config import ConfigError, json_schema, load, load_web
from exporter.model import PollError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.config import Account, Config


def run_check(options: argparse.Namespace) -> int:
    """Exits 0 when each file is valid, else with 1 and every mistake of all of them on a line of its own on stderr."""
    code = 0
    for line, is_valid in _verdicts(options):
        if not is_valid:
            sys.stderr.write(line)
        if not is_valid or not say(line):
            code = 1
    return code


def run_schema(_options: argparse.Namespace) -> int:
    """Exits 0, or 1 when it could not be written."""
    return 0 if say(json.dumps(json_schema(), indent=2) + "\n") else 1


def _verdicts(options: argparse.Namespace) -> Iterator[tuple[str, bool]]:
    yield _of_config(options.config_file, with_keys=options.with_keys)
    if options.web_config_file is not None:
        yield _of_web(options.web_config_file)


def _of_config(path: Path, *, with_keys: bool) -> tuple[str, bool]:
    try:
        config = load(path)
        if with_keys:
            _read_keys(config)
    except ConfigError as error:
        return f"{error}\n", False
    names = ", ".join(account.name for account in config.accounts)
    noun = "account" if len(config.accounts) == 1 else "accounts"
    read = ", keys read" if with_keys else ""
    return f"{path}: valid, {len(config.accounts)} {noun}: {names}{read}\n", True


def _read_keys(config: Config) -> None:
    """Read what every poll reads anew. Raises ConfigError with all that cannot be used."""
    faults = (f"account {account.name}: {fault}" for account in config.accounts for fault in _faults(account))
    problems = tuple(f"{config.name}: {fault}" for fault in faults)
    if problems:
        raise ConfigError(problems)


def _faults(account: Account) -> Iterator[str]:
    from exporter.client import KeySource  # noqa: PLC0415 - the client costs time, which most runs need not pay
    from exporter.client.transport import build_transport  # noqa: PLC0415 - the same

    for read in (KeySource(account).read, partial(build_transport, account.api)):
        try:
            read()
        except PollError as error:
            yield error.detail


def _of_web(path: Path) -> tuple[str, bool]:
    """Of the web configuration and the files that it names."""
    from exporter.web.tls import TlsError, build_context  # noqa: PLC0415 - the web costs time, which most runs need not pay

    try:
        web = load_web(path)
        if web.tls is not None:
            build_context(web.tls)
    except ConfigError as error:
        return f"{error}\n", False
    except TlsError as error:
        return f"{path}: {error}\n", False
    protection = f"TLS {'on' if web.tls else 'off'}, basic auth {'on' if web.users else 'off'}"
    return f"{path}: valid, {protection}\n", True
