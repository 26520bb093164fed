from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "find_python.sh"
BROKEN = "exit 127"  # what a version manager's shim does for a version that is not chosen
OLD, MIDDLE, NEW, TOO_NEW = (f"echo {minor} $0" for minor in (11, 12, 13, 14))


@pytest.mark.parametrize(
    ("pythons", "oldest", "newest"),
    [
        ({"python3": MIDDLE}, "python3", "python3"),
        ({"python3.11": OLD, "python3.13": NEW}, "python3.11", "python3.13"),
        (
            {"python3.11": BROKEN, "python3.12": MIDDLE, "python3.13": BROKEN},
            "python3.12",
            "python3.12",
        ),
        ({"python3.13": NEW, "python3": OLD}, "python3", "python3.13"),
        ({"python3.12": MIDDLE, "python3": TOO_NEW}, "python3.12", "python3.12"),
        ({"python3": TOO_NEW}, "python3", "python3"),
        ({"python3": BROKEN}, None, None),
        ({}, None, None),
    ],
)
def test_find_python(tmp_path: Path, pythons: dict[str, str], oldest: str | None, newest: str | None) -> None:
    """The oldest and the newest Python that run are found by any name; broken ones are passed over."""
    for name in ("bash", "cut", "env", "grep", "head", "sort", "tail"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    for name, script in pythons.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    for which, expected in (("oldest", oldest), ("newest", newest)):
        found = subprocess.run(
            [SCRIPT, which], env={"PATH": os.fspath(tmp_path)}, capture_output=True, text=True, check=False
        )
        assert (f"{tmp_path / expected}\n" if expected else "") == found.stdout
        assert (0 if expected else 1) == found.returncode
