"""Hostile input as large as is let in, of little that hypothesis has to draw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

AMPLE = timedelta(seconds=5)  # what takes more than time in proportion needs minutes


@dataclass(frozen=True)
class Repeated:
    """A beginning, then the same over and over, then an end. Kept apart, so that a failure can be read."""

    head: str
    core: str
    tail: str

    def text(self, size: int) -> str:
        return self.head + self.core * (size // len(self.core)) + self.tail


def repeated(pieces: Sequence[str]) -> st.SearchStrategy[Repeated]:
    """What makes a careless parser take quadratic time."""
    few = st.lists(st.sampled_from(pieces), max_size=3).map("".join)
    core = st.lists(st.sampled_from(pieces), min_size=1, max_size=4).map("".join)
    return st.builds(Repeated, few, core, few)
