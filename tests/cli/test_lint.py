"""`lint`: over the simulator on the virtual clock, and over saved answers, hostile ones too."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from builders import KEY, Clock, Scene, at, config_text
from cli.runs import run
from exporter import logs
from exporter.cli.lint import lint_live
from exporter.ledger import Entry
from exporter.simulator.faults import Fault
from exporter.simulator.tasks import SimTask
from exporter.store.file import LedgerFile
from processes import EXPORTER

if TYPE_CHECKING:
    from pathlib import Path

NOW = at("2024-06-10 11:30:20Z")
STRANGER = f"[{{name: main, access_key: {KEY}, tasks: all}}, {{name: other, access_key: wrong-key, tasks: all}}]"
USAGE = "screenshotmax-exporter lint: error: "


def task(number: int, **changes: object) -> SimTask:
    """A daily task that has run so far."""
    facts = {"id": number, "name": f"Page {number}", "crontab": "0 9 * * *", "created_at": at("2024-05-01 00:00Z")}
    return SimTask(**facts | {"runs": 40, "last_run_at": at("2024-06-10 09:00:14Z")} | changes)


OK = task(1)
HOURLY = task(2, crontab="0 * * * *", timezone="Europe/Berlin")
NEVER = task(3, crontab="0 0 30 2 *")
PAUSED = task(4, enabled=False, last_run_at=at("2024-05-02 09:00:14Z"))


def linted(*tasks: SimTask, fault: Fault | None = None, form: str = "text", **config: str) -> int:
    """The exit code of lint at NOW."""
    logs.configure(level="error")
    clock = Clock(NOW)
    scene = Scene(clock, config_text(**config), tasks)
    if fault is not None:
        scene.world.faults.add(fault)
    return clock.run(lint_live(scene.house, scene.config, form=form))


@pytest.mark.parametrize(
    ("code", "summary", "tasks", "config"),
    [
        (0, "1 task: nothing found", [OK], {}),
        (0, "0 tasks: nothing found", [], {}),
        (0, "2 tasks: 1 info", [OK, HOURLY], {}),
        (1, "2 tasks: 1 warning", [OK, NEVER], {}),
        (1, "1 task: 1 warning", [PAUSED], {}),
        (1, "3 tasks: 1 warning, 1 info", [OK, HOURLY, NEVER], {}),
        (1, "1 task: 1 warning", [OK], {"missed_run": "{grace: 2d}"}),
    ],
)
def test_live_tasks(
    code: int, summary: str, tasks: list[SimTask], config: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A warning makes it 1, an info alone does not; the first line says how many there are."""
    assert code == linted(*tasks, **config)
    out, err = capsys.readouterr()
    assert (summary, "") == (out.splitlines()[0], err)


@pytest.mark.parametrize(
    ("sentence", "config", "fault"),
    [
        ("account other: the access key was refused (401)", {"accounts": STRANGER}, None),
        ("account main: the API failed (5xx)", {}, Fault(status=500)),
        ("account main: 1 tasks beyond max_tasks", {"poll": "{max_tasks: 1}"}, None),
        ("account main: the API does not know the id 9", {"accounts": f"[{{name: main, access_key: {KEY}, tasks: [3, 9]}}]"}, None),
    ],
)  # fmt: skip
def test_what_could_not_be_asked_is_told(
    sentence: str, config: dict[str, str], fault: Fault | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence for each on stderr and 3, whatever is found in the rest, which is still printed."""
    assert 3 == linted(NEVER, task(5), fault=fault, **config)
    out, err = capsys.readouterr()
    assert f"{sentence}\n" == err
    assert ("never-fires" in out) is (fault is None)


def test_the_text_of_live_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    """The whole output: the summary, then each code with its tasks as `explain` takes them."""
    assert 1 == linted(OK, NEVER, PAUSED)
    assert (
        """\
3 tasks: 2 warnings

never-fires: 1 warning
  main/3 Page 3 (0 0 30 2 * Etc/UTC)
    no date of the calendar satisfies the crontab

forgotten-pause: 1 warning
  main/4 Page 4 (0 9 * * * Etc/UTC)
    it is disabled, and its last run is 39 days old
      Thu 2024-05-02 09:00 (2024-05-02 09:00 UTC)
"""
        == capsys.readouterr().out
    )


def test_the_json_of_live_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    """The same as an array of objects with the account they are of."""
    assert 1 == linted(OK, NEVER, PAUSED, form="json")
    findings = json.loads(capsys.readouterr().out)
    assert [("never-fires", "main", "3"), ("forgotten-pause", "main", "4")] == [
        (finding["code"], finding["account"], finding["task_id"]) for finding in findings
    ]


@pytest.mark.parametrize(("seen", "code"), [("2024-06-01 00:00Z", 0), ("2024-05-03 00:00Z", 1)])
def test_the_ledger_knows_when_a_task_was_paused(seen: str, code: int) -> None:
    """A task that has long not run is no forgotten one while its pause is young."""
    logs.configure(level="error")
    clock = Clock(NOW)
    entry = Entry(at("2024-05-01 00:00Z"), at(seen), ("0 9 * * *", "Etc/UTC", False), observed_since_at=at(seen))
    scene = Scene(clock, config_text(), [PAUSED], entries={("main", "4"): entry})
    assert code == clock.run(lint_live(scene.house, scene.config, form="text"))


def saved(folder: Path, *tasks: object, name: str = "tasks.json") -> Path:
    file = folder / name
    file.write_text(json.dumps({"tasks": tasks}), encoding="utf-8")
    return file


def on_wire(task_id: int = 7, **changes: object) -> dict[str, object]:
    return {"id": task_id, "name": "Page", "crontab": "0 9 * * *", "timezone": "Etc/UTC", "enabled": True} | changes


def test_a_saved_answer_needs_no_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a configuration nor the network is touched; ids stand alone."""
    file = saved(tmp_path, on_wire(), on_wire(5650820808835072, name="Bäcker", crontab="0 0 30 2 *"))
    assert 1 == run("lint", "--tasks", file)
    told = "2 tasks: 1 warning\n\nnever-fires: 1 warning\n  5650820808835072 Bäcker (0 0 30 2 * Etc/UTC)\n"
    assert (f"{told}    no date of the calendar satisfies the crontab\n", "") == capsys.readouterr()
    assert 0 == run("lint", "--tasks", saved(tmp_path, on_wire()))


def test_the_vendors_own_answer_is_clean_but_for_the_clock(pytestconfig: pytest.Config) -> None:
    """The recorded List Tasks answer has nothing to warn of."""
    assert 0 == run("lint", "--tasks", pytestconfig.rootpath / "tests/data/screenshotmax/list-tasks.json")


def two_accounts(folder: Path) -> Path:
    file = folder / "two.yaml"
    file.write_text(
        "accounts:\n"
        "  - {name: lenient, access_key: some-key, tasks: all, missed_run: {grace: 2d}}\n"
        "  - {name: strict, access_key: some-key, tasks: all, missed_run: {grace: 2d}, overrides: [{id: 7, grace: 1h}]}\n"
    )
    return file


@pytest.mark.parametrize(("account", "code"), [("lenient", 1), ("strict", 0)])
def test_a_saved_answer_with_tolerances(
    account: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a configuration the grace of the chosen account, overrides included, is held against the period."""
    words = ["--config.file", two_accounts(tmp_path), "--account", account]
    assert code == run("lint", "--tasks", saved(tmp_path, on_wire()), *words)
    assert (f"{account}/7 Page" in capsys.readouterr().out) is (code == 1)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--format=xml"], "argument --format: invalid choice: 'xml'"),
        (["--tasks", "x", "--account", "main"], "argument --account: expected --config.file too"),
        (["--tasks", "x", "--storage.path", "y"], "argument --storage.path: found --tasks too, expected one of them"),
        (["--tasks", "x", "--config.file", "two.yaml"], "argument --tasks: found 2 accounts, expected --account to choose one"),
        (["--config.file", "two.yaml", "--account", "main"], "argument --account: found 'main', expected one of lenient, strict"),
        (["--tasks"], "argument --tasks: expected one argument"),
    ],
)  # fmt: skip
def test_bad_flags(
    words: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Flags that cannot be used, alone or together, end with 3 and one sentence."""
    two_accounts(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert 3 == run("lint", *words)
    out, err = capsys.readouterr()
    assert ("", True) == (out, err.splitlines()[-1].startswith(f"{USAGE}{sentence}"))


@pytest.mark.parametrize("words", [[], ["--tasks", "x", "--config.file", "config.yaml"]])
def test_a_missing_configuration(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where one is needed or named, its absence is told, and the code is 3."""
    monkeypatch.chdir(tmp_path)
    assert 3 == run("lint", *words)
    assert ("", "config.yaml: found no such file, expected a configuration file\n") == capsys.readouterr()


AS_RECEIVED = "; it must be a List Tasks answer as it was received"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", f"the body is not JSON{AS_RECEIVED}"),
        (b"\xff\xfe", f"the body is not UTF-8{AS_RECEIVED}"),
        (b"[" * 100_000, f"the JSON is nested too deeply{AS_RECEIVED}"),
        (b"[]", f'expected an object whose "tasks" is an array, found an array{AS_RECEIVED}'),
        (b'{"tasks": {}}', f'expected an object whose "tasks" is an array{AS_RECEIVED}'),
        (b'{"tasks": [1, null]}', f"no element of the list has a usable id{AS_RECEIVED}"),
        (b" " * (16 * 1024 * 1024 + 1), "found more than 16777216 bytes, expected a List Tasks answer"),
    ],
    ids=["empty", "no text", "deep", "array", "object", "no ids", "large"],
)
def test_hostile_files(content: bytes, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no List Tasks answer is told in one sentence that quotes none of it."""
    file = tmp_path / "tasks.json"
    file.write_bytes(content)
    assert 3 == run("lint", "--tasks", file)
    assert ("", f"{str(file)!r}: {sentence}\n") == capsys.readouterr()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("absent.json", "no such file"),
        (".", "a directory"),
        ("a\nb", "no such file"),
        ("x" * 300, "a file that cannot be read"),
    ],
)
def test_files_that_cannot_be_read(
    name: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Why, in one sentence on one line."""
    monkeypatch.chdir(tmp_path)
    assert 3 == run("lint", "--tasks", name)
    assert ("", f"{name!r}: found {found}, expected a List Tasks answer\n") == capsys.readouterr()


def test_a_file_without_permission(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that others keep from us is told of as such; root may read everything."""
    file = saved(tmp_path, on_wire())
    file.chmod(0)
    try:
        file.read_bytes()
    except PermissionError:
        assert 3 == run("lint", "--tasks", file)
        assert f"{str(file)!r}: found a file that we may not read" in capsys.readouterr().err
    else:
        assert 0 == run("lint", "--tasks", file)


def test_elements_that_are_no_tasks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rest is linted, but is not all that there is: 3."""
    file = saved(tmp_path, on_wire(), {"name": "no id"}, 5)
    assert 3 == run("lint", "--tasks", file)
    out, err = capsys.readouterr()
    assert "1 task: nothing found\n" == out
    assert f"{str(file)!r}: found elements without a usable id (2), expected tasks only\n" == err


def test_hostile_text_stays_on_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No name can write to the terminal or begin a line of its own."""
    file = saved(tmp_path, on_wire(name="\x1b[2J\nnever-fires: 9 warnings", crontab="\x1b * * * *"))
    assert 1 == run("lint", "--tasks", file)
    out, _ = capsys.readouterr()
    assert "\x1b" not in out
    assert ["1 task: 1 warning", "invalid-schedule: 1 warning"] == [
        line for line in out.splitlines() if line and not line.startswith(" ")
    ]


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A dash reads what is piped in, and it is called so in messages."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps({"tasks": [on_wire()]}).encode())))
    assert 0 == run("lint", "--tasks", "-")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x")))
    assert 3 == run("lint", "--tasks", "-")
    assert f"standard input: the body is not JSON{AS_RECEIVED}\n" == capsys.readouterr().err


def test_as_a_process(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Against an API that nobody serves it says so within its deadline, and exits with 3; the JSON is still whole."""
    file = tmp_path / "config.yaml"
    file.write_text(config_text())
    words = ["lint", "--config.file", str(file), "--format=json", "--storage.path", str(tmp_path / "ledger.db")]
    LedgerFile(tmp_path / "ledger.db", now=lambda: NOW).close()
    ended = subprocess.run(
        [*EXPORTER, *words], cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False, timeout=30
    )
    told = "account main: no connection to the API\n"
    assert (3, "[]\n", told) == (ended.returncode, ended.stdout, ended.stderr)
