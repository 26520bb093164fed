"""What docs/scaling.md offers to compute with is what the exporter computes."""

from __future__ import annotations

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


def test_the_last_of_thirty_begins_when_it_is_said_to() -> None:
    """No shard of thirty begins later than the document tells."""
    assert "the last of 30 begins 31 to 32 s after the minute" in read(DOCUMENT)
    offsets = [
        stable_offset("main", f"h{n}", shard=Shard(ordinal, 30)).seconds for n in range(50) for ordinal in range(30)
    ]
    assert 31 == max(offsets)
