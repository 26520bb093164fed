"""The table as a terminal shows it."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from builders import a_task, at
from exporter.cli.table import Look, count_states, look, render
from exporter.model import AccountReport, Problem, Report, State, TaskReport, Verdict, Window

NOW = at("2024-06-10 12:30Z")
MINUTE = timedelta(minutes=1)


def a_report(state: State, task_id: str = "7", account: str = "main", **changes: object) -> TaskReport:
    facts = {"verdict": Verdict(state, "a rule"), "fetch_success": True, "task": a_task(), "next_fire_at": NOW + MINUTE}
    return TaskReport(account, task_id, **facts | changes)


def shown(*tasks: TaskReport, accounts: int = 1, look: Look = Look()) -> list[str]:  # noqa: B008 - frozen
    names = [AccountReport(f"account {number}", MINUTE) for number in range(accounts)]
    return render(Report(NOW, tuple(names), tasks), look).splitlines()


def judged(state: State, *, fire: timedelta, deadline: timedelta, consecutive: int = 0) -> Verdict:
    window = Window(NOW + fire, NOW + fire)
    return Verdict(state, "a rule", fire=window, deadline_at=NOW + deadline, consecutive=consecutive)


@pytest.mark.parametrize(
    ("task", "why"),
    [
        (
            a_report(
                State.MISSED, verdict=judged(State.MISSED, fire=-125 * MINUTE, deadline=-119 * MINUTE, consecutive=2)
            ),
            "2 missed, the first 2h ago",
        ),
        (a_report(State.DUE, verdict=judged(State.DUE, fire=-MINUTE, deadline=5 * MINUTE)), "deadline in 5m"),
        (
            a_report(State.DUE, verdict=judged(State.DUE, fire=-MINUTE, deadline=0 * MINUTE)),
            "deadline passed, poll awaited",
        ),
        (a_report(State.UNKNOWN), "a rule"),
        (a_report(State.UNKNOWN, schedule_error="minute: found 'x'"), "minute: found 'x'"),
        (a_report(State.UNKNOWN, task=None, verdict=Verdict(State.UNKNOWN, "no data", (Problem.NO_DATA,))), "no data"),
        (a_report(State.OK), ""),
        (a_report(State.NEVER_RAN), ""),
        (a_report(State.DISABLED), ""),
    ],
)
def test_why(task: TaskReport, why: str) -> None:
    """The last column says what the state alone does not."""
    head, row = shown(task)
    assert why == row[head.index("WHY") :]


def test_order_and_counts() -> None:
    """The most troubled come first, then by account and id; the counts follow the same order."""
    states = [State.OK, State.DISABLED, State.MISSED, State.NEVER_RAN, State.UNKNOWN, State.DUE, State.MISSED]
    tasks = [a_report(state, str(number)) for number, state in enumerate(states)]
    assert ["missed", "missed", "unknown", "due", "never_ran", "ok", "disabled"] == [
        row.split()[0] for row in shown(*tasks)[1:]
    ]
    assert "2 missed, 1 unknown, 1 due, 1 never_ran, 1 ok, 1 disabled" == count_states(Report(NOW, (), tuple(tasks)))


def test_the_account_is_shown_where_there_are_several() -> None:
    """With one account its column would say the same in every line."""
    task = a_report(State.OK)
    assert "ACCOUNT" not in shown(task)[0]
    head, row = shown(task, accounts=2)
    assert "main" == row[head.index("ACCOUNT") :].split()[0]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("x", "x" + 31 * " "),
        ("", 32 * " "),
        ("a" * 32, "a" * 32),
        ("a" * 33, "a" * 31 + "…"),
        ("日" * 16, "日" * 16),
        ("日" * 17, "日" * 15 + "… "),  # each takes two columns: thirty, and one for the ellipsis
        ("e\u0301" * 32, "e\u0301" * 32),  # an accent takes none
    ],
    ids=["short", "empty", "full", "long", "wide", "wide and long", "accents"],
)
def test_columns_stay_aligned(name: str, cell: str) -> None:
    """A name takes as many columns on a terminal as any other, so that what follows stays in its place."""
    widest = a_report(State.DUE, task=a_task(name="b" * 40))
    head, _, row = shown(widest, a_report(State.OK, task=a_task(name=name)))
    assert "STATE  TASK" + 30 * " " + "ID" == head[:43]
    assert f"ok     {cell}  7    160" == row[: row.index("160") + 3]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_lines_are_cut_to_the_terminal(width: int) -> None:
    """No line is wider than the terminal; what was cut ends with an ellipsis."""
    head, row = shown(a_report(State.UNKNOWN, schedule_error="x" * 200), look=Look(width))
    assert len(head) <= width
    assert width == len(row)
    assert row.endswith("…")


def test_times() -> None:
    """A time is told by its distance, in its largest unit."""
    runs = [(0, "0s ago"), (59, "59s ago"), (60, "1m ago"), (3599, "59m ago"), (3600, "1h ago"), (86400 * 3, "3d ago")]
    for seconds, text in runs:
        task = a_task(last_run_at=NOW - timedelta(seconds=seconds))
        head, row = shown(a_report(State.OK, task=task, next_fire_at=NOW + timedelta(seconds=seconds + 60)))
        assert text == row[head.index("LAST RUN") : head.index("NEXT")].strip()
        assert row[head.index("NEXT") :].startswith("in ")
    _, row = shown(a_report(State.OK, task=replace(a_task(), last_run_at=None, runs=None), next_fire_at=None))
    assert ["-", "-", "-"] == row.split()[-3:]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stdout", "environment", "expected"),
    [
        (Terminal(), {}, Look(100, colour=True)),
        (Terminal(), {"NO_COLOR": "1"}, Look(100)),
        (Terminal(), {"NO_COLOR": ""}, Look(100, colour=True)),
        (Terminal(), {"TERM": "dumb"}, Look(100)),
        (io.StringIO(), {}, Look()),
    ],
)
def test_look(
    stdout: io.StringIO, environment: dict[str, str], expected: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Colour and width are for terminals; NO_COLOR is honoured."""
    for name, value in ({"TERM": "xterm", "COLUMNS": "100", "NO_COLOR": ""} | environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", stdout)
    assert expected == look()


def test_colour_changes_nothing_else() -> None:
    """Every state has its own colour, and the text is the same without it."""
    tasks = [a_report(state) for state in State]
    plain, coloured = shown(*tasks), shown(*tasks, look=Look(colour=True))
    assert plain[0] == coloured[0]
    marks = [line.partition("m")[0] for line in coloured[1:]]
    assert len(State) == len(set(marks))
    rows = zip(marks, coloured[1:], strict=True)
    assert plain[1:] == [line.removeprefix(f"{mark}m").replace("\x1b[0m", "") for mark, line in rows]


@pytest.mark.parametrize(
    ("width", "head"),
    [
        (100, "STATE TASK ID RUNS LAST RUN NEXT WHY"),
        (80, "STATE TASK RUNS LAST RUN NEXT WHY"),
        (64, "STATE TASK LAST RUN NEXT WHY"),
        (56, "STATE TASK LAST RUN WHY"),
    ],
)
def test_a_narrow_terminal_keeps_the_reason(width: int, head: str) -> None:
    """What a person needs least goes first; why a task is in trouble goes last."""
    verdict = judged(State.MISSED, fire=-125 * MINUTE, deadline=-119 * MINUTE, consecutive=2)
    lines = shown(a_report(State.MISSED, task_id="9" * 19, verdict=verdict), look=Look(width))
    assert head == " ".join(lines[0].split())
    assert lines[1].endswith("2 missed, the first 2h ago")
