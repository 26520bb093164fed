from __future__ import annotations

import os
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
TELLS_HOW_IT_WAS_CALLED = (
    '#!/bin/sh\n[ "$1" = --version ] && echo "$(basename "$0") version 1" || printf "%s\\n" "$@"\n'
)

DIGEST = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
REPEATED = "has no digest, so this build cannot be repeated: give it in BASE, as docs/deployment.md says"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository of one commit that holds our tools."""
    clone = tmp_path / "clone"
    (clone / "exporter").mkdir(parents=True)
    shutil.copy(ROOT / "exporter" / "__init__.py", clone / "exporter")
    shutil.copytree(ROOT / "tools", clone / "tools")
    shutil.copy(ROOT / "Dockerfile", clone)
    when = {f"GIT_{who}_DATE": "2026-11-23T13:00:00+01:00" for who in ("AUTHOR", "COMMITTER")}
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    commands = ("init", "--quiet", "--initial-branch=trunk"), ("add", "."), (*who, "commit", "--quiet", "--message=a")
    for words in commands:
        subprocess.run(["git", "-C", clone, *words], env=environment(clone) | when, check=True)
    return clone


def environment(clone: Path) -> dict[str, str]:
    """None of the git settings of whoever runs the tests, and no repository above the clone."""
    home = os.fspath(clone.parent)
    return {"PATH": os.environ["PATH"], "HOME": home, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": home}


@pytest.fixture
def build(clone: Path) -> Callable[..., list[str]]:
    """Runs the script with an engine that prints its arguments, one on each line."""

    def run(*words: str, engine: str = "docker", **settings: str) -> list[str]:
        program = clone.parent / engine
        program.write_text(TELLS_HOW_IT_WAS_CALLED)
        program.chmod(0o755)
        known = environment(clone) | {"ENGINE": os.fspath(program)} | settings
        command = [clone / "tools" / "image.sh", *words]
        return subprocess.run(command, env=known, capture_output=True, text=True, check=True).stdout.splitlines()

    return run


@pytest.fixture
def told(clone: Path) -> Callable[..., tuple[int, str]]:
    """The script's exit code and its complaints, with an engine that says nothing."""

    def run(*words: str, **settings: str) -> tuple[int, str]:
        known = environment(clone) | {"ENGINE": "true"} | settings
        done = subprocess.run(
            [clone / "tools" / "image.sh", *words], env=known, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    return run


def arguments(words: list[str]) -> dict[str, str]:
    """What the Dockerfile is told."""
    pairs = pairwise(words)
    return dict(value.split("=", 1) for option, value in pairs if option == "--build-arg")


def test_the_image_tells_its_commit(build: Callable[..., list[str]]) -> None:
    """Version, commit, branch and the commit's time in UTC are handed over; the tag is the version."""
    words = build()
    told = arguments(words)

    assert 40 == len(told.pop("REVISION"))
    assert {"VERSION": __version__, "BRANCH": "trunk", "CREATED": "2026-11-23T12:00:00Z"} == told
    assert ["build", "--tag", f"screenshotmax-exporter:{__version__}"] == words[:3]
    assert "." == words[-1]


def test_a_changed_tree_is_told(clone: Path, build: Callable[..., list[str]]) -> None:
    """What is not in the commit is not passed off as it."""
    (clone / "tools" / "pins.sh").write_text("")

    assert arguments(build())["REVISION"].endswith("-dirty")


def test_without_a_clone_nothing_is_told_of_a_commit(clone: Path, build: Callable[..., list[str]]) -> None:
    """From an archive the Dockerfile's own words stand."""
    shutil.rmtree(clone / ".git")

    assert {"VERSION": __version__} == arguments(build())


def test_base_and_mirror_are_handed_over(build: Callable[..., list[str]]) -> None:
    """The base is an argument, pip's settings are a secret, and what follows comes last, so that it wins."""
    words = build("--tag=mine", BASE="python@sha256:0", PIP_CONF="settings")

    assert "python@sha256:0" == arguments(words)["BASE"]
    assert "id=pip.conf,src=settings" == words[words.index("--secret") + 1]
    assert ["--tag=mine", "."] == words[-2:]


def test_a_base_without_a_digest_is_told(clone: Path, told: Callable[..., tuple[int, str]]) -> None:
    """Building goes on, with a sentence that names the base; with a digest, wherever it is given, or a base that is not fetched there is nothing to say."""
    dockerfile = (clone / "Dockerfile").read_text()
    (base,) = re.findall(r"^ARG BASE=(.*)$", dockerfile, re.MULTILINE)

    assert (0, f"image.sh: the base {base} {REPEATED}\n") == told()
    assert (0, f"image.sh: the base python:3 {REPEATED}\n") == told(BASE="python:3")
    assert (0, "") == told(BASE=f"python:3@{DIGEST}")
    assert (0, "") == told("--pull=never", BASE="python:3")
    (clone / "Dockerfile").write_text(dockerfile.replace(base, f"{base}@{DIGEST}"))
    assert (0, "") == told()


@pytest.mark.parametrize(
    ("tag", "code"), [(f"v{__version__}", 1), (__version__, 1), (f"v{__version__}-rc1", 0), ("demo", 0)]
)
def test_a_release_needs_the_digest(
    clone: Path, build: Callable[..., list[str]], told: Callable[..., tuple[int, str]], tag: str, code: int
) -> None:
    """At the commit of this version's tag nothing is built on a base that moves; on one that does not, all is as ever."""
    subprocess.run(["git", "-C", clone, "tag", tag], env=environment(clone), check=True)
    found, sentence = told(BASE="python:3")

    assert code == found
    assert sentence.startswith(
        f"image.sh: this is the release {tag}, and the base python:3 " if code else "image.sh: the base"
    )
    assert "build" in build(BASE=f"python:3@{DIGEST}")


def test_podman_keeps_the_health_check(build: Callable[..., list[str]]) -> None:
    """Its own format has none."""
    assert "--format" not in build()
    assert "docker" == (words := build(engine="podman"))[words.index("--format") + 1]
