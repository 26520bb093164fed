"""What proper JSON can say: U29 to U55."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chaos.plays import Fault, body, changed, dated, elements, failing, fields, headed, literal, reworded, unsure
from exporter.model import Problem, Reason, State

if TYPE_CHECKING:
    from chaos.server import Call, Play

SECRET = "token-inside-the-query"
HOUR = 3600
NAMES = {
    "newline": "Shop\nscreenshotmax_up 0\n",
    "label": 'Shop",evil="1"} 1\n',
    "backslash": "Shop\\",
    "control": "Shop\x00\x07\x7f",
    "ANSI": "\x1b[31mShop\x1b[0m",
    "900kB": "S" * 900_000,
    "surrogate": "Shop \ud800",
    "bidi": "Shop \u202egnp.exe",
    "html": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "log-line": "Shop\nlevel=error msg=lost",
    "empty": "",
}


def bad(problem: Problem, **values: Any) -> Fault:
    return unsure(problem, fields(**values))


def bad_text(name: str, text: str, problem: Problem = Problem.BAD_FIELD) -> Fault:
    return unsure(problem, literal(name, text))


def crontab(text: str, problem: Problem = Problem.INVALID_SCHEDULE) -> Fault:
    return bad(problem, crontab=text)


def relative(**seconds: int) -> Play:
    """Fields that are so many seconds from the task's own last run."""
    return changed(lambda task: task | {name: last_run(task) + offset for name, offset in seconds.items()})


def last_run(task: dict[str, Any]) -> int:
    return task["last_run"] or task["created"]


def crowded(call: Call) -> bytes:
    """The true list and 100 000 more, all of them with higher ids."""
    true = [json.dumps(task) for task in call.truth()[1]["tasks"]]
    more = (f'{{"id":{number}}}' for number in range(10**19, 10**19 + 100_000))
    return f'{{"tasks":[{",".join((*true, *more))}]}}'.encode()


FAULTS = {
    "U29-nested-200000": failing(Reason.BAD_JSON, body(b"[" * 200_000)),
    "U29-nested-field": failing(Reason.BAD_JSON, literal("more", "[" * 200_000 + "]" * 200_000)),
    "U29-nested-list": failing(Reason.BAD_JSON, body(b'{"tasks":[' + b"[" * 200_000), listed=True),
    "U29-nested-objects": failing(Reason.BAD_JSON, body(b'{"a":' * 100_000)),
    "U30-100000-digits": bad_text("last_run", "9" * 100_000),
    "U30-400-digits": bad_text("last_run", "9" * 400),
    "U30-1e400": bad_text("last_run", "1e400"),
    "U30-runs-of-100000-digits": Fault(play=literal("runs", "9" * 100_000)),
    "U30-1e400-runs": Fault(play=literal("runs", "1e400")),
    "U30-id-of-100000-digits": failing(Reason.BAD_SHAPE, literal("id", "9" * 100_000)),
    "U31-NaN": bad_text("last_run", "NaN"),
    "U31-Infinity": bad_text("last_run", "Infinity"),
    "U31-minus-Infinity": bad_text("last_run", "-Infinity"),
    "U31-negative": bad(Problem.IMPLAUSIBLE, last_run=-1),
    "U31-NaN-runs": Fault(play=literal("runs", "NaN")),
    "U31-negative-runs": Fault(play=fields(runs=-1)),
    "U31-NaN-created": Fault(play=literal("created", "NaN")),
    "U32-duplicate-keys": Fault(play=reworded(lambda text: b'{"enabled": "false", "id": 1, ' + text[1:])),
    "U33-unknown-fields": Fault(play=fields(status="up", tags=["a", {"b": None}], error=None)),
    "U33-50000-keys": Fault(play=changed(lambda task: {f"k{number}": 0 for number in range(50_000)} | task)),
    "U33-200000-keys": failing(
        Reason.TOO_LARGE, changed(lambda task: {f"k{number}": 0 for number in range(200_000)} | task)
    ),
    "U34-enabled-text": bad(Problem.BAD_FIELD, enabled="false"),
    "U34-enabled-0": bad(Problem.BAD_FIELD, enabled=0),
    "U34-enabled-1": bad(Problem.BAD_FIELD, enabled=1),
    "U34-enabled-null": bad(Problem.BAD_FIELD, enabled=None),
    "U34-crontab-number": bad(Problem.BAD_FIELD, crontab=5),
    "U34-crontab-null": bad(Problem.BAD_FIELD, crontab=None),
    "U34-crontab-list": bad(Problem.BAD_FIELD, crontab=["0 * * * *"]),
    "U34-timezone-list": bad(Problem.BAD_FIELD, timezone=["UTC"]),
    "U34-timezone-null": bad(Problem.BAD_FIELD, timezone=None),
    "U34-last_run-text": bad(Problem.BAD_FIELD, last_run="1718020800"),
    "U34-last_run-true": bad(Problem.BAD_FIELD, last_run=True),
    "U34-last_run-fraction": bad(Problem.BAD_FIELD, last_run=1718020800.5),
    "U34-last_run-object": bad(Problem.BAD_FIELD, last_run={}),
    "U34-runs-true": Fault(play=fields(runs=True)),
    "U34-runs-text": Fault(play=fields(runs="12")),
    "U34-created-text": Fault(play=fields(created="yesterday")),
    "U34-name-number": Fault(play=fields(name=7)),
    "U34-name-null": Fault(play=fields(name=None)),
    "U34-api-object": Fault(play=fields(api={}, frequency=[], query=7)),
    "U34-id-true": failing(Reason.BAD_SHAPE, fields(id=True)),
    "U34-id-null": failing(Reason.BAD_SHAPE, fields(id=None)),
    "U34-all-fields-wrong": unsure(
        Problem.BAD_FIELD, changed(lambda task: {name: [[]] for name in task} | {"id": task["id"]})
    ),
    "U35-id-as-text": Fault(play=changed(lambda task: task | {"id": str(task["id"])})),
    "U35-id-through-a-double": failing(Reason.BAD_SHAPE, changed(lambda task: task | {"id": float(task["id"])})),
    "U35-id-rounded": failing(Reason.WRONG_ID, changed(lambda task: task | {"id": int(float(task["id"]))})),
    "U36-another-task": failing(Reason.WRONG_ID, changed(lambda task: task | {"id": 7002})),
    "U36-next-id": failing(Reason.WRONG_ID, changed(lambda task: task | {"id": task["id"] + 1})),
    "U38-twice-in-the-list": Fault(
        play=elements(lambda tasks: [tasks[0], *tasks, tasks[0] | {"enabled": False, "name": "Second"}]), listed=True
    ),
    "U39-half-the-tasks": Fault(play=elements(lambda tasks: tasks[len(tasks) // 2 :]), listed=True, gone=True),
    "U40-bad-elements": Fault(
        play=elements(lambda tasks: [None, 7, [], {}, {"id": True}, {"id": -1}, "x", *tasks, {"name": 1}]), listed=True
    ),
    "U40-one-bad-field": unsure(Problem.BAD_FIELD, changed(lambda task: task | {"enabled": "yes"}), listed=True),
    "U41-100000-tasks": Fault(play=body(crowded), listed=True),
    **{
        f"U42-{name}": bad(Problem.INVALID_TIMEZONE, timezone=text)
        for name, text in {
            "unknown-zone": "Mars/Olympus",
            "path": "../../etc/passwd",
            "absolute": "/etc/localtime",
            "directory": "Europe",
            "zone-file": "zone.tab",
            "localtime": "localtime",
            "posixrules": "posixrules",
            "empty": "",
            "NUL": "UTC\x00",
            "5000-characters": "A" * 5000,
            "surrogate": "\ud800",
        }.items()
    },
    **{
        f"U44-{name}": crontab(text)
        for name, text in {
            "six-fields": "0 0 * * * *",
            "seven-fields": "0 0 * * * * 2030",
            "quartz": "0 0 12 ? * MON-FRI",
            "reboot": "@reboot",
            "hash": "H * * * *",
            "random": "R R * * *",
            "last": "0 0 L * *",
            "weekday": "0 0 15W * *",
            "nth": "0 0 * * 5#2",
            "backwards": "22-3 * * * *",
            "step-0": "*/0 * * * *",
            "weekday-8": "0 0 * * 8",
            "empty": "",
            "arabic-digits": "\u0660 * * * *",
        }.items()
    },
    "U45-never-fires": crontab("0 0 30 2 *", Problem.NEVER_FIRES),
    "U46-900kB-crontab": crontab("0" * 900_000),
    "U46-100000-items": crontab(f"{','.join(['0'] * 100_000)} * * * *"),
    "U49-milliseconds": unsure(Problem.IMPLAUSIBLE, changed(lambda task: task | {"last_run": last_run(task) * 1000})),
    "U49-future": unsure(Problem.IMPLAUSIBLE, relative(last_run=12 * HOUR)),
    "U49-year-5000": bad(Problem.IMPLAUSIBLE, last_run=95_617_584_000),
    "U49-before-created": Fault(play=relative(created=60)),
    "U49-created-in-the-future": Fault(play=relative(created=12 * HOUR)),
    "U50-null-although-it-ran": bad(Problem.IMPLAUSIBLE, last_run=None),
    "U50-zero-although-it-ran": bad(Problem.IMPLAUSIBLE, last_run=0),
    "U50-absent-although-it-ran": unsure(
        Problem.IMPLAUSIBLE, changed(lambda task: {name: value for name, value in task.items() if name != "last_run"})
    ),
    "U50-never-ran": Fault(
        play=changed(lambda task: task | {"created": last_run(task) + 120, "last_run": None, "runs": 0}),
        state=State.NEVER_RAN,
    ),
    "U51-runs-go-back": Fault(play=fields(runs=1)),
    "U51-last-run-goes-back": Fault(play=relative(last_run=-3)),
    "U52-cached-by-Age": Fault(play=dated(timedelta(), "Age: 1800", ago=timedelta(seconds=1800)), state=State.DUE),
    "U52-cached-with-its-Date": Fault(
        play=dated(timedelta(minutes=-30), "Age: 1800", ago=timedelta(minutes=30)), state=State.DUE
    ),
    "U52-Date-older-than-Age": failing(
        Reason.CLOCK_SKEW,
        dated(timedelta(minutes=-30), "Age: 600", ago=timedelta(minutes=30)),
        state=State.UNKNOWN,
        problem=Problem.CLOCK_SKEW,
    ),
    "U52-old-Date": failing(
        Reason.CLOCK_SKEW,
        dated(timedelta(minutes=-30), ago=timedelta(minutes=30)),
        state=State.UNKNOWN,
        problem=Problem.CLOCK_SKEW,
    ),
    **{
        f"U52-Age-{name}": Fault(play=headed(f"Age: {text}"))
        for name, text in {"negative": "-5", "text": "old", "nan": "nan", "zero": "0"}.items()
    },
    "U52-Age-absurd": Fault(play=headed("Age: 9999999999"), state=State.DUE),
    **{f"U53-name-{name}": Fault(play=fields(name=text)) for name, text in NAMES.items()},
    "U53-words-hostile": Fault(play=fields(api='x"\n', frequency="\ud800\x1b[0m", query="\x00")),
    "U54-renamed-each-time": Fault(
        play=body(lambda call: json.dumps(call.truth()[1] | {"name": f"Shop {call.now:%H:%M:%S}"}).encode())
    ),
    "U55-secret-in-query": Fault(play=fields(query=f"url=https://example.com&token={SECRET}")),
}
