"""What is installed is what was pinned, byte for byte."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pins import read_pins

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "requirements").glob("*.txt"))
INSTALLATION = re.compile(r"\bpip (?!=).*(?:install|download) |\$\{pip\[@\]\}")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_line_is_one_version_with_its_hashes(file: Path) -> None:
    """Nothing is left to what an index offers that day."""
    assert 0 < len(read_pins(file))


def asked_for() -> dict[str, list[str]]:
    """By file, what pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    build, runtime = project["build-system"]["requires"], project["project"]["dependencies"]
    runtime = [*runtime, *project["project"]["optional-dependencies"]["gzip"]]
    return {"build": build, "runtime": runtime, "test": [*build, *runtime, *groups["test"], *groups["lint"]]}


@pytest.mark.parametrize("name", ["build", "runtime", "test"])
def test_the_pins_are_of_what_is_asked_for(name: str) -> None:
    """Each requirement of pyproject.toml has a pin that satisfies it."""
    found = read_pins(ROOT / "requirements" / f"{name}.txt")
    for requirement in map(Requirement, asked_for()[name]):
        version, _ = found[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


def test_tests_run_on_what_is_shipped() -> None:
    """What the exporter runs with has the same version and hashes in the environment of the tests."""
    shipped, tested = (read_pins(ROOT / "requirements" / f"{name}.txt") for name in ("runtime", "test"))
    assert shipped == {name: tested[name] for name in shipped}


def installations() -> list[str]:
    """What pip is told; the tool that makes the pins cannot have any."""
    files = [ROOT / "Dockerfile", *(path for path in (ROOT / "tools").glob("*.sh") if path.name != "pins.sh")]
    text = "\n".join(file.read_text().replace("\\\n", "") for file in files)
    commands = re.sub(r"^ *#.*$", "", text, flags=re.MULTILINE).replace("&&", "\n").splitlines()
    return [command.strip() for command in commands if INSTALLATION.search(command)]


def test_nothing_is_installed_without_a_hash() -> None:
    """Dockerfile and tools ask pip for hashes, or for this project alone without what it depends on."""
    found = installations()
    assert 7 == len(found)
    assert [] == [
        command for command in found if not re.search("--require-hashes|--no-deps .*(?: [.]|/[*].whl)", command)
    ]
