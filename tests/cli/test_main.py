"""Which verb runs, and with which exit code what cannot run is refused."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cli.runs import GOOD, run

if TYPE_CHECKING:
    from pathlib import Path


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
        (2, ["--config.fil=x"], "screenshotmax-exporter serve: error: unrecognized arguments: --config.fil=x"),
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
