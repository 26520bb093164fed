"""`config check` and `config schema`."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING, Never

from cli.runs import GOOD, run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

BAD = """\
api: {timeout: soon}
accounts:
  - {name: main, acces_key: key-of-the-tests, tasks: [1, x]}
  - {name: main, access_key: "key of the tests", tasks: all}
"""


def test_a_valid_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A valid file is told with its accounts."""
    file = tmp_path / "config.yaml"
    file.write_text(GOOD)
    assert 0 == run("config", "check", "--config.file", file)
    assert (f"{file}: valid, 1 account: main\n", "") == capsys.readouterr()


def test_every_mistake_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every mistake is told at once, each on its line of stderr with its place, and without a key."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(BAD)
    assert 1 == run("config", "check")
    out, err = capsys.readouterr()
    assert "" == out
    assert ["1:", "3:", "3:", "4:", "4:"] == re.findall(
        r"^config\.yaml:(\d:) .+: found .+, expected .+$", err, re.MULTILINE
    )
    assert 5 == len(err.splitlines())
    assert "of-the-tests" not in err
    assert "of the tests" not in err


def test_the_network_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Validating opens no socket and looks no name up."""

    def refuse(*_: object, **__: object) -> Never:
        raise AssertionError("the network was touched")

    file = tmp_path / "config.yaml"
    file.write_text(f"api: {{base_url: https://api.example}}\n{GOOD}")
    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    assert 0 == run("config", "check", f"--config.file={file}")
    assert "valid" in capsys.readouterr().out


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """The schema is JSON and describes the file's keys."""
    assert 0 == run("config", "schema")
    schema = json.loads(capsys.readouterr().out)
    assert {"api", "poll", "missed_run", "accounts"} == set(schema["properties"])
    assert ["accounts"] == schema["required"]
