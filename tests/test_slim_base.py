from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from slim_base import Python, copy_python, find_python, fingerprint, run

SCRIPT = Path(__file__).parents[1] / "tools" / "find_python.sh"
# Neither what is installed for this user nor where it comes from may help the moved Python.
ISOLATED = ("-I", "-c")


@pytest.fixture(params=["any", "of the system"])
def python(request: pytest.FixtureRequest) -> Python:
    """The newest Python of all, and of those that the system itself has."""
    path = {"any": os.environ["PATH"], "of the system": "/usr/bin:/bin"}[request.param]
    found = subprocess.run([SCRIPT, "newest"], env={"PATH": path}, capture_output=True, text=True, check=False).stdout
    if not found:
        pytest.skip("the system has no Python of its own")
    return find_python(Path(found.strip()))


def test_a_python_that_was_moved_is_that_of_a_slim_image(python: Python, tmp_path: Path) -> None:
    """It stands on its own, and has and installs its packages where the Dockerfile looks for them, Debian's too."""
    packages, to = tmp_path / "packages", tmp_path / "local"
    for folder in (packages / "pip", to / "bin", to / "lib"):
        folder.mkdir(parents=True)
    (packages / "pip" / "__init__.py").touch()

    copy_python(python, packages, to)

    site_packages = to / "lib" / python.name / "site-packages"
    tell = "import sys, sysconfig, os, ssl, pip; print(sys.prefix, os.__file__, sysconfig.get_path('scripts'), sysconfig.get_path('purelib'), pip.__file__, sep='\\n')"
    told = [Path(line).resolve() for line in run(to / "bin" / "python", *ISOLATED, tell).splitlines()]
    assert [
        to,
        to / "lib" / python.name / "os.py",
        to / "bin",
        site_packages,
        site_packages / "pip" / "__init__.py",
    ] == told
    assert ["pip"] == [path.name for path in site_packages.iterdir()]


def a_python(folder: Path) -> Python:
    """One whose program tells where it stands, and nothing else."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "python3.12"
    program.write_text(f"#!/bin/sh\necho {folder}\necho python3.12\n")
    program.chmod(0o755)
    return Python(program=program, prefix=folder, name="python3.12")


def test_a_python_that_cannot_be_moved_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library is not beside the program, both are told, as a failure under CI."""
    python = a_python(tmp_path)
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match=f"made of python3.12 of {tmp_path}, .* {tmp_path}/lib/python3.12"):
        find_python(python.program)

    python.library.mkdir(parents=True)
    (python.library / "os.py").touch()
    assert python == find_python(python.program)


def test_another_build_of_a_python_makes_another_base(tmp_path: Path) -> None:
    """A security update keeps the version, and must not meet a base of before it."""
    python = a_python(tmp_path)
    before = fingerprint(python)
    assert before == fingerprint(python)

    os.utime(python.program, ns=(0, 0))

    assert before != fingerprint(python)
