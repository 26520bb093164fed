"""values.yaml as it is written: each value with its default, its comment and the heading that it stands under."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY = re.compile(r"( *)([A-Za-z]+):( |$)")
_TEXT = re.compile(r" *# -- (.*)")
_MORE = re.compile(r" *# (.*)")
_HEADING = re.compile(r"## (.*)")


@dataclass(frozen=True, slots=True)
class Value:
    """`path` is its keys from the top; `text` is empty where what is below it is told key by key."""

    path: tuple[str, ...]
    default: Any
    text: str
    heading: str


def read_values(text: str) -> tuple[Value, ...]:
    """All values in the order of the file. What lies below a value with a text of its own belongs to its default."""
    return tuple(_scan(text, yaml.safe_load(text)))


def _scan(text: str, tree: Any) -> Iterator[Value]:
    heading, told, whole = "", "", 0
    parents: tuple[str, ...] = ()
    for line in text.splitlines():
        if found := _HEADING.fullmatch(line):
            heading = found[1]
        elif found := _TEXT.fullmatch(line):
            told = found[1]
        elif found := _MORE.fullmatch(line):
            told = f"{told} {found[1]}" if told else ""
        elif found := _KEY.match(line):
            depth = len(found[1]) // 2
            if whole and depth >= whole:
                continue
            path = (*parents[:depth], found[2])
            yield Value(path=path, default=_at(tree, path), text=told, heading=heading)
            parents, whole, told = path, depth + 1 if told else 0, ""


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree
