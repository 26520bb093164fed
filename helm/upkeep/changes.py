"""What the chart's annotations tell of changes, from the changelog."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEWEST = re.compile(r"^## \[.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
_KIND = re.compile(r"^### (\w+)\n(.*?)(?=^### |\Z)", re.DOTALL | re.MULTILINE)
_ENTRY = re.compile(r"^- (.*?)(?=^- |\Z)", re.DOTALL | re.MULTILINE)
_MARKS = re.compile(r"`|\[([^\]]*)\]\([^)]*\)")
_ANNOTATION = re.compile(r"(?<=  artifacthub\.io/changes: \|\n)(?:    .*\n)*")


def render_chart(chart: str, changelog: str) -> str:
    """Chart.yaml with its list of changes made anew: the entries of the newest version that name the chart."""
    changes = "".join(
        f"    - kind: {kind}\n      description: {json.dumps(told, ensure_ascii=False)}\n"
        for kind, told in _changes(changelog)
        if re.search(r"\b(chart|helm)\b", told, re.IGNORECASE)
    )
    return _ANNOTATION.sub(lambda _: changes, chart)


def _changes(changelog: str) -> Iterator[tuple[str, str]]:
    """Kind, in the words of Artifact Hub, which are those of Keep a Changelog; and the entry without its marks."""
    newest = _NEWEST.search(changelog)
    for kind, entries in _KIND.findall(newest[0] if newest else ""):
        for entry in _ENTRY.findall(entries):
            yield kind.lower(), " ".join(_MARKS.sub(r"\1", entry).split())
