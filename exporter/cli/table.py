"""The report as a table of plain text, the most troubled tasks first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from exporter.model import State

if TYPE_CHECKING:
    from datetime import datetime

    from exporter.model import Report, TaskReport

TROUBLE = (State.MISSED, State.UNKNOWN, State.DUE, State.NEVER_RAN, State.OK, State.DISABLED)
_HEAD = ("STATE", "TASK", "ID", "ACCOUNT", "RUNS", "LAST RUN", "NEXT FIRE", "WHY")
_WIDEST = 40


def count_states(report: Report) -> str:
    """`2 missed, 1 unknown, 9 ok`."""
    counts = Counter(task.verdict.state for task in report.tasks)
    return ", ".join(f"{counts[state]} {state.value}" for state in TROUBLE if counts[state]) or "no tasks"


def render(report: Report) -> str:
    """A line per task under a head, columns aligned."""
    tasks = sorted(report.tasks, key=lambda task: (TROUBLE.index(task.verdict.state), task.account, task.task_id))
    rows = [_HEAD, *(_row(task, report.at) for task in tasks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + f"  {row[-1]}" for row in rows
    )


def _row(report: TaskReport, now: datetime) -> tuple[str, ...]:
    task, verdict = report.task, report.verdict
    name = task.name if task else ""
    return (
        verdict.state.value,
        name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}…",
        report.task_id,
        report.account,
        "-" if task is None or task.runs is None else str(task.runs),
        _when(task.last_run_at if task else None, now),
        _when(report.next_fire_at, now),
        report.schedule_error or verdict.rule,
    )


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
