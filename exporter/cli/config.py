"""`config check` and `config schema`: neither touches the network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from exporter.cli.console import say
from exporter.cli.loading import load_or_exit
from exporter.config import json_schema

if TYPE_CHECKING:
    import argparse


def run_check(options: argparse.Namespace) -> int:
    """Exits 0 for a valid file, else 1 with every mistake on a line of its own on stderr."""
    config = load_or_exit(options)
    names = ", ".join(account.name for account in config.accounts)
    noun = "account" if len(config.accounts) == 1 else "accounts"
    return 0 if say(f"{options.config_file}: valid, {len(config.accounts)} {noun}: {names}\n") else 1


def run_schema(_options: argparse.Namespace) -> int:
    """Exits 0, or 1 when it could not be written."""
    return 0 if say(json.dumps(json_schema(), indent=2) + "\n") else 1
