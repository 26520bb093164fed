"""What lint found, as text of at most 100 columns or as JSON."""

from __future__ import annotations

import json
import textwrap
from collections import Counter, defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

from exporter.lint import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from exporter.lint import Date, Finding
    from exporter.model import Task

COLUMNS = 100
SHOWN_TASKS = 10  # of a stampede; the JSON has all


def render_text(findings: Sequence[Finding], *, tasks: int) -> str:
    """A summary, then a paragraph for each code. Tasks of which the same is said share its lines."""
    lines = [f"{tasks} {'task' if tasks == 1 else 'tasks'}: {_count(findings) or 'nothing found'}"]
    for code, found in groupby(findings, key=lambda finding: finding.code):
        each = list(found)
        lines += ["", f"{code.value}: {_count(each)}", *_paragraph(each)]
    return "\n".join(lines) + "\n"


def render_json(findings: Sequence[Finding]) -> str:
    """An array with an object for each finding: always the same keys, null for what is not known."""
    # In ASCII: stdout's encoding may have no character for a task's name.
    return json.dumps([_object(finding) for finding in findings], indent=2) + "\n"


def _count(findings: Sequence[Finding]) -> str:
    """`2 warnings, 1 info`."""
    counts = Counter(finding.severity for finding in findings)
    return ", ".join(
        f"{count} {severity.value}{'s' if severity is Severity.WARNING and count > 1 else ''}"
        for severity in Severity
        if (count := counts[severity])
    )


def _paragraph(findings: Sequence[Finding]) -> Iterator[str]:
    alike: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for finding in findings:
        alike[finding.account, *_details(finding)].append(finding)
    for (account, *details), group in alike.items():
        tasks = [task for finding in group for task in finding.tasks]
        shown = tasks[:SHOWN_TASKS] if len(group) == 1 else tasks
        for task in shown:
            yield from _wrapped(_name(task, account), indent=2)
        if len(shown) < len(tasks):
            yield f"  and {len(tasks) - len(shown)} more"
        yield from details


def _details(finding: Finding) -> Iterator[str]:
    yield from _wrapped(finding.sentence, indent=4)
    if finding.severity is Severity.INFO:
        yield from _wrapped(", ".join(f"{date.local:%Y-%m-%d}" for date in finding.dates if date.local), indent=6)
        return
    for date in finding.dates:
        yield from _wrapped(_date(date), indent=6)


def _wrapped(text: str, *, indent: int) -> list[str]:
    return textwrap.wrap(text, COLUMNS, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2))


def _name(task: Task, account: str) -> str:
    """As `explain` takes it, so that it can be pasted; then what a human knows it by."""
    schedule = " ".join(text for text in (task.crontab, task.timezone) if text)
    return f"{account}/{task.id} {task.name} ({schedule})" if account else f"{task.id} {task.name} ({schedule})"


def _date(date: Date) -> str:
    utc = ", ".join(f"{at:%Y-%m-%d %H:%M} UTC" for at in date.utc)
    if date.local is None:
        return f"{utc} {date.note}".rstrip()
    local = f"{date.local:%a %Y-%m-%d %H:%M}"
    return f"{local} {date.note}" if date.note else f"{local} ({utc})"


def _object(finding: Finding) -> dict[str, object]:
    only = finding.tasks[0] if len(finding.tasks) == 1 else None
    return {
        "code": finding.code,
        "severity": finding.severity,
        "account": finding.account or None,
        "task_id": only and only.id,
        "task_name": only and only.name,
        "crontab": only and only.crontab,
        "timezone": only and only.timezone,
        "task_ids": [task.id for task in finding.tasks],
        "sentence": finding.sentence,
        "dates": [
            {
                "local": None if date.local is None else date.local.isoformat(),
                "utc": [_instant(at) for at in date.utc],
                "note": date.note,
            }
            for date in finding.dates
        ],
    }


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
