"""The examples in docs/verdicts.md are true."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from builders import a_task, at
from documents import rows, section, snippets, spans
from explained import an_explanation, hourly
from exporter.config import format_duration
from exporter.judge import count_missed, expect, judge
from exporter.model import Policy, State
from exporter.schedule import parse_schedule
from exporter.web.story import render_text, tell

if TYPE_CHECKING:
    from datetime import datetime


def test_what_auto_means_is_told_with_true_numbers() -> None:
    """The examples of grace and early are those of the schedules named."""
    table = rows(section("docs/verdicts.md", "The words"))
    schedules = [parse_schedule(text, "Etc/UTC") for text in ("* * * * *", "0 * * * *", "0 12 * * *", "0 12 1 * *")]
    numbers = {row[0]: [cell.replace(" min", "m").replace(" ", "") for cell in row[2:]] for row in table}

    assert [format_duration(schedule.auto_grace) for schedule in schedules] == numbers["grace"]
    assert [format_duration(schedule.auto_early) for schedule in schedules] == numbers["early"]


def instant(text: str) -> datetime:
    """`Tuesday 13:00:05` of a week in June 2024."""
    day, clock = text.split()
    return at(f"2024-06-{('Monday', 'Tuesday', 'Wednesday').index(day) + 10} {clock}Z")


@pytest.mark.parametrize("row", rows(section("docs/verdicts.md", "Examples")), ids=lambda row: row[0])
def test_examples_of_verdicts_are_true(row: list[str]) -> None:
    """Each example gives the state, the problem and the count that it claims."""
    now = instant(row[0].partition(",")[0])
    told = re.match(r"asked (\S+), last run (\w+)(?: ([\d:]+))?", row[1])
    assert told is not None
    day = row[0].split()[0]
    task = a_task(last_run_at=instant(f"{told[2]} {told[3] or '12:00:14'}"))
    schedule = parse_schedule("0 12 * * *", "Etc/UTC")
    policy = Policy(stale_after=timedelta(minutes=15))
    expectation = expect(task, schedule, policy, observed_since_at=None)
    fetched_at = instant(f"{day} {told[1]}")

    verdict = judge(task, expectation, fetched_at=fetched_at, now=now, stale_after=policy.stale_after)

    assert spans(row[2]) == (verdict.state, *verdict.problems)
    if verdict.state is State.MISSED:
        assert f"{count_missed(schedule, expectation, until=fetched_at).count} in a row" in row[2]


PASTE = "One paste answers why was I paged"


def test_the_paste_is_what_is_told() -> None:
    """The example is how the explanation of that situation begins."""
    (paste,) = (text for text in snippets("docs/verdicts.md", "") if "main/1001" in text)
    polls = [(hourly(), "2024-06-10 11:30Z"), (hourly(), "2024-06-10 12:17Z")]

    assert render_text(tell(an_explanation(*polls, now="2024-06-10 12:18Z"))).startswith(paste)


def test_the_sections_of_an_explanation_are_documented() -> None:
    """Each section that a reader may meet has its row, in their order, but for the one that is the task itself."""
    task = hourly(crontab="30 2 * * *", last_run_at=at("2024-10-24 00:30:14Z"))
    sections = tell(an_explanation((task, "2024-10-27 00:45Z"), now="2024-10-27 00:45Z")).sections

    assert [each.title for each in sections] == [*(row[0] for row in rows(section("docs/verdicts.md", PASTE))), "Task"]
