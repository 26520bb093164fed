"""What docs/scaling.md offers to compute with is what the exporter computes."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import pytest

from documents import read, rows, section, snippets, spans
from exporter.model import Shard
from exporter.poller.pace import stable_offset
from exporter.poller.share import owner

DOCUMENT = "docs/scaling.md"


@pytest.fixture(scope="module")
def shard_of() -> Any:
    (code,) = snippets(DOCUMENT, "python")
    names: dict[str, Any] = {}
    exec(compile(code, DOCUMENT, "exec"), names)
    return names["shard_of"]


@pytest.mark.parametrize("total", [1, 2, 4, 16, 300])
def test_the_function_to_paste_finds_the_shard(shard_of: Any, total: int) -> None:
    """It agrees with the exporter for every id that was tried."""
    for number in range(500):
        task_id = str(5_650_820_808_835_072 + 7919 * number)
        assert owner("main", task_id, total=total) == shard_of("main", task_id, total)


def test_the_examples_of_shards_are_true() -> None:
    """The table's numbers are those of the exporter."""
    table = [row for row in rows(section(DOCUMENT, "Which shard a task is on")) if spans(row[0])]
    shown = [(int(row[2]), int(row[3])) for row in table]
    named = [(spans(row[0])[0], spans(row[1])[0]) for row in table]
    assert [(owner(*each, total=4), owner(*each, total=16)) for each in named] == shown
    assert len(shown) == 3


def begin(total: int) -> list[set[int]]:
    """The seconds after the minute in which each of so many shards begins its polls, on whatever host."""
    return [
        {stable_offset("main", f"h{host}", shard=Shard(ordinal, total)).seconds for host in range(50)}
        for ordinal in range(total)
    ]


@pytest.mark.parametrize(
    ("total", "told", "last"),
    [
        (5, "Up to five share the 2 to 7 s", 6),
        (30, "the last of 30 begins 31 to 32 s after the minute", 31),
        (50, "the last of 50 at 51 to 52 s", 51),
    ],
)
def test_shards_begin_when_they_are_said_to(total: int, told: str, last: int) -> None:
    """Each has seconds of its own, and none begins later than the document tells."""
    seconds = begin(total)

    assert told in read(DOCUMENT)
    assert (2, last) == (min(map(min, seconds)), max(map(max, seconds)))
    assert all(one.isdisjoint(other) for one, other in combinations(seconds, 2))


def test_up_to_fifty_keep_apart() -> None:
    """No two of up to 50 shards poll an account in the same second of the minute; of 51 two do."""
    assert "no two of up to 50 shards poll" in read(DOCUMENT)
    for total in range(1, 52):
        seconds = {stable_offset("main", f"h{n}", shard=Shard(n, total)).seconds for n in range(total)}
        assert min(total, 50) == len(seconds)


UNITS = {"million": 1e6, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "MiB": 2**20, "GiB": 2**30}
EXPORTER_BYTES, TASK_BYTES = 67 * 2**20, 19 * 2**10  # what an exporter needs
FORMULAS = (
    "times 244 bytes",
    "24 for each task, measured, and 79 for each exporter",
    "series / 60",
    "67 MiB + 19 KiB times the tasks that it watches",
    "4 KiB for each series",
    "1 to 2 bytes for each sample",
)


def amounts(cell: str) -> tuple[list[float], float]:
    """The numbers of a cell, of which `1.0 to 2.1 GB` has two, and what their unit is worth."""
    unit = next((worth for name, worth in UNITS.items() if name in cell), 1.0)
    return [float(number.replace(",", "")) for number in re.findall(r"[\d,.]+", cell)], unit


def amount(cell: str) -> float:
    (number, *_), unit = amounts(cell)
    return number * unit


# By the first two cells of a row: accounts, tasks of each, and shards of each.
WORLDS = {
    ("1", "1"): (1, 1, 1),
    ("100", "1"): (1, 100, 1),
    ("1,000", "1"): (1, 1000, 1),
    ("5,000", "1"): (1, 5000, 1),
    ("10,000", "1"): (1, 10_000, 1),
    ("100,000 in 10 accounts", "10, one account each"): (10, 10_000, 1),
    ("100,000 in one account", "10 shards"): (1, 100_000, 10),
    ("1,000,000 in 10 accounts", "10 times 10 shards"): (10, 100_000, 10),
}


def test_the_computed_table_is_computed() -> None:
    """Each of its numbers follows from the formula that the document gives for its column, to two digits."""
    table = [row for row in rows(section(DOCUMENT, "From one task to a million")) if len(row) == 9]
    assert all(formula in read(DOCUMENT) for formula in FORMULAS)
    assert list(WORLDS) == [(row[0], row[1]) for row in table]
    for row in table:
        for expected, cell in zip(computed(*WORLDS[row[0], row[1]]), row[2:], strict=True):
            shown, unit = amounts(cell)
            assert [float(f"{number / unit:.2g}") for number in expected] == shown, row


def computed(accounts: int, tasks: int, shards: int) -> list[list[float]]:
    """The columns from the requests on; that of the disk has two numbers."""
    exporters = accounts * shards
    series = 24 * accounts * tasks + 79 * exporters
    disk = series / 60 * 30 * 86400
    memory = EXPORTER_BYTES + TASK_BYTES * tasks / shards
    return [
        [exporters],
        [exporters * tasks * 244],
        [series],
        [series / 60],
        [memory],
        [series * 4096],
        [disk, 2 * disk],
    ]


def test_the_formula_of_memory_fits_what_was_measured() -> None:
    """Within a twentieth of each peak that the document tells, those of shards too."""
    text = section(DOCUMENT, "From one task to a million")
    measured = [(amount(row[1]), amount(row[4])) for row in rows(text) if len(row) == 6]
    assert "6,252 watched, 180 MiB" in text
    measured.append((6252, 180 * 2**20))

    assert len(measured) == 6
    for watched, peak in measured:
        assert pytest.approx(peak, rel=0.05) == EXPORTER_BYTES + TASK_BYTES * watched
