"""`python -m soak [MINUTES [SEED]]`, with `bench` and `tests` on the path: `make soak` sees to that."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from soak.play import Play
from soak.table import told


def main() -> int:
    """Exits 1 when a promise was broken, with the first that was."""
    parser = argparse.ArgumentParser(prog="soak", description="An exporter in chaos, held to its promises.")
    parser.add_argument("minutes", type=float, nargs="?", default=10.0)
    parser.add_argument("seed", type=int, nargs="?", default=int(time.time()))
    parser.add_argument("--p99-ms", type=float, default=100.0, help="what 99 of 100 scrapes take at most")
    options = parser.parse_args()
    # It has much to say of TLS connections that are broken off in every way while something is sent.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    sys.stdout.write(f"seed {options.seed}, {options.minutes:g} minutes\n")
    sys.stdout.flush()
    with TemporaryDirectory() as folder:
        notes = asyncio.run(Play(Path(folder), seconds=options.minutes * 60, seed=options.seed).run())
    rows, faults = told(notes, p99_seconds=options.p99_ms / 1000)
    sys.stdout.write("\n".join(rows) + "\n")
    if faults:
        sys.stderr.write(f"broken: {faults[0]}\n" + "".join(f"        {each}\n" for each in faults[1:20]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
