"""A few seconds of what `make soak` does for minutes, and that it says so when a promise is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from soak.play import Play

ROOT = Path(__file__).parents[2]
SECONDS = 6
NONE = ("false ones", "bad ones", "sightings of a key or a task's query", "of them with runs or misses lost or made up")


def soak(*words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'bench'}{os.pathsep}{ROOT / 'tests'}"}
    command = [sys.executable, "-m", "soak", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False)


def test_a_bug_in_the_log_is_found(tmp_path: Path) -> None:
    """Also one that came after the last scrape."""
    play = Play(tmp_path, seconds=1, seed=1)
    bug = 'time=now level=error msg="Internal error" where=thread error=ValueError at=run:1'
    (tmp_path / "log").write_text(f"time=now level=info msg=Polled\n{bug}\n")
    play._search([tmp_path / "log"])
    assert [bug] == play.notes.bugs


@pytest.mark.real
def test_a_short_one() -> None:
    """No promise is broken in some seconds of chaos; how long a scrape takes is not judged while others are at work."""
    found = soak(str(SECONDS / 60), "6", "--p99-ms", "5000")
    assert (0, "") == (found.returncode, found.stderr)
    rows = dict(line.strip("| ").split(" | ")[:2] for line in found.stdout.splitlines() if " | " in line)
    assert ["0"] * len(NONE) == [rows[name].strip(" |") for name in NONE]
