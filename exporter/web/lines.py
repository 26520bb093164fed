"""Families written as lines: to the byte what the client library writes, in a fraction of its time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prometheus_client.utils import floatToGoString

from exporter.metrics.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client import Metric

_write_number: Callable[[float], str] = floatToGoString
_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_KINDS = frozenset({"counter", "gauge", "histogram"})
_SUFFIXES = ("", "_total", "_bucket", "_count", "_sum")


class UnusualError(Exception):
    """A family holds what is left to the client library."""


class Lines:
    """Writes the families of one exposition. All of them must be held until the last is written.

    Samples of one subject share their labels, as the very same object, and many samples share a value: each is put
    into words once.
    """

    def __init__(self, *, openmetrics: bool) -> None:
        self._openmetrics = openmetrics
        self._labels: dict[int, str] = {}  # by identity
        self._names = _Names()
        self._values = _Values()

    def write(self, family: Metric) -> bytes:
        """HELP, TYPE and samples. Raises UnusualError, or what a wrong value raises in it."""
        lines, numbers, known = [self._head(family)], _Numbers(), self._labels
        for name, labels, value in _rows(family):
            text = known.get(id(labels))
            if text is None:
                text = known[id(labels)] = self._text(labels)
            # 0 and -0 are equal, and written differently.
            lines.append(f"{name}{text} {numbers[value] if value else str(float(value))}\n")
        return "".join(lines).encode()

    def _head(self, family: Metric) -> str:
        if family.type not in _KINDS or family.unit:
            raise UnusualError(family.name)
        name, text = self._names[family.name], _escape(family.documentation)
        if self._openmetrics:
            text = text.replace('"', r"\"")
        elif family.type == "counter":
            name += "_total"
        return f"# HELP {name} {text}\n# TYPE {name} {family.type}\n"

    def _text(self, labels: Mapping[str, str]) -> str:
        if not labels:
            return ""
        names, values = self._names, self._values
        pairs = [f'{names[name]}="{values[value]}"' for name, value in sorted(labels.items())]
        return f"{{{','.join(pairs)}}}"


def _rows(family: Metric) -> Iterator[tuple[str, Mapping[str, str], float]]:
    if isinstance(family.samples, Series):
        return family.samples.rows()
    return _plain_rows(family)


def _plain_rows(family: Metric) -> Iterator[tuple[str, Mapping[str, str], float]]:
    names = {family.name + suffix for suffix in _SUFFIXES}
    for name, labels, value, timestamp, exemplar, histogram in family.samples:
        if name not in names or value is None or timestamp is not None or exemplar or histogram:
            raise UnusualError(name)
        yield name, labels, value


class _Names(dict[str, str]):
    """Names of families and labels that are written as they are."""

    def __missing__(self, name: str) -> str:
        if not _PLAIN.fullmatch(name):
            raise UnusualError(name)
        self[name] = name
        return name


class _Values(dict[str, str]):
    """Values of labels as they are written within the quotes."""

    def __missing__(self, value: str) -> str:
        self[value] = text = _escape(value).replace('"', r"\"")
        return text


class _Numbers(dict[float, str]):
    def __missing__(self, number: float) -> str:
        self[number] = text = _write_number(number)
        return text


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")
