"""The command line: verbs, flags in Prometheus form, exit codes. A verb's machinery is imported when it runs."""

from __future__ import annotations

import contextlib
import pkgutil
import sys
from typing import TYPE_CHECKING, NoReturn

from exporter.cli import console
from exporter.cli.parser import BAD_FLAGS, build_parser

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["build_parser", "main"]

_NOT_OF_SERVE = frozenset({"-h", "--help", "--version"})


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the verb and exit with its code: 2 for bad flags, 1 for a bad configuration, else what the verb says."""
    console.mend_streams()
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
    except SystemExit as leaving:  # argparse's way of ending
        code = leaving.code if isinstance(leaving.code, int) else 0
    sys.exit(console.settle(code))


def _run(words: list[str]) -> int:
    if words and words[0].startswith("-") and words[0] not in _NOT_OF_SERVE:
        words.insert(0, "serve")
    parser = build_parser()
    if not words:
        parser.print_help()
        return BAD_FLAGS
    options, unknown = parser.parse_known_args(words)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    with console.leaving_on_signals() if options.daemon else contextlib.nullcontext():
        try:
            return int(pkgutil.resolve_name(options.run)(options))
        except KeyboardInterrupt:
            return int(options.failed)
