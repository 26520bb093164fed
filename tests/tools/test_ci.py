"""What CI runs: one script that does what a developer does, and nothing of a CI service's own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OF_SERVICES = (".github/", ".gitlab", ".circleci/", ".forgejo/", ".gitea/", ".woodpecker", ".travis", "azure-pipelines")
MAKEFILE = "test:\n\t@echo 'tested in' $(notdir $(CURDIR)); test -z \"$$(cat)\" && test $(CODE) = 0\n"


def test_no_service_runs_steps_of_its_own() -> None:
    """No file that is committed, or is about to be, is a workflow, so there is no action to pin and no right to take."""
    listing = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(listing, text=True).split("\0")[:-1]
    assert ".ci/run" in names
    assert [] == [name for name in names if name.startswith(OF_SERVICES) or "jenkinsfile" in name.lower()]


@pytest.mark.parametrize(("code", "left"), [("0", 0), ("1", 2)])
def test_it_makes_test_and_nothing_else(tmp_path: Path, code: str, left: int) -> None:
    """From whatever place it is called, it is `make test` of its own tree, with nobody to ask, and the exit code is make's."""
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / ".ci", tree / ".ci")
    (tree / "Makefile").write_text(MAKEFILE)
    done = subprocess.run(
        [tree / ".ci" / "run"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "CODE": code},
        input="y\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (left, "tested in tree\n") == (done.returncode, done.stdout)
