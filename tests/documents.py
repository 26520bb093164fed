"""What stands in the documents: their sections, tables and snippets."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(text: str) -> str:
    return FENCE.sub("", text)


def section(name: str, title: str) -> str:
    """What stands under a heading, up to the next of its level or above."""
    text = prose(read(name))
    found = next(match for match in HEADING.finditer(text) if match[2] == title)
    ends = (m.start() for m in HEADING.finditer(text, found.end()) if len(m[1]) <= len(found[1]))
    return text[found.end() : next(ends, len(text))]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, heads and rulers left out."""
    lines = re.findall(r"^(?!\|-)\|.*\|$(?!\n\|-)", text, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines]


def spans(cell: str) -> tuple[str, ...]:
    return tuple(SPAN.findall(cell))


def first_column(text: str) -> list[str]:
    return [span for row in rows(text) for span in spans(row[0])]


def snippets(name: str, language: str) -> list[str]:
    return [text for found, text in FENCE.findall(read(name)) if found == language]


def snippet(name: str, title: str) -> str:
    """The snippet of README.md whose first line is a comment with the name of a file."""
    return next(text for text in snippets(name, "yaml") if text.startswith(f"# {title}\n"))
