"""`explain`: one poll of one task over the simulator, on the virtual clock."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from builders import KEY, Clock, Scene, at, config_text
from cli.runs import GOOD, run
from exporter import app, logs
from exporter.cli.explain import AskingError, explain, narrow
from exporter.config import parse
from exporter.simulator.faults import Fault, Kind
from exporter.simulator.tasks import FROZEN, SimTask
from exporter.store.file import LedgerFile, read_entries
from processes import EXPORTER

TWO = f"[{{name: main, access_key: {KEY}, tasks: all}}, {{name: other, access_key: other-key, tasks: [7]}}]"


def hourly(**changes: object) -> SimTask:
    facts = {"id": 7, "name": "Shop front", "crontab": "0 * * * *", "created_at": at("2024-05-01 00:00Z")}
    return SimTask(**facts | {"runs": 900, "last_run_at": at("2024-06-10 11:00:14Z")} | changes)


def explained(
    *tasks: SimTask, wanted: str = "7", form: str = "text", fault: Fault | None = None, entries=None, **config: str
) -> tuple[int, Scene]:
    """The exit code at 12:17 UTC, and what it came from."""
    logs.configure(level="error")
    clock = Clock(at("2024-06-10 12:17:00Z"))
    scene = Scene(clock, config_text(**config), tasks)
    if fault is not None:
        scene.world.faults.add(fault)
    cut = narrow(scene.config, wanted)
    house = app.build(cut, now=clock.now, host="test-host", transport=scene.wire, entries=entries)
    return clock.run(explain(house, form=form)), scene


def test_a_missed_task_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """The text begins with the state and the sentence that answers the page; exit code 0."""
    code, _ = explained(hourly(behaviour=FROZEN))
    out, err = capsys.readouterr()
    first, second, *_ = out.splitlines()
    assert (0, "") == (code, err)
    assert "MISSED  main/7" == first
    assert "Shop front missed the run of Mon 10 Jun 12:00 UTC; its deadline passed 11 min ago." == second


def test_only_that_task_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """One request, Get Task, however many tasks and accounts there are."""
    code, scene = explained(hourly(), hourly(id=8), accounts=TWO, wanted="main/8")
    assert (0, ["/v1/tasks/8"]) == (code, [seen.path for seen in scene.world.seen])


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON is that of the route, with the source of what the configuration gave."""
    config = f"[{{name: main, access_key: {KEY}, tasks: all, overrides: [{{id: 7, grace: 30m}}]}}]"
    code, _ = explained(hourly(behaviour=FROZEN), form="json", accounts=config)
    document = json.loads(capsys.readouterr().out)
    assert (0, "due") == (code, document["task"]["state"])
    assert {"seconds": 1800.0, "auto": False, "source": "override"} == document["grace"]


@pytest.mark.parametrize(
    ("tasks", "fault", "sentence"),
    [
        ([], None, "account main: the API does not know the id 7"),
        ([hourly()], Fault(status=401), "account main: the access key was refused (401)"),
        ([hourly()], Fault(status=500), "account main: the API failed (5xx)"),
        ([hourly()], Fault(kind=Kind.BAD_JSON), "account main: the answer was not JSON"),
        ([hourly()], Fault(kind=Kind.WRONG_DATE, seconds=3600), "account main: the API's clock and ours disagree"),
    ],
)
def test_what_could_not_be_asked(
    tasks: list[SimTask], fault: Fault | None, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without facts there is nothing to explain: one sentence on stderr, nothing on stdout, exit code 3."""
    code, _ = explained(*tasks, fault=fault)
    out, err = capsys.readouterr()
    assert (3, "") == (code, out)
    assert err.startswith(sentence)
    assert 1 == len(err.splitlines())


def configured(accounts: str):
    return parse(config_text(accounts=accounts), name="config.yaml", directory=Path())


@pytest.mark.parametrize(
    ("accounts", "wanted", "account"),
    [
        (f"[{{name: main, access_key: {KEY}, tasks: all}}]", "8", "main"),
        (f"[{{name: main, access_key: {KEY}, tasks: [7]}}]", "8", "main"),
        (f"[{{name: main, access_key: {KEY}, tasks: all, exclude: [8]}}]", "8", "main"),
        (TWO, "other/8", "other"),
        (TWO, "other/0008", "other"),
        (TWO, "main/7", "main"),
        (TWO, "8", "main"),
        ("[{name: a, access_key: k, tasks: [7]}, {name: b, access_key: k, tasks: [8]}]", "8", "b"),
        ("[{name: a, access_key: k, tasks: all, exclude: [8]}, {name: b, access_key: k, tasks: [8]}]", "8", "b"),
    ],
)
def test_the_account_is_found(accounts: str, wanted: str, account: str) -> None:
    """A bare id means the only account that may hold it; the configuration is cut down to that task."""
    (only,) = narrow(configured(accounts), wanted).accounts
    assert (account, (wanted.rpartition("/")[2].lstrip("0"),), "each") == (only.name, only.tasks, only.fetch)


@pytest.mark.parametrize(
    ("accounts", "wanted", "sentence"),
    [
        (TWO, "7", "found '7', which 2 accounts may hold, expected main/7 or other/7"),
        (TWO, "third/7", "found account 'third', expected one of main, other"),
        ("[{name: a, access_key: k, tasks: [1]}, {name: b, access_key: k, tasks: [2]}]", "8", "found '8', which 2 accounts may hold, expected a/8 or b/8"),
        (TWO, "shop", "found 'shop', expected TASK_ID or ACCOUNT/TASK_ID, the id of 1 to 20 digits"),
        (TWO, "main/7/8", "found 'main/7/8', expected TASK_ID or ACCOUNT/TASK_ID, the id of 1 to 20 digits"),
        (TWO, "7\n", "found '7\\n', expected TASK_ID or ACCOUNT/TASK_ID, the id of 1 to 20 digits"),
        (TWO, "\u0667", "found '\u0667', expected TASK_ID or ACCOUNT/TASK_ID, the id of 1 to 20 digits"),
    ],
)  # fmt: skip
def test_a_task_that_is_not_clear(accounts: str, wanted: str, sentence: str) -> None:
    """What is wrong with the wanted task is one sentence that names what was expected."""
    with pytest.raises(AskingError) as caught:
        narrow(configured(accounts), wanted)
    assert sentence == str(caught.value)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["explain"], "error: the following arguments are required: [ACCOUNT/]TASK_ID"),
        (["explain", "shop", "--config.file", "FILE"], "error: argument [ACCOUNT/]TASK_ID: found 'shop', expected"),
        (["explain", "7", "--format", "xml"], "error: argument --format: invalid choice: 'xml'"),
        (["explain", "7", "--config.file", "nowhere.yaml"], "nowhere.yaml: found no such file"),
        (["explain", "7", "--config.file", "FILE", "--storage.path", "."], "storage path"),
    ],
)
def test_bad_flags(words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it cannot begin with ends with 3, and the last line of stderr says why."""
    (tmp_path / "config.yaml").write_text(GOOD)
    assert 3 == run(*(str(tmp_path / "config.yaml") if word == "FILE" else word for word in words))
    assert sentence in capsys.readouterr().err.splitlines()[-1]


def test_it_agrees_with_the_daemon_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An edit that the daemon has seen keeps a fire from before it unjudged here too, and the counts are its counts."""
    file = tmp_path / "ledger.sqlite"
    clock = Clock(at("2024-06-10 11:50:00Z"))
    scene = Scene(clock, config_text(), [hourly(crontab="30 * * * *")], ledger_file=LedgerFile(file, now=clock.now))

    async def edit() -> None:
        async with scene.polling():
            await clock.until(at("2024-06-10 12:10:00Z"))
            scene.account.task(7).edit({"crontab": "0 * * * *"}, clock.now())
            await clock.until(at("2024-06-10 12:12:00Z"))

    clock.run(edit())
    before = file.read_bytes()
    code, _ = explained(
        hourly(behaviour=FROZEN, runs=901, last_run_at=at("2024-06-10 11:30:30Z")), entries=read_entries(file)
    )
    out = capsys.readouterr().out
    assert (0, before) == (code, file.read_bytes())
    assert "OK  main/7" == out.splitlines()[0]
    assert "an edit or a switch was first seen: judged anew from here" in out
    assert "since         Mon 10 Jun 11:50 UTC (2024-06-10 11:50:00Z)" in out


def test_as_a_process(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """With nobody listening the command says so, leaves stdout empty, and exits with 3."""
    file = tmp_path / "config.yaml"
    file.write_text(config_text())
    words = ["explain", "7", "--config.file", str(file), "--storage.path", str(tmp_path / "none.sqlite")]
    ended = subprocess.run(
        [*EXPORTER, *words], cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False, timeout=30
    )
    assert (3, "") == (ended.returncode, ended.stdout)
    assert ended.stderr.splitlines()[-1].startswith("account main: no connection to the API")
    assert not (tmp_path / "none.sqlite").exists()
