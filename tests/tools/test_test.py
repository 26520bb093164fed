"""`make test`: what runs beside the full run is told, counts, and never comes after its closing line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "test.sh"
PYTEST = """#!/bin/sh
case "$1" in -V) echo Python {version}; exit;; esac
{early}echo '{version} at work'
echo 'complaint' >&2
echo '{version}: 3 tests'
exit {code}
"""


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project whose Pythons, lint and components are scripts; the newest Python's run ends after the full one has begun."""
    (tmp_path / "tools").mkdir()
    shutil.copy(SCRIPT, tmp_path / "tools")
    (tmp_path / "Makefile").write_text("components:\n\t@exit $(COMPONENTS)\n")
    script(tmp_path / "tools" / "find_python.sh", '#!/bin/sh\necho "/python-$1"\n')
    script(tmp_path / "tools" / "environment.sh", "#!/bin/sh\n")
    script(tmp_path / "tools" / "lint.sh", "#!/bin/sh\nexit $LINT\n")
    return tmp_path


def run(tree: Path, *, oldest: int = 0, newest: int = 0, lint: int = 0, components: int = 0) -> tuple[int, list[str]]:
    waits = f"until [ -e {tree}/begun ]; do sleep 0.01; done\n"
    script(tree / ".venv-newest/bin/python", PYTEST.format(version="3.13", early=waits, code=newest))
    script(tree / ".venv/bin/python", PYTEST.format(version="3.11", early=f"touch {tree}/begun\n", code=oldest))
    done = subprocess.run(
        [tree / "tools" / "test.sh"],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LINT": str(lint), "COMPONENTS": str(components)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


FULL = ["3.11 at work", "complaint"]


def test_all_is_well(tree: Path) -> None:
    """Of the newest Python's run one line is told."""
    assert (0, [*FULL, "Python 3.13: 3.13: 3 tests", "3.11: 3 tests"]) == run(tree)


def test_one_python_is_tried_once(tree: Path) -> None:
    """Where the oldest Python is the newest, there is one run."""
    script(tree / "tools" / "find_python.sh", "#!/bin/sh\necho /python\n")
    assert (0, [*FULL, "3.11: 3 tests"]) == run(tree)


def test_the_full_run_fails(tree: Path) -> None:
    """Its closing line is the last one then too."""
    code, lines = run(tree, oldest=1)
    assert (1, "3.11: 3 tests") == (code, lines[-1])


def test_the_newest_python_fails(tree: Path) -> None:
    """All that it said is told, and the exit code is not 0 though the full run's closing line is good."""
    code, lines = run(tree, newest=1)
    assert 1 == code
    told = ["Python 3.13:", "3.13 at work", "complaint", "3.13: 3 tests"]
    failed = "failed beside the full run, see above: core tests on the newest Python"
    assert [*FULL, *told, failed, "3.11: 3 tests"] == lines


@pytest.mark.parametrize("what", ["lint", "components"])
def test_what_comes_first_fails(tree: Path, what: str) -> None:
    """The tests run all the same, and the failure is told again beside their closing line."""
    code, lines = run(tree, **{what: 1})
    assert 1 == code
    assert [f"failed beside the full run, see above: {what}", "3.11: 3 tests"] == lines[-2:]
