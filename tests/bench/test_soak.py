"""A few seconds of what `make soak` does for minutes, and that it says so when a promise is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 6
NONE = ("false ones", "bad ones", "sightings of a key or a task's query", "of them with runs or misses lost or made up")


def soak(*words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'bench'}{os.pathsep}{ROOT / 'tests'}"}
    command = [sys.executable, "-m", "soak", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.real
def test_a_short_one() -> None:
    """No promise is broken in some seconds of chaos; how long a scrape takes is not judged while others are at work."""
    found = soak(str(SECONDS / 60), "6", "--p99-ms", "5000")
    assert (0, "") == (found.returncode, found.stderr)
    rows = dict(line.strip("| ").split(" | ")[:2] for line in found.stdout.splitlines() if " | " in line)
    assert ["0"] * len(NONE) == [rows[name].strip(" |") for name in NONE]
