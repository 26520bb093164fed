"""The wheel that pyproject.toml describes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONG_AGO_SECONDS = 10**9


def test_the_same_files_give_the_same_wheel(tmp_path: Path) -> None:
    """Built in another place, from files of another day that others may write to, it is the same byte for byte."""
    first, second = (a_copy(tmp_path / name) for name in ("here", "over there"))
    for path in second.rglob("*"):
        os.utime(path, (LONG_AGO_SECONDS, LONG_AGO_SECONDS))
        path.chmod(path.stat().st_mode | 0o022)

    assert wheel(first) == wheel(second)


def a_copy(directory: Path) -> Path:
    shutil.copytree(ROOT / "exporter", directory / "exporter", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, directory)
    return directory


def wheel(directory: Path) -> tuple[str, str]:
    """Name and digest of what is built."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(command, cwd=directory, capture_output=True, check=True)
    (built,) = (directory / "dist").iterdir()
    return built.name, hashlib.sha256(built.read_bytes()).hexdigest()
