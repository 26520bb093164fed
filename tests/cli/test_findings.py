"""Findings as text and as JSON, from lint's own values."""

from __future__ import annotations

import json

from builders import a_task, at
from exporter.cli.findings import COLUMNS, render_json, render_text
from exporter.lint import Code, Date, Finding, Severity

NOON = at("2024-06-13 12:00Z")
LOCAL = NOON.replace(tzinfo=None)
NIGHT, DAY = a_task(id="1", name="Night", crontab="30 2 * * *"), a_task(id="2", name="Day", timezone="Asia/Tokyo")
TWICE = Date(LOCAL, (NOON, NOON), "comes twice")


def change(*tasks, severity=Severity.WARNING, dates=(TWICE,), account="main") -> Finding:
    return Finding(Code.CLOCK_CHANGE, "clocks change", severity, dates, account, tasks)


def test_nothing_found() -> None:
    """The summary alone."""
    assert ["1 task: nothing found\n", "0 tasks: nothing found\n"] == [render_text([], tasks=n) for n in (1, 0)]


def test_tasks_of_which_the_same_is_said_share_lines() -> None:
    """The tasks first, then what is said of them; another account's or with other dates apart."""
    other = change(DAY, account="other")
    later = change(DAY, dates=(Date(LOCAL, (NOON,)),))
    assert """\
9 tasks: 4 warnings

clock-change: 4 warnings
  main/1 Night (30 2 * * * Etc/UTC)
  main/2 Day (0 12 * * * Asia/Tokyo)
    clocks change
      Thu 2024-06-13 12:00 comes twice
  other/2 Day (0 12 * * * Asia/Tokyo)
    clocks change
      Thu 2024-06-13 12:00 comes twice
  main/2 Day (0 12 * * * Asia/Tokyo)
    clocks change
      Thu 2024-06-13 12:00 (2024-06-13 12:00 UTC)
""" == render_text([change(NIGHT), change(DAY), other, later], tasks=9)


def test_an_info_is_short() -> None:
    """Its dates are one line."""
    text = render_text([change(NIGHT, severity=Severity.INFO, dates=(TWICE, TWICE))], tasks=1)
    assert ["    clocks change", "      2024-06-13, 2024-06-13"] == text.splitlines()[-2:]
    assert text.startswith("1 task: 1 info\n\nclock-change: 1 info\n")


def test_a_stampede_shows_ten_of_its_tasks() -> None:
    """And how many more there are; its dates are in UTC where zones differ."""
    tasks = tuple(a_task(id=str(number)) for number in range(12))
    text = render_text(
        [Finding(Code.STAMPEDE, "they meet", dates=(Date(None, (NOON,), "12 tasks"),), tasks=tasks)], tasks=12
    )
    lines = text.splitlines()
    assert "  9 Shop front (0 12 * * * Etc/UTC)" == lines[-4]
    assert ["  and 2 more", "    they meet", "      2024-06-13 12:00 UTC 12 tasks"] == lines[-3:]


def test_no_line_is_wider_than_a_hundred_columns() -> None:
    """However long a name or a crontab is; nothing of it is lost."""
    task = a_task(name="word " * 40, crontab="1," * 120 + "1 * * * *")
    text = render_text([Finding(Code.NEVER_FIRES, "sentence " * 30, tasks=(task,))], tasks=1)
    lines = text.splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert ("word " * 40).split() == [word for word in text.split() if word == "word"]
    assert task.crontab.replace(" ", "") in text.replace("\n", "").replace(" ", "")


def test_json_of_one_task() -> None:
    """Stable keys, ids as text, instants in UTC, local times without an offset."""
    assert [
        {
            "code": "clock-change",
            "severity": "warning",
            "account": "main",
            "task_id": "1",
            "task_name": "Night",
            "crontab": "30 2 * * *",
            "timezone": "Etc/UTC",
            "task_ids": ["1"],
            "sentence": "clocks change",
            "dates": [
                {
                    "local": "2024-06-13T12:00:00",
                    "utc": ["2024-06-13T12:00:00Z", "2024-06-13T12:00:00Z"],
                    "note": "comes twice",
                }
            ],
        }
    ] == json.loads(render_json([change(NIGHT)]))


def test_json_of_several_tasks() -> None:
    """What one task alone would have is null, as is an account that is not known and a local time of no one zone."""
    (found,) = json.loads(render_json([change(NIGHT, DAY, account="", dates=(Date(None, (NOON,), ""),))]))
    assert {"account", "task_id", "task_name", "crontab", "timezone"} == {key for key in found if found[key] is None}
    assert (["1", "2"], None) == (found["task_ids"], found["dates"][0]["local"])


def test_json_is_ascii() -> None:
    """Whatever the encoding of stdout, it can be written and read again."""
    text = render_json([change(a_task(name="Bäcker \U0001f600"))])
    assert text.isascii()
    assert "Bäcker \U0001f600" == json.loads(text)[0]["task_name"]
