"""The command line: verbs, flags in Prometheus form, exit codes. A verb's machinery is imported when it runs."""

from __future__ import annotations

import argparse
import platform
import sys
from typing import TYPE_CHECKING, NoReturn

from exporter import __version__
from exporter.cli import check, config, demo, healthcheck, serve, simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

_USAGE_EXIT = 2
_VERBS = (
    ("serve", serve, "poll the configured accounts and serve /metrics; the default when an option comes first"),
    ("demo", demo, "simulator and exporter together on loopback: a small fleet in every state"),
    ("simulate", simulate, "the simulator alone: a stand-in for the Task API"),
    ("check", check, "one poll, a table, an exit code for Nagios and cron"),
    ("healthcheck", healthcheck, "ask a running exporter whether it is healthy"),
    ("config", config, "validate a configuration file, or print its JSON Schema"),
)


class _Parser(argparse.ArgumentParser):
    """argparse with an exit code of the verb's choice for bad flags."""

    usage_exit = _USAGE_EXIT

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(self.usage_exit, f"{self.prog}: error: {message}\n")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the verb and exit with its code: 2 for bad flags, 1 for a bad configuration, else what the verb says."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0].startswith("-") and words[0] not in {"-h", "--help", "--version"}:
        words.insert(0, "serve")
    parser = build_parser()
    if not words:
        parser.print_help()
        sys.exit(_USAGE_EXIT)
    options, unknown = parser.parse_known_args(words)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    sys.exit(options.run(options))


def build_parser() -> argparse.ArgumentParser:
    """All verbs with all their flags."""
    parser = _Parser(
        prog="screenshotmax-exporter",
        description="Prometheus exporter that tells when a ScreenshotMAX scheduled task silently stops running.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=_version(), help="print the version and exit")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name, module, text in _VERBS:
        verb = verbs.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)
        verb.set_defaults(parser=verb)
        module.add_flags(verb)
    return parser


def _version() -> str:
    return (
        f"screenshotmax_exporter, version {__version__}\n"
        f"  python version: {platform.python_version()}\n"
        f"  platform: {platform.system().lower()}/{platform.machine()}"
    )
