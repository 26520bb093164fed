"""The verbs and their flags: help, defaults, and how little they cost."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.runs import run
from exporter import __version__
from exporter.cli import build_parser
from exporter.cli.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHOUT_DEFAULT = (["-h", "--help"], ["--version"])


def parsers(parser: argparse.ArgumentParser) -> Iterator[Parser]:
    """The parser and those of all its verbs."""
    assert isinstance(parser, Parser)
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from parsers(verb)


FLAGS = [
    pytest.param(parser, action, id=f"{parser.prog} {action.option_strings or action.dest}")
    for parser in parsers(build_parser())
    for action in parser._actions
    if not isinstance(action, argparse._SubParsersAction) and action.option_strings not in WITHOUT_DEFAULT
]


@pytest.mark.parametrize(("parser", "action"), FLAGS)
def test_every_flag_tells_its_default(parser: Parser, action: argparse.Action) -> None:
    """The help of each flag ends with what happens without it."""
    shown = " ".join(parser.format_help().split())
    assert action.help is not None
    assert " ".join((action.help % {"default": action.default}).split()) in shown
    assert action.help.endswith(")")
    assert "(default: " in action.help


def test_no_flag_takes_a_secret() -> None:
    """A command line is for everybody to read: what is named after a secret takes the path of a file, or nothing."""
    taking = [
        (parser.prog, *action.option_strings)
        for parser in parsers(build_parser())
        for action in parser._actions
        if re.search("key|secret|token|passw|auth|user|cred", " ".join([*action.option_strings, action.dest]))
        and action.nargs != 0
        and action.type is not Path
    ]
    assert [] == taking


@pytest.mark.parametrize("verb", [(), ("serve",)])
def test_version(verb: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The first line is as every exporter's, the others tell of the build, each on its own."""
    assert 0 == run(*verb, "--version")
    out, err = capsys.readouterr()
    first, *rest = out.splitlines()
    assert f"screenshotmax_exporter, version {__version__} (branch: unknown, revision: unknown)" == first
    assert ["python version", "platform"] == [line.strip().partition(":")[0] for line in rest]
    assert "" == err


def test_version_tells_of_the_build(pytestconfig: pytest.Config) -> None:
    """Branch and revision are those of the image, from its environment."""
    built = {"SCREENSHOTMAX_EXPORTER_BRANCH": "main", "SCREENSHOTMAX_EXPORTER_REVISION": "0123abc"}
    command = [sys.executable, "-m", "exporter", "--version"]
    told = subprocess.check_output(command, cwd=pytestconfig.rootpath, env=os.environ | built, text=True)
    assert f"screenshotmax_exporter, version {__version__} (branch: main, revision: 0123abc)" == told.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "value", "expected"),
    [
        (["serve", "--config.file=x.yaml"], "config_file", "x.yaml"),
        (["serve", "--config.file", "x.yaml"], "config_file", "x.yaml"),
        (["serve"], "config_file", "config.yaml"),
        (["serve", "--web.listen-address=:1", "--web.listen-address", ":2"], "listen_addresses", "[':1', ':2']"),
        (["serve", "--log.level=warn"], "log_level", "warn"),
        (["simulate", "--simulator.speed=60"], "speed", "60.0"),
        (["check"], "log_level", "error"),
    ],
)
def test_flags_are_read(words: list[str], value: str, expected: str) -> None:
    """A flag takes its value after an equals sign or a blank, and may be given twice where that makes sense."""
    assert expected == str(getattr(build_parser().parse_args(words), value))


@pytest.mark.parametrize(
    ("imported", "spared"),
    [
        ("exporter.cli", "asyncio httpx pydantic starlette structlog uvicorn yaml"),
        ("exporter.cli.healthcheck", "asyncio httpx pydantic starlette structlog uvicorn yaml"),
        ("exporter.cli.config", "asyncio httpx croniter starlette structlog uvicorn"),
        ("exporter.cli.serve", "exporter.simulator exporter.cli.demo"),
    ],
)
def test_a_verb_imports_only_what_it_needs(imported: str, spared: str, pytestconfig: pytest.Config) -> None:
    """Nothing is loaded that the run does not use: a sidecar's memory and start are paid for by every user."""
    code = f"import sys, {imported}; print(*sorted(set({spared.split()!r}) & sys.modules.keys()))"
    told = subprocess.check_output([sys.executable, "-c", code], cwd=pytestconfig.rootpath, text=True)
    assert "" == told.strip()
