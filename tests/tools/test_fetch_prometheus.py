from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
APT_WITHOUT_NETWORK = "echo 'E: Failed to fetch: no route' >&2; exit 100"
RUNS = "exit 0"
BROKEN = "exit 1"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A tree with our tools, on a machine whose apt has no network."""
    shutil.copytree(TOOLS, tmp_path / "tools")
    write_program(tmp_path / "path" / "apt-get", APT_WITHOUT_NETWORK)
    for name in ("bash", "dirname", "env", "grep", "ln", "mkdir", "rm", "sed", "sort", "tail"):
        (tmp_path / "path" / name).symlink_to(shutil.which(name) or name)
    return tmp_path


def write_program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def fetch(clone: Path) -> str:
    """What the script complains of; it must never fail make."""
    command = [clone / "tools" / "fetch_prometheus.sh"]
    environment = {"PATH": os.fspath(clone / "path")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr


@pytest.mark.parametrize("on_path", [None, BROKEN])
def test_what_cannot_be_had_is_recorded_with_its_reason(clone: Path, on_path: str | None) -> None:
    """Without an archive and a program that runs there is a sentence for the tests to tell, and no program."""
    if on_path:
        write_program(clone / "path" / "prometheus", on_path)

    complaints = fetch(clone)

    reason = (clone / ".tools" / "missing" / "prometheus").read_text().strip()
    assert reason
    assert f"prometheus could not be had: {reason}" in complaints.splitlines()
    assert not os.path.lexists(clone / ".tools" / "bin" / "prometheus")


def test_a_program_on_path_serves_where_apt_does_not(clone: Path) -> None:
    """Elsewhere than on Debian the machine's own Prometheus is taken, and an old reason is forgotten."""
    fetch(clone)
    for name in ("prometheus", "promtool"):
        write_program(clone / "path" / name, RUNS)

    assert not fetch(clone)

    assert clone / "path" / "prometheus" == (clone / ".tools" / "bin" / "prometheus").resolve()
    assert not list((clone / ".tools" / "missing").iterdir())


def test_what_is_there_is_not_fetched_again(clone: Path) -> None:
    """The second time apt is not asked."""
    for name in ("prometheus", "promtool"):
        write_program(clone / ".tools" / "bin" / name, RUNS)
    write_program(clone / "path" / "apt-get", f"touch {clone}/asked")

    assert not fetch(clone)

    assert not (clone / "asked").exists()
