"""Which tasks are in trouble, since when, and how they ran before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.dashboard.grafana import (
    BLUE,
    FEW_POINTS,
    GRAY,
    GREEN,
    NOTHING,
    ORANGE,
    PURPLE,
    RED,
    Column,
    Panel,
    Query,
    graph,
    table,
    timeline,
    words,
)
from monitoring.dashboard.queries import (
    MANY_BARS,
    NAMED,
    STATES,
    TASK,
    in_state,
    joined,
    leading,
    of_every_task,
    one_of_each,
    state_number,
    task,
    worst_states,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_STATE_COLOURS = dict(zip(STATES, (GRAY, GREEN, BLUE, ORANGE, PURPLE, RED), strict=True))
_STATE_WORDS = words(
    {
        number: (name.replace("_", " ").capitalize() if name != "ok" else "OK", _STATE_COLOURS[name])
        for number, name in reversed([*enumerate(STATES, 1)])
    }
)
_A_TASK = "{{task_name}} ({{account}}/{{task_id}})"
_COLOURED = {"custom_cellOptions": {"type": "color-background", "mode": "basic"}}
_NUMBER = {"unit": "none", "custom_align": "right", "mappings": NOTHING}
_MOMENT = {**_NUMBER, "unit": "dateTimeFromNow"}
_LINK = {
    "links": [
        {
            "title": "Why, on the exporter's status page",
            "url": "${exporter_url}/tasks/${__data.fields.account}/${__data.fields.task_id}",
            "targetBlank": True,
        }
    ]
}


_COLUMNS = {
    "info": one_of_each(task("info"), f"{NAMED}, crontab, timezone"),
    "problem": one_of_each(task("problem"), f"{TASK}, reason"),
    "consecutive": joined(task("consecutive_missed_runs"), TASK),
    "last_run": joined(task("last_run_timestamp_seconds"), TASK) + " * 1000",
    "next_fire": joined(task("next_fire_timestamp_seconds"), TASK) + " * 1000",
    "lateness": joined(task("last_run_lateness_seconds"), TASK),
    "runs": joined(task("runs"), TASK),
}
TASKS: Sequence[Panel] = (
    table(
        "Tasks by trouble",
        "Every task that is chosen above, the worst first. Name and id lead to its page at Exporter URL.",
        (
            Query(state_number(TASK), name="state"),
            *(Query(of_every_task(expression), name=name) for name, expression in _COLUMNS.items()),
        ),
        (
            Column(
                "Value #state", "State", {"unit": "none", "mappings": _STATE_WORDS, "custom_width": 100, **_COLOURED}
            ),
            Column("task_name", "Name", _LINK),
            Column("account", "Account"),
            Column("task_id", "Id", _LINK),
            Column("reason", "Problem"),
            Column("Value #consecutive", "Missed in a row", _NUMBER),
            Column("Value #last_run", "Last run", _MOMENT),
            Column("Value #next_fire", "Next fire", _MOMENT),
            Column("Value #lateness", "Lateness", {**_NUMBER, "unit": "s"}),
            Column("Value #runs", "Runs", _NUMBER),
            Column("crontab", "Crontab"),
            Column("timezone", "Timezone"),
        ),
        by=("State", "Missed in a row"),
        height=12,
    ),
    timeline(
        "State",
        f"The {MANY_BARS} tasks with the most trouble at the end of the range, and what became of them in it.",
        Query(worst_states(), _A_TASK),
        mappings=_STATE_WORDS,
        height=12,
    ),
    graph(
        "Tasks by state",
        "How many tasks are in each state.",
        *(Query(in_state(name), name) for name in STATES),
        unit="none",
        style="areas",
        points=FEW_POINTS,
        colours=_STATE_COLOURS,
    ),
    graph(
        "Missed in a row",
        "Fires missed in a row, of the tasks in which they are most. It falls to 0 with the next run.",
        Query(leading("consecutive_missed_runs"), _A_TASK),
        unit="none",
        style="steps",
        points=FEW_POINTS,
    ),
    graph(
        "Lateness of the last run",
        "Last run minus the fire it answers, of the tasks that were latest; negative when early.",
        Query(leading("last_run_lateness_seconds"), _A_TASK),
        unit="s",
        style="steps",
        points=FEW_POINTS,
    ),
    graph(
        "Age of the last run",
        "Time since the last run, of the tasks in which it is longest. A long age is well where the schedule is rare.",
        Query(leading("last_run_age_seconds"), _A_TASK),
        unit="s",
        points=FEW_POINTS,
    ),
)
