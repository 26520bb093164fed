"""A tree with our tools on a bare machine: what the scripts that fetch components find, keep and complain of."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from documents import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def a_clone(root: Path, *, programs: Iterable[str]) -> Path:
    """Its machine has these programs of ours and no other; more may be written into `path`."""
    shutil.copytree(ROOT / "tools", root / "tools")
    (root / "path").mkdir(exist_ok=True)
    for name in programs:
        (root / "path" / name).symlink_to(shutil.which(name) or name)
    return root


def write_program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def complaints_of(script: str, clone: Path) -> str:
    """What a script of tools complains of; it must never fail make."""
    command, environment = [clone / "tools" / script], {"PATH": os.fspath(clone / "path")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr


def kept(clone: Path) -> set[str]:
    return {path.name for path in (clone / ".tools" / "bin").iterdir()}


def missing(clone: Path) -> dict[str, str]:
    """By component, the reason why it could not be had."""
    return {path.name: path.read_text().strip() for path in (clone / ".tools" / "missing").iterdir()}
