"""docs/configuration.md, docs/cli.md and the README name the keys, routes, verbs and flags that there are, and no other."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

import pytest

from builders import at, config_text
from documents import DOCUMENTS, HEADING, ROOT, first_column, prose, read, rows, section, spans
from exporter import app
from exporter.cli import build_parser
from exporter.config import json_schema, parse

if TYPE_CHECKING:
    from collections.abc import Iterator


def schema_keys() -> dict[str, dict[str, Any]]:
    definitions = json_schema()["$defs"]
    names = {"api": "Api", "poll": "Poll", "missed_run": "MissedRun", "accounts": "Account", "overrides": "Override"}
    return {title: definitions[f"{name}Section"]["properties"] for title, name in names.items()}


@pytest.mark.parametrize(("title", "keys"), schema_keys().items())
def test_configuration_keys_are_documented(title: str, keys: dict[str, dict[str, Any]]) -> None:
    """Each section of the file has a table of exactly its keys, with the defaults of the schema."""
    table = {spans(row[0])[0]: row[2] for row in rows(section("docs/configuration.md", f"`{title}`"))}
    scalars = {
        name: key["default"] for name, key in keys.items() if not isinstance(key.get("default", []), (list, dict))
    }
    shown = {
        name: {None: "null", True: "true", False: "false"}.get(default, str(default))
        for name, default in scalars.items()
    }

    assert list(keys) == list(table)
    assert shown == {name: table[name].strip("`") for name in shown}


def test_the_example_shows_every_key_and_no_other() -> None:
    """config.example.yaml is valid, and its keys, with those in comments, are the schema's."""
    text = read("config.example.yaml")
    parse(text, name="config.example.yaml", directory=ROOT)
    known = {*json_schema()["properties"], *(key for keys in schema_keys().values() for key in keys)}
    in_comments = re.findall(r"^\s*#\s+(?:- )?\{?([a-z_]+):(?= |$)", text, re.MULTILINE)
    in_use = re.findall(r"(?:^\s*|[-{,] )\{?([a-z_]+):(?= |$)", re.sub(r"#.*", "", text), re.MULTILINE)

    assert known == {*in_comments, *in_use}


def test_routes_are_documented() -> None:
    """The README's table of routes is the application's."""
    house = app.build(parse(config_text(), name="", directory=ROOT), now=lambda: at("2024-06-10 12:00Z"), host="h")

    assert {route.path for route in house.web.routes} == {
        spans(row[0])[0] for row in rows(section("README.md", "Routes"))
    }


def verbs(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each verb that runs, by its full name, with its parser."""
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not nested:
        yield name, parser
    for action in nested:
        for word, child in action.choices.items():
            yield from verbs(child, f"{name} {word}".strip())


VERBS = dict(verbs(build_parser()))


def test_verbs_are_documented() -> None:
    """The README's table, the exit codes and the headings of docs/cli.md hold the verbs that there are."""
    headings = [spans(title)[0] for _, title in HEADING.findall(prose(read("docs/cli.md"))) if spans(title)]

    assert list(VERBS) == headings
    assert list(VERBS) == first_column(section("docs/cli.md", "Exit codes"))
    assert list(VERBS) == first_column(section("README.md", "Command line"))


def shown(action: argparse.Action) -> str:
    """A flag by its long name; a switch by the name that switches it on."""
    names = [name for name in action.option_strings if name.startswith("--") and not name.startswith("--no-")]
    return names[0] if names else str(action.metavar)


@pytest.mark.parametrize("verb", VERBS)
def test_flags_are_documented_with_their_defaults(verb: str) -> None:
    """Each verb's table holds its flags in their order, and the defaults that its help tells."""
    flags = {}
    for action in VERBS[verb]._actions:
        told = re.search(r"\(default: (.*)\)$", (action.help or "") % {**vars(action), "prog": ""})
        flags[shown(action)] = told[1] if told else ""
    del flags["--help"]

    assert flags == {spans(row[0])[0]: row[1].strip("`") for row in rows(section("docs/cli.md", f"`{verb}`"))}


OTHERS = r"(?:kubectl|helm|docker|systemctl|htpasswd|tools/image\.sh)"


def ours(name: str) -> str:
    """A document without the commands of other programs."""
    return re.sub(rf"^{OTHERS} .*$|`{OTHERS} [^`\n]*`", "", read(name), flags=re.MULTILINE)


def test_no_document_names_a_flag_that_is_not_there() -> None:
    """Flags in the text are flags of some verb; the changelog may name those that went."""
    known = {
        "--version",
        *(flag for parser in VERBS.values() for action in parser._actions for flag in action.option_strings),
    }
    named = {
        flag
        for name in DOCUMENTS
        if name != "CHANGELOG.md"
        for flag in re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*(?:\.[a-z-]+)*", ours(name))
    }

    assert set() == named - known
