"""The verbs with their flags, in Prometheus form. Nothing heavy is imported: help and bad flags take no time."""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path
from typing import Any, NoReturn

from exporter import BRANCH, REVISION, __version__
from exporter.cli import flags

DEFAULT_PORT = 10142
SIMULATOR_PORT = 10143
BAD_FLAGS = 2
COULD_NOT_ASK = 3


class Parser(argparse.ArgumentParser):
    """argparse with an exit code of the verb's choice for bad flags."""

    def __init__(self, *, usage_exit: int = BAD_FLAGS, **options: Any) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(allow_abbrev=False, formatter_class=formatter, **options)
        self._usage_exit = usage_exit

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(self._usage_exit, f"{self.prog}: error: {message}\n")


def build_parser() -> Parser:
    """All verbs with all their flags.

    Parsed options hold `run` (the function, as `module:name`), `parser` (the verb's), `failed` (its exit code when it
    cannot do its work) and `daemon`.
    """
    parser = Parser(
        prog="screenshotmax-exporter",
        description="Prometheus exporter that tells when a ScreenshotMAX scheduled task silently stops running.",
        epilog="An option in the place of VERB means serve. VERB --help shows a verb's flags with their defaults.",
    )
    _add_version(parser)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _add_serve(verbs)
    _add_demo(verbs)
    _add_simulate(verbs)
    _add_check(verbs)
    _add_explain(verbs)
    _add_lint(verbs)
    _add_healthcheck(verbs)
    _add_config(verbs)
    return parser


def _add_serve(verbs: argparse._SubParsersAction[Parser]) -> None:
    verb = _verb(verbs, "serve", "poll the accounts and serve /metrics; meant when an option comes first", daemon=True)
    _add_version(verb)
    flags.add_config_file(verb)
    flags.add_storage_path(verb, "file that the ledger is kept in over restarts (default: in memory only)")
    flags.add_reload_flags(verb)
    flags.add_web_flags(verb, port=DEFAULT_PORT)
    flags.add_shard_flags(verb)
    flags.add_log_flags(verb, level="info")


def _add_demo(verbs: argparse._SubParsersAction[Parser]) -> None:
    verb = _verb(verbs, "demo", "simulator and exporter on loopback: a small fleet in every state", daemon=True)
    for name, port, whose in (("web", DEFAULT_PORT, "exporter"), ("simulator", SIMULATOR_PORT, "simulator")):
        verb.add_argument(
            f"--{name}.listen-address",
            dest=f"{whose}_address",
            metavar="ADDRESS",
            default=f"127.0.0.1:{port}",
            help=f"address of the {whose} (default: %(default)s)",
        )
    flags.add_log_flags(verb, level="error")


def _add_simulate(verbs: argparse._SubParsersAction[Parser]) -> None:
    verb = _verb(verbs, "simulate", "the simulator alone: a stand-in for the Task API", daemon=True)
    verb.add_argument(
        "--web.listen-address",
        dest="listen_addresses",
        metavar="ADDRESS",
        action="append",
        help=f"address to listen on; repeatable (default: 127.0.0.1:{SIMULATOR_PORT})",
    )
    verb.add_argument(
        "--simulator.tasks",
        dest="tasks",
        metavar="N",
        type=flags.count,
        help="so many tasks with mixed schedules (default: a small fleet in every state)",
    )
    verb.add_argument(
        "--simulator.speed",
        dest="speed",
        metavar="FACTOR",
        type=flags.factor,
        default=1.0,
        help="how fast its clock goes; to an exporter, any other than 1 is clock skew (default: %(default)g)",
    )
    verb.add_argument(
        "--simulator.rate-limit",
        dest="rate_limit",
        metavar="N",
        type=flags.count,
        help="requests a minute before it answers 429 (default: no limit)",
    )
    verb.add_argument(
        "--simulator.control",
        dest="control",
        action="store_true",
        help="offer /_control, by which faults are switched on and off; for loopback only (default: not offered)",
    )
    verb.add_argument(
        "--simulator.tls-cert",
        dest="tls_cert",
        metavar="FILE",
        type=Path,
        help="serve HTTPS with this certificate (default: plain HTTP)",
    )
    verb.add_argument(
        "--simulator.tls-key",
        dest="tls_key",
        metavar="FILE",
        type=Path,
        help="key of the certificate (default: in the certificate's file)",
    )
    flags.add_log_flags(verb, level="info")


def _add_check(verbs: argparse._SubParsersAction[Parser]) -> None:
    does = "one poll, a table, an exit code for Nagios and cron"
    verb = _verb(verbs, "check", does, failed=COULD_NOT_ASK, usage_exit=COULD_NOT_ASK)
    verb.epilog = "Exits 0 all well, 1 something unknown, 2 something missed (wins over all), 3 could not ask."
    flags.add_config_file(verb)
    flags.add_storage_path(verb, "ledger of the daemon beside it, which is only read (default: none)")
    flags.add_log_flags(verb, level="error")


def _add_explain(verbs: argparse._SubParsersAction[Parser]) -> None:
    does = "why a task has its verdict: fire, deadline, evidence, tolerance, the rule that decided"
    verb = _verb(verbs, "explain", does, failed=COULD_NOT_ASK, usage_exit=COULD_NOT_ASK)
    verb.epilog = "Exits 0 when explained, 3 could not ask."
    verb.add_argument(
        "task",
        metavar="[ACCOUNT/]TASK_ID",
        help="the task; with its account where several may hold it (default: none)",
    )
    flags.add_config_file(verb)
    flags.add_storage_path(verb, "ledger of the daemon beside it, which is only read (default: none)")
    flags.add_format(verb)
    flags.add_log_flags(verb, level="error")


def _add_lint(verbs: argparse._SubParsersAction[Parser]) -> None:
    does = "what is questionable about the tasks and their schedules"
    verb = _verb(verbs, "lint", does, failed=COULD_NOT_ASK, usage_exit=COULD_NOT_ASK)
    verb.epilog = (
        "Exits 0 clean (infos are no findings), 1 for a warning, 3 when not everything could be asked or read."
    )
    verb.add_argument(
        "--config.file",
        dest="config_file",
        metavar="FILE",
        type=Path,
        help="configuration file; with --tasks, only its tolerances count (default: config.yaml, none with --tasks)",
    )
    verb.add_argument(
        "--tasks",
        dest="tasks",
        metavar="FILE",
        type=Path,
        help="read a saved List Tasks answer in place of polling; - is standard input (default: poll)",
    )
    verb.add_argument(
        "--account",
        dest="account",
        metavar="NAME",
        help="this account only; with --tasks, the one whose tolerances count (default: all)",
    )
    flags.add_storage_path(verb, "ledger of the daemon beside it, which is only read (default: none)")
    flags.add_format(verb)
    flags.add_log_flags(verb, level="error")


def _add_healthcheck(verbs: argparse._SubParsersAction[Parser]) -> None:
    verb = _verb(verbs, "healthcheck", "ask a running exporter whether it is healthy, or ready; exits 0 or 1")
    verb.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        help=f"address of the exporter (default: http://127.0.0.1:{DEFAULT_PORT})",
    )
    verb.add_argument(
        "--ready",
        dest="ready",
        action="store_true",
        help="ask whether every account has been polled, in place of whether it is healthy (default: off)",
    )
    verb.add_argument(
        "--metric",
        dest="metric",
        metavar="NAME",
        type=flags.metric_name,
        help="want a sample of this name among its metrics, too (default: none)",
    )
    flags.add_telemetry_path(verb, "path of the metrics, for --metric")
    flags.add_web_config_file(verb, "that the exporter was started with, for its TLS")


def _add_config(verbs: argparse._SubParsersAction[Parser]) -> None:
    does = "validate a configuration file, or print its JSON Schema"
    config = verbs.add_parser("config", help=does, description=_sentence(does))
    of_config = config.add_subparsers(title="verbs", metavar="VERB", required=True)
    checks = "validate a file without touching the network; exits 0 or 1"
    check = _verb(of_config, "check", checks, run="exporter.cli.config:run_check")
    flags.add_config_file(check)
    flags.add_web_config_file(check, "to validate too")
    check.add_argument(
        "--with-keys",
        dest="with_keys",
        action="store_true",
        help="read the access key and the ca_file of every account, too, as its polls do (default: off)",
    )
    _verb(of_config, "schema", "print the JSON Schema of the file", run="exporter.cli.config:run_schema")


def _verb(
    verbs: argparse._SubParsersAction[Parser], name: str, does: str, *, usage_exit: int = BAD_FLAGS, **changes: Any
) -> Parser:
    verb = verbs.add_parser(name, help=does, description=_sentence(does), usage_exit=usage_exit)
    defaults = {"run": f"exporter.cli.{name}:run", "parser": verb, "daemon": False, "failed": 1}
    verb.set_defaults(**defaults | changes)
    return verb


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _add_version(parser: Parser) -> None:
    parser.add_argument("--version", action="version", version=_version(), help="print the version and exit")


def _version() -> str:
    return (
        f"screenshotmax_exporter, version {__version__} (branch: {BRANCH}, revision: {REVISION})\n"
        f"  python version:   {platform.python_version()}\n"
        f"  platform:         {platform.system().lower()}/{platform.machine()}"
    )
