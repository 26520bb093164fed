"""Which verb runs, and with which exit code what cannot run is refused."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import structlog

from cli.runs import GOOD, run

if TYPE_CHECKING:
    from pathlib import Path

HIDDEN = "key-in-the-text"
NO_ADDRESS = "listen address 'no': expected host:port, such as :10142, 127.0.0.1:10142 or [::1]:10142"
DEMO_ADVICE = "; choose others with --web.listen-address and --simulator.listen-address"


def test_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """Without arguments the help is printed, and the code is that of bad flags."""
    assert 2 == run()
    out, err = capsys.readouterr()
    assert out.startswith("usage: screenshotmax-exporter [-h] [--version] VERB ...\n")
    assert all(f"    {verb} " in out for verb in ("serve", "demo", "simulate", "check", "config"))
    assert "" == err


@pytest.mark.parametrize(
    "words", [("-h",), ("--help",), ("serve", "-h"), ("check", "--help"), ("config", "check", "-h"), ("config", "-h")]
)
def test_help(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Help that was asked for is a success."""
    assert 0 == run(*words)
    out, err = capsys.readouterr()
    verb = " ".join(word for word in words if not word.startswith("-"))
    assert out.startswith(f"usage: screenshotmax-exporter {verb}".rstrip() + " ")
    assert "" == err


@pytest.mark.parametrize(
    ("code", "words", "sentence"),
    [
        (2, ["nonsense"], "screenshotmax-exporter: error: argument VERB: invalid choice: 'nonsense'"),
        (2, ["config"], "screenshotmax-exporter config: error: the following arguments are required: VERB"),
        (2, ["--nonsense"], "screenshotmax-exporter serve: error: unrecognized arguments: --nonsense"),
        (2, ["--log.level=loud"], "screenshotmax-exporter serve: error: argument --log.level: invalid choice: 'loud'"),
        (2, ["--config.fil=x"], "screenshotmax-exporter serve: error: unrecognized arguments: --config.fil"),
        (2, ["--config.file"], "screenshotmax-exporter serve: error: argument --config.file: expected one argument"),
        (2, ["serve", "x"], "screenshotmax-exporter serve: error: unrecognized arguments: x"),
        (2, ["config", "check", "-x"], "screenshotmax-exporter config check: error: unrecognized arguments: -x"),
        (2, ["healthcheck", "a", "b"], "screenshotmax-exporter healthcheck: error: unrecognized arguments: b"),
        (2, ["simulate", "--simulator.tasks=0"], "expected a whole number from 1 to 1000000"),
        (2, ["simulate", "--simulator.tasks=²"], "expected a whole number from 1 to 1000000"),
        (2, ["simulate", "--simulator.speed=nan"], "expected a number above 0, at most 1000000"),
        (2, ["simulate", "--simulator.speed=fast"], "expected a number above 0, at most 1000000"),
        (2, ["simulate", "--simulator.tls-key=x"], "argument --simulator.tls-key: expected --simulator.tls-cert too"),
        (3, ["check", "--nonsense"], "screenshotmax-exporter check: error: unrecognized arguments: --nonsense"),
        (3, ["check", "--log.format=xml"], "argument --log.format: invalid choice: 'xml'"),
    ],
)
def test_bad_flags(code: int, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Flags that cannot be used: the usage and one sentence on stderr, and 2; from `check` 3, as Nagios wants it."""
    assert code == run(*words)
    out, err = capsys.readouterr()
    assert "" == out
    assert err.startswith("usage: screenshotmax-exporter ")
    assert sentence in err.splitlines()[-1]


@pytest.mark.parametrize("words", [[f"--access-key={HIDDEN}"], ["--access-key", HIDDEN], [HIDDEN, "--access-key"]])
def test_a_key_as_a_flag(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Who hopes for a flag that takes the key learns that there is none, and the log does not learn the key."""
    assert 2 == run("serve", *words)
    out, err = capsys.readouterr()
    assert "screenshotmax-exporter serve: error: unrecognized arguments: --access-key" == err.splitlines()[-1]
    assert HIDDEN not in out + err


@pytest.mark.parametrize("form", ["logfmt", "json"])
@pytest.mark.parametrize(("code", "verb"), [(1, "serve"), (3, "check"), (3, "explain"), (3, "lint")])
def test_a_bug_before_anything_runs(
    code: int,
    verb: str,
    form: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is told by class and place, in one line and without its text, and the code is that of what could not be done."""

    def fail() -> str:
        raise RuntimeError(HIDDEN)

    monkeypatch.setattr(socket, "gethostname", fail)
    (tmp_path / "good.yaml").write_text(GOOD)
    words = ["1"] if verb == "explain" else []
    assert code == run(
        verb, *words, f"--config.file={tmp_path / 'good.yaml'}", "--log.level=error", f"--log.format={form}"
    )
    out, err = capsys.readouterr()
    assert "" == out
    facts = {
        "logfmt": r" where=main error=RuntimeError at=\S+fail:\d+\n",
        "json": r'.* "where": "main", "error": "RuntimeError", "at": "[^"]+fail:\d+"\}\n',
    }
    assert re.fullmatch(rf'.*"Internal error"{facts[form]}', err)


def test_a_bug_before_there_is_a_log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told by class and place all the same."""

    def fail(*_: object) -> int:
        raise RuntimeError(HIDDEN)

    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys.stdout, "write", fail)
    structlog.reset_defaults()
    assert 1 == run("config", "schema")
    assert re.fullmatch(r'.* msg="Internal error" where=main error=RuntimeError at=\S+\n', capsys.readouterr().err)


@pytest.mark.parametrize(
    ("code", "words"),
    [(1, ["--config.file=absent.yaml"]), (1, ["serve", "--config.file", "absent.yaml"]), (3, ["check"])],
)
def test_a_missing_configuration(
    code: int, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence says that the file is not there."""
    monkeypatch.chdir(tmp_path)
    assert code == run(*words, "--log.level=error")
    name = "config.yaml" if words == ["check"] else "absent.yaml"
    assert ("", f"{name}: found no such file, expected a configuration file\n") == capsys.readouterr()


MISTAKES = "absent.yaml: found no such file, expected a configuration file"


@pytest.mark.parametrize(
    ("code", "words", "mistakes"),
    [
        (1, ["--config.file=absent.yaml"], [MISTAKES]),
        (3, ["check", "--config.file=absent.yaml"], [MISTAKES]),
        (3, ["explain", "1", "--config.file=absent.yaml"], [MISTAKES]),
        (3, ["lint", "--config.file=absent.yaml"], [MISTAKES]),
        (
            1,
            ["--config.file=bad.yaml"],
            [
                "bad.yaml:1: api.timeout: found 'soon', expected a duration between 1s and 1m",
                "bad.yaml:2: accounts: found an empty list, expected at least one item",
            ],
        ),
        (
            1,
            ["--config.file=good.yaml", "--storage.path=absent/ledger.db"],
            ["storage path 'absent/ledger.db': the directory does not exist"],
        ),
        (1, ["--config.file=good.yaml", "--web.listen-address=no"], [NO_ADDRESS]),
        (1, ["simulate", "--web.listen-address=no"], [NO_ADDRESS]),
        (1, ["demo", "--web.listen-address=no"], [NO_ADDRESS + DEMO_ADVICE]),
        (3, ["lint", "--tasks=absent.json"], ["'absent.json': found no such file, expected a List Tasks answer"]),
    ],
)
def test_what_keeps_a_verb_from_starting_is_json_where_that_is_asked_for(
    code: int,
    words: list[str],
    mistakes: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each mistake is a line at level error; no line is anything but JSON, and the code is the same."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text("api: {timeout: soon}\naccounts: []\n")
    assert code == run(*words, "--log.level=error", "--log.format=json")
    out, err = capsys.readouterr()
    told = [json.loads(line.replace(f"{tmp_path}/", "")) for line in err.splitlines()]
    assert ("", [("error", "Cannot start", mistake) for mistake in mistakes]) == (
        out,
        [(line["level"], line["msg"], line["err"]) for line in told],
    )


RUNS = {
    "nothing": (2, []),
    "version": (0, ["--version"]),
    "valid": (0, ["config", "check", "--config.file=good.yaml"]),
    "schema": (0, ["config", "schema"]),
    "invalid": (1, ["--config.file=bad.yaml"]),
    "bad path": (2, ["--config.file=good.yaml", "--web.telemetry-path=none"]),
    "bad address": (1, ["--config.file=good.yaml", "--web.listen-address=none"]),
    "no health": (1, ["healthcheck", "http://127.0.0.1:1"]),
}


@pytest.mark.parametrize(("code", "words"), RUNS.values(), ids=RUNS)
def test_nothing_is_left_open(code: int, words: list[str], tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """No run ends with a warning of Python's about what it forgot."""
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text("accounts: [")
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "exporter", *words],
        cwd=tmp_path,
        env={"PYTHONPATH": str(pytestconfig.rootpath)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert code == ended.returncode, ended.stderr
    assert "Warning" not in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("shell", "code"),
    [
        ("%s --version >&-", 0),
        ("%s --version >&- 2>&- <&-", 0),
        ("%s --nonsense 2>&-", 2),
        ("%s config schema >/dev/full", 1),
        ("{ %s config schema; echo $? >code; } | head -c 1 >first; exit $(cat code)", 0),
    ],
)
def test_closed_streams(shell: str, code: int, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """A closed stream changes no exit code; only output that is lost on a full disk makes a failure."""
    ended = subprocess.run(
        ["/bin/sh", "-c", shell % f"{sys.executable} -m exporter"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(pytestconfig.rootpath), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (code, "") == (ended.returncode, ended.stderr)
