"""docs/lint.md names the codes, the thresholds and the keys that there are."""

from __future__ import annotations

import json

from builders import a_task
from documents import first_column, read, rows, section, spans
from exporter.cli.findings import render_json
from exporter.lint import Code, Finding, rules
from exporter.lint.stampede import AHEAD_DAYS, LEAST_PERCENT, LEAST_TASKS, MOST_AN_HOUR, SHOWN_MINUTES


def test_codes_are_documented() -> None:
    """The table holds every code, in the order in which findings are told."""
    codes = [name for name in first_column(read("docs/lint.md").partition("\n## ")[0]) if name != "code"]
    assert [code.value for code in Code] == codes


def test_keys_are_documented() -> None:
    """The table holds every key of a finding, in order."""
    (finding,) = json.loads(render_json([Finding(Code.STAMPEDE, "", tasks=(a_task(),))]))
    assert list(finding) == first_column(section("docs/lint.md", "JSON"))
    assert ("local", "utc", "note") == spans(rows(section("docs/lint.md", "JSON"))[-1][1])


def test_thresholds_are_documented() -> None:
    """The numbers in the text are those of the rules."""
    text = read("docs/lint.md")
    sentences = [
        f"at least {LEAST_TASKS} tasks of an account, and {LEAST_PERCENT} % of them, fire in the same minute of the coming {AHEAD_DAYS} days",
        f"The {SHOWN_MINUTES} busiest minutes are shown",
        f"more than {MOST_AN_HOUR} times an hour",
        f"The next {rules.SHOWN_FIRES} fires are shown",
        f"more than {rules.LONG_PAUSE.days} days and two periods ago",
    ]
    assert [] == [sentence for sentence in sentences if sentence not in text]
    assert (2, 2) == (rules.PAUSED_PERIODS, rules.AHEAD.days // 365)
