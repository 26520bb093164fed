from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from processes import running

if TYPE_CHECKING:
    from pathlib import Path

    from processes import Process

AWAITED = ("Listening on (.+)", "Ready at (.+)")


def saying(*lines: str) -> list[str]:
    return [sys.executable, "-c", "import sys; print(*sys.argv[1:], sep=chr(10))", *lines]


def heard(process: Process) -> list[str]:
    return [match[1] for match in process.wait_for_each(*AWAITED)]


@pytest.mark.parametrize(
    "lines", [("Listening on A", "other", "Ready at B"), ("Ready at B", "Listening on A", "other")]
)
def test_lines_are_awaited_in_whichever_order_they_come(tmp_path: Path, lines: tuple[str, ...]) -> None:
    """Prometheus says that it listens and that it is ready from two threads, so either may come first."""
    with running(saying(*lines), cwd=tmp_path) as process:
        assert ["A", "B"] == heard(process)


def test_a_line_counts_once(tmp_path: Path) -> None:
    """Whoever waits for the same words again waits for another line."""
    with running(saying("saved 1", "saved 2"), cwd=tmp_path) as process:
        assert ["1", "2"] == [process.wait_for(r"saved (\d)")[1] for _ in range(2)]


def test_an_end_is_told_with_what_was_said(tmp_path: Path) -> None:
    with running(saying("Ready at B", "no more"), cwd=tmp_path) as process, pytest.raises(AssertionError) as told:
        heard(process)
    assert "it has ended: Ready at B\nno more\n" in str(told.value)
