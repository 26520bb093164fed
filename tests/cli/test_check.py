"""`check`: one poll over the simulator, on the virtual clock."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from builders import KEY, Clock, Scene, at, config_text
from exporter import logs
from exporter.cli.check import check
from exporter.simulator.faults import Fault, Kind
from exporter.simulator.tasks import FROZEN, SimTask
from processes import EXPORTER

if TYPE_CHECKING:
    from pathlib import Path

STRANGER = f"[{{name: main, access_key: {KEY}, tasks: all}}, {{name: other, access_key: wrong-key, tasks: all}}]"
REFUSED = "account other: the access key was refused (401)"


def task(number: int, **changes: object) -> SimTask:
    """An hourly task that has run so far."""
    facts = {"id": number, "name": f"Page {number}", "crontab": "0 * * * *", "created_at": at("2024-05-01 00:00Z")}
    return SimTask(**facts | {"runs": 900, "last_run_at": at("2024-06-10 11:00:14Z")} | changes)


OK = task(1)
UNKNOWN = task(2, timezone="Mars/Olympus_Mons")
MISSED = task(3, last_run_at=at("2024-06-10 08:00:14Z"), behaviour=FROZEN)


def checked(*tasks: SimTask, fault: Fault | None = None, **config: str) -> int:
    """The exit code of a check at 11:30:20 UTC."""
    logs.configure(level="error")
    clock = Clock(at("2024-06-10 11:30:20Z"))
    scene = Scene(clock, config_text(**config), tasks)
    if fault is not None:
        scene.world.faults.add(fault)
    return clock.run(check(scene.house))


@pytest.mark.parametrize(
    ("code", "summary", "tasks", "config"),
    [
        (0, "OK: 1 ok", [OK], {}),
        (0, "OK: no tasks", [], {}),
        (1, "WARNING: 1 unknown, 1 ok", [OK, UNKNOWN], {}),
        (2, "CRITICAL: 1 missed, 1 ok", [OK, MISSED], {}),
        (2, "CRITICAL: 1 missed, 1 unknown, 1 ok", [OK, UNKNOWN, MISSED], {}),
        (3, f"UNKNOWN: 1 ok; {REFUSED}", [OK], {"accounts": STRANGER}),
        (3, f"UNKNOWN: 1 unknown; {REFUSED}", [UNKNOWN], {"accounts": STRANGER}),
        (2, f"CRITICAL: 1 missed; {REFUSED}", [MISSED], {"accounts": STRANGER}),
    ],
)
def test_the_worst_wins(
    code: int, summary: str, tasks: list[SimTask], config: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A miss wins over all, an account that could not be asked over what is unknown; the first line says it."""
    assert code == checked(*tasks, **config)
    out, err = capsys.readouterr()
    assert f"SCREENSHOTMAX {summary}" == out.splitlines()[0]
    assert "" == err


def listed(*numbers: int, fetch: str = "each") -> dict[str, str]:
    return {"accounts": f"[{{name: main, access_key: {KEY}, tasks: {list(numbers)}}}]", "poll": f"{{fetch: {fetch}}}"}


@pytest.mark.parametrize("fetch", ["each", "list"])
def test_an_id_that_the_api_does_not_know(fetch: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing task is unknown; the API was asked and has answered."""
    assert 1 == checked(OK, **listed(1, 9, fetch=fetch))
    assert "SCREENSHOTMAX WARNING: 1 unknown, 1 ok" == capsys.readouterr().out.splitlines()[0]


def test_a_failure_between_successes_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """One task that could not be asked for is told, although a later one could."""
    assert 3 == checked(OK, task(4), fault=Fault(status=500, count=1), **listed(1, 4))
    told = "SCREENSHOTMAX UNKNOWN: 1 unknown, 1 ok; account main: the API failed (5xx)"
    assert told == capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=402), "the account's payment is due (402)"),
        (Fault(status=429), "too many requests (429)"),
        (Fault(kind=Kind.BAD_JSON), "the answer was not JSON"),
        (Fault(kind=Kind.WRONG_DATE, seconds=3600), "the API's clock and ours disagree"),
    ],
)
def test_a_failing_account_is_told_in_words(fault: Fault, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Why an account could not be asked stands in the first line, which is what Nagios shows."""
    assert 3 == checked(OK, fault=fault)
    assert (f"SCREENSHOTMAX UNKNOWN: no tasks; account main: {words}\n", "") == capsys.readouterr()


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The whole output: the summary, and a line for each task, the most troubled first."""
    checked(OK, UNKNOWN, MISSED)
    assert (
        """\
SCREENSHOTMAX CRITICAL: 1 missed, 1 unknown, 1 ok
STATE    TASK    ID  RUNS  LAST RUN  NEXT    WHY
missed   Page 3  3    900  3h ago    in 29m  3 missed, the first 2h ago
unknown  Page 2  2    900  30m ago   -       timezone: found 'Mars/Olympus_Mons', expected an IANA name
ok       Page 1  1    900  30m ago   in 29m
"""
        == capsys.readouterr().out
    )


def test_as_a_process(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """With nobody listening the command says so within its deadline, leaves stderr alone, and exits with 3."""
    file = tmp_path / "config.yaml"
    file.write_text(config_text())
    words = ["check", "--config.file", str(file)]
    ended = subprocess.run(
        [*EXPORTER, *words], cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False, timeout=30
    )
    told = "SCREENSHOTMAX UNKNOWN: no tasks; account main: no connection to the API\n"
    assert (3, told, "") == (ended.returncode, ended.stdout, ended.stderr)
