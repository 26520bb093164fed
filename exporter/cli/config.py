"""`config check` and `config schema`: neither touches the network."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from exporter.cli.shared import add_config_flag, load_or_exit

if TYPE_CHECKING:
    import argparse


def add_flags(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    check = verbs.add_parser("check", help="validate a file; exit 0 or 1", allow_abbrev=False)
    add_config_flag(check)
    check.set_defaults(run=run_check, parser=check)
    schema = verbs.add_parser("schema", help="print the JSON Schema of the file", allow_abbrev=False)
    schema.set_defaults(run=run_schema, parser=schema)


def run_check(options: argparse.Namespace) -> int:
    config = load_or_exit(options.config_file)
    names = ", ".join(account.name for account in config.accounts)
    sys.stdout.write(f"{options.config_file}: valid, {len(config.accounts)} account(s): {names}\n")
    return 0


def run_schema(_options: argparse.Namespace) -> int:
    from exporter.config import json_schema

    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
    return 0
