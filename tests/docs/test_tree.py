"""The documents name floors, files, headings and make verbs that are there."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from documents import DOCUMENTS, HEADING, ROOT, prose, read, rows, section, spans

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_floors_are_those_that_are_held(name: str) -> None:
    """The table of floors is the contract of import-linter."""
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = [set(layer.split(" | ")) for layer in contracts[0]["layers"]]
    title = {"CONTRIBUTING.md": "How the house is laid out", "docs/architecture.md": "Floors"}[name]

    assert layers == [set(spans(row[1].partition(":")[0])) for row in rows(section(name, title))]


CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    if contract["name"].endswith(" only")
]


@pytest.fixture(scope="module")
def importers() -> dict[str, set[str]]:
    """By library, the rooms of the house that import it when they run. The simulator stands beside it."""
    found = defaultdict(set)
    for path in (ROOT / "exporter").rglob("*.py"):
        room = path.relative_to(ROOT / "exporter").parts[0].removesuffix(".py")
        for node in executed(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                found[name.partition(".")[0]].add(room)
    return {library: rooms - {"simulator"} for library, rooms in found.items()}


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """All but what type checkers alone read."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield child
            yield from executed(child)


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_librarys_habits_stay_in_the_rooms_that_are_named(importers: dict[str, set[str]], name: str) -> None:
    """Who imports it is whom its contract names, so that a library that has to go takes no other room along."""
    libraries, rooms = re.fullmatch("(.+) (?:is|are) imported in (.+) only", name).groups()
    for library in libraries.split(" and "):
        assert set(rooms.split(" and ")) == importers[library]


def anchors(name: str) -> set[str]:
    """What headings can be linked to by, as forges make it of their text."""
    titles = (title.lower() for _, title in HEADING.findall(prose(read(name))))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    """Each relative link is to a file that is there, and to a heading in it."""
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", prose(read(name))):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.resolve().relative_to(ROOT).as_posix()), link


def named_paths(text: str) -> list[str]:
    return re.findall(r"(?<![\w/.-])(?:exporter|tests|docs|tools|requirements|\.ci)/[\w./-]*\w", text)


SOURCES = [
    path.relative_to(ROOT).as_posix() for folder in ("exporter", "tools") for path in (ROOT / folder).rglob("*.*")
]


@pytest.mark.parametrize(
    "name", [*DOCUMENTS, "config.example.yaml", *(n for n in SOURCES if n.endswith((".py", ".sh")))]
)
def test_files_that_are_named_are_there(name: str) -> None:
    """No document, and no comment that names one, sends a reader to a file that does not exist."""
    assert [] == [path for path in named_paths(read(name)) if not (ROOT / path).exists()]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_make_targets_that_are_named_are_there(name: str) -> None:
    """`make X` in a document is a verb of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))

    assert set() == set(re.findall(r"(?:`|^\s+)make ([a-z]+)", read(name), re.MULTILINE)) - targets


def test_every_document_is_within_reach() -> None:
    """The README links to each page of docs."""
    linked = set(re.findall(r"\]\((docs/[a-z-]+\.md)", read("README.md")))

    assert {name for name in DOCUMENTS if name.startswith("docs/")} == linked
