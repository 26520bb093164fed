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
    console.leave_no_core_file()
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
        options.parser.error(f"unrecognized arguments: {' '.join(_without_values(unknown))}")
    with console.leaving_on_signals() if options.daemon else contextlib.nullcontext():
        try:
            return int(pkgutil.resolve_name(options.run)(options))
        except KeyboardInterrupt:
            return int(options.failed)
        except Exception as error:  # noqa: BLE001 - the top of the process
            from exporter.cli.running import tell_bug  # noqa: PLC0415 - the log costs time, which most runs need not pay

            tell_bug("main", error)
            return int(options.failed)


def _without_values(words: list[str]) -> list[str]:
    """Flags alone where there are any: their values may be keys, for which somebody hoped that there was a flag."""
    return [word.partition("=")[0] for word in words if word.startswith("-")] or words
