from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from clones import a_clone, complaints_of, kept, missing, write_program

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("podman", "runc", "systemd-analyze", "docker-compose")
APT_WITHOUT_NETWORK = "echo 'E: Failed to fetch: no route' >&2; exit 100"
COREUTILS = ("bash", "dirname", "env", "grep", "ln", "mkdir", "mktemp", "rm", "sed", "sort", "tail")
RUNS = "exit 0"
COMPOSE = "echo {}"
fetch = partial(complaints_of, "fetch_container.sh")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A tree with our tools, on root's machine that may mount, but whose apt has no network."""
    for name, script in {"apt-get": APT_WITHOUT_NETWORK, "id": "echo 0", "unshare": RUNS}.items():
        write_program(tmp_path / "path" / name, script)
    return a_clone(tmp_path, programs=COREUTILS)


def test_what_cannot_be_had_is_recorded_with_its_reason(clone: Path) -> None:
    """Each component that is neither on PATH nor to be fetched has a sentence for the tests to tell."""
    complaints = fetch(clone)

    assert set(NAMES) == set(missing(clone))
    assert {f"{name} could not be had: {reason}" for name, reason in missing(clone).items()} <= set(
        complaints.splitlines()
    )
    assert not kept(clone)


def test_programs_on_path_serve(clone: Path) -> None:
    """A machine that has them all is asked for nothing, and reasons of before are forgotten."""
    fetch(clone)
    for name in NAMES:
        write_program(clone / "path" / name, COMPOSE.format("2.26.1"))

    assert not fetch(clone)

    assert set(NAMES) == kept(clone)
    assert {} == missing(clone)


def test_an_old_compose_is_another_program(clone: Path) -> None:
    """Version 1 of docker-compose does not know the file that version 2 reads."""
    write_program(clone / "path" / "docker-compose", COMPOSE.format("1.29.2"))

    fetch(clone)

    assert "docker-compose" in missing(clone)


@pytest.mark.parametrize(
    ("program", "script", "reason"), [("id", "echo 1000", "as root only"), ("unshare", "exit 1", "no mounts")]
)
def test_an_engine_that_could_not_work_is_not_kept(clone: Path, program: str, script: str, reason: str) -> None:
    """Programs that are there do not serve a user or a machine that may not run containers; the other components are kept."""
    for name in NAMES:
        write_program(clone / "path" / name, COMPOSE.format("2.26.1"))
    fetch(clone)
    write_program(clone / "path" / program, script)

    fetch(clone)

    assert {"podman", "runc"} == set(missing(clone))
    assert all(reason in text for text in missing(clone).values())
    assert {"systemd-analyze", "docker-compose"} == kept(clone)
