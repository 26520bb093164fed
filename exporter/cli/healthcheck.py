"""`healthcheck`: asks a running exporter whether it is healthy, for images that have no curl."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from exporter.cli.shared import DEFAULT_PORT

if TYPE_CHECKING:
    import argparse

_PATH = "/-/healthy"
_TIMEOUT_SECONDS = 5.0


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        default=f"http://127.0.0.1:{DEFAULT_PORT}",
        help="address of the exporter (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Exits 0 when healthy, 1 when not or not reached."""
    import httpx

    url = options.url.rstrip("/").removesuffix(_PATH) + _PATH
    try:
        answer = httpx.get(url, timeout=_TIMEOUT_SECONDS, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        sys.stderr.write(f"{url}: no answer ({type(error).__name__})\n")
        return 1
    sys.stdout.write(f"{url}: {answer.status_code} {answer.text.strip()[:80]}\n")
    return 0 if answer.status_code == httpx.codes.OK else 1
