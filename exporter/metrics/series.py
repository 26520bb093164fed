"""The samples of one family, made one by one while they are read."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

from prometheus_client.samples import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator


class Series:
    """Stands in for a family's list of samples, of one name.

    A list of thousands of samples would be as many objects for the garbage collector to visit at each scrape. It does
    not look after what is in here: numbers, and dicts of text.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._labels: list[dict[str, str]] = []
        self._values: list[float] = []

    def add(self, labels: dict[str, str], value: float) -> None:
        self._labels.append(labels)
        self._values.append(value)

    def rows(self) -> Iterator[tuple[str, dict[str, str], float]]:
        """Name, labels and value of each sample. The labels are those that were given, not copies."""
        return zip(repeat(self._name), self._labels, self._values)

    def __iter__(self) -> Iterator[Sample]:
        """As the client library reads them."""
        return (Sample(*row) for row in self.rows())
