"""The report as a table of plain text, the most troubled tasks first."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.model import State
from exporter.report import TROUBLE, by_trouble

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from exporter.model import Report, TaskReport

_HEAD = ("STATE", "TASK", "ID", "ACCOUNT", "RUNS", "LAST RUN", "NEXT", "WHY")
_FIRST_TO_GO = ("ID", "RUNS", "NEXT")
_WIDEST_NAME = 32
_COLOURS = {
    State.MISSED: "\x1b[1;31m",
    State.UNKNOWN: "\x1b[35m",
    State.DUE: "\x1b[33m",
    State.NEVER_RAN: "\x1b[36m",
    State.OK: "\x1b[32m",
    State.DISABLED: "\x1b[2m",
}
_PLAIN = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Look:
    """How stdout wants its table: lines cut to `width` columns (None: whole), states in colour."""

    width: int | None = None
    colour: bool = False


def look() -> Look:
    """As wide as the terminal, and in colour unless NO_COLOR is set; whole and plain where there is no terminal."""
    if not sys.stdout.isatty():
        return Look()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Look(shutil.get_terminal_size().columns, not plain)


def count_states(report: Report) -> str:
    """`2 missed, 1 unknown, 9 ok`."""
    counts = Counter(task.verdict.state for task in report.tasks)
    return ", ".join(f"{counts[state]} {state.value}" for state in TROUBLE if counts[state]) or "no tasks"


def render(report: Report, look: Look) -> str:
    """A line per task under a head, columns aligned; the account only where there are several.

    A terminal too narrow for all loses the id, the runs and the next fire, in this order, before the reason is cut.
    """
    tasks = sorted(report.tasks, key=by_trouble)
    rows = [_HEAD, *(_row(task, report.at) for task in tasks)]
    columns = [column for column in zip(*rows, strict=True) if column[0] != "ACCOUNT" or len(report.accounts) > 1]
    for name in _FIRST_TO_GO:
        if look.width is not None and _width(columns) > look.width:
            columns = [column for column in columns if column[0] != name]
    aligned = [_aligned(column) for column in columns]
    lines = ["  ".join(cells).rstrip() for cells in zip(*aligned, strict=True)]
    if look.width is not None:
        lines = [_cut(line, look.width) for line in lines]
    if look.colour:
        lines[1:] = [_coloured(line, task.verdict.state) for line, task in zip(lines[1:], tasks, strict=True)]
    return "\n".join(lines)


def _width(columns: Sequence[Sequence[str]]) -> int:
    return sum(max(map(_columns, column)) for column in columns) + 2 * (len(columns) - 1)


def _aligned(column: Sequence[str]) -> list[str]:
    width = max(map(_columns, column))
    blanks = [" " * (width - _columns(cell)) for cell in column]
    numbers = column[0] == "RUNS"
    return [f"{blank}{cell}" if numbers else f"{cell}{blank}" for cell, blank in zip(column, blanks, strict=True)]


def _row(report: TaskReport, now: datetime) -> tuple[str, ...]:
    task = report.task
    return (
        report.verdict.state.value,
        _cut(task.name if task else "", _WIDEST_NAME),
        report.task_id,
        report.account,
        "-" if task is None or task.runs is None else str(task.runs),
        _when(task.last_run_at if task else None, now),
        _when(report.next_fire_at, now),
        _why(report, now),
    )


def _why(report: TaskReport, now: datetime) -> str:
    """What the state alone does not say, in few words."""
    verdict = report.verdict
    if verdict.state is State.MISSED and verdict.fire is not None:
        return f"{verdict.consecutive} missed, the first {_when(verdict.fire.earliest_at, now)}"
    if verdict.state is State.DUE and verdict.deadline_at is not None:
        past = verdict.deadline_at <= now
        return "deadline passed, poll awaited" if past else f"deadline {_when(verdict.deadline_at, now)}"
    return (report.schedule_error or verdict.rule) if verdict.state is State.UNKNOWN else ""


def _when(at: datetime | None, now: datetime) -> str:
    """`12m ago`, `in 3h`."""
    if at is None:
        return "-"
    seconds = int((now - at).total_seconds())
    size, unit = next(
        ((abs(seconds) // size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "m")) if abs(seconds) >= size),
        (abs(seconds), "s"),
    )
    return f"{size}{unit} ago" if seconds >= 0 else f"in {size}{unit}"


def _cut(text: str, most: int) -> str:
    """The text, with its end replaced by an ellipsis when it takes more than `most` columns."""
    if _columns(text) <= most:
        return text
    while _columns(text) >= most:
        text = text[:-1]
    return f"{text}…"


def _columns(text: str) -> int:
    """How many columns a terminal gives the text: two for an East Asian wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _coloured(line: str, state: State) -> str:
    return f"{_COLOURS[state]}{line[: len(state.value)]}{_PLAIN}{line[len(state.value) :]}"
