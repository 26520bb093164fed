"""`serve`, as far as it comes without a loop: what keeps it from starting. The rest is in test_wire.py."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from builders import samples
from cli.runs import GOOD, run
from exporter import __version__
from exporter.schedule import zones_version
from processes import running
from served import LISTENING, get

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    return file


def test_the_lines_before_it_listens(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The lines that people grep for come in their order on stderr, and then what is wrong, in one sentence."""
    assert 1 == run("--config.file", good, "--web.listen-address=nowhere")
    out, err = capsys.readouterr()
    assert "" == out
    starting, build, loaded, sentence = err.splitlines()
    build_of_ours = f"version={__version__} branch=unknown revision=unknown"
    assert build.endswith(f"platform={sys.platform} zones={zones_version()}")
    assert starting.endswith(f'msg="Starting screenshotmax_exporter" {build_of_ours}')
    assert loaded.endswith(f'msg="Loaded config file" file={good} accounts=1')
    assert "listen address 'nowhere': expected host:port, such as :10142, 127.0.0.1:10142 or [::1]:10142" == sentence


def test_what_nobody_catches_is_counted(good: Path, pytestconfig: pytest.Config) -> None:
    """An error in a thread that nobody asks about shows in the metrics, under `other`."""
    program = f"""
import sys, threading, time
from exporter.cli import main

def fail():
    while threading.excepthook is threading.__excepthook__:
        time.sleep(0.01)
    raise ValueError

threading.Thread(target=fail, daemon=True).start()
main(["--config.file={good}", "--web.listen-address=127.0.0.1:0"])
"""
    with running([sys.executable, "-c", program], cwd=pytestconfig.rootpath) as process:
        url = f"http://{process.wait_for(LISTENING)[1]}"
        process.wait_for(r'msg="Internal error" where=thread error=ValueError at=fail:')
        assert 1 == samples(get(f"{url}/metrics").text)['screenshotmax_exporter_internal_errors_total{where="other"}']


def test_an_address_in_use(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A taken port is one line and 1, also when it is the second address of two."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        addresses = ("--web.listen-address=127.0.0.1:0", f"--web.listen-address={address}")
        assert 1 == run("--config.file", good, *addresses, "--log.level=error")
    assert ("", f"listen address '{address}': the address is in use by another process\n") == capsys.readouterr()


@pytest.mark.parametrize("path", ["metrics", "", "/-/ready", "/a b", "/a?b", "//"])
def test_a_bad_telemetry_path(good: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A path that is not plain, or is another route's, is a bad flag."""
    assert 2 == run("--config.file", good, f"--web.telemetry-path={path}", "--log.level=error")
    err = capsys.readouterr().err
    assert f"telemetry path {path!r}: expected a plain path of its own, such as /metrics" in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--shard=4", "--total-shards=4"), 2, "--shard=4: found shard 4, expected 0 to 3 with --total-shards=4\n"),
        (
            ("--total-shards=31",),
            1,
            "account main: requests_per_minute: 60 for 31 shards: found 1 for each, expected at least 2\n",
        ),
    ],
)
def test_a_shard_that_cannot_be(
    good: Path, words: tuple[str, ...], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that there is not is bad flags; more of them than the configuration has requests for is a bad one."""
    assert code == run("--config.file", good, *words, "--web.listen-address=nowhere", "--log.level=error")
    assert capsys.readouterr().err.endswith(told)


def test_a_bad_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every mistake is told before anything listens, each on a line, and the code is 1."""
    file = tmp_path / "config.yaml"
    file.write_text("api: {timeout: soon}\naccounts: []\n")
    assert 1 == run("serve", "--config.file", file, "--log.level=error")
    lines = capsys.readouterr().err.splitlines()
    assert [f"{file}:1:", f"{file}:2:"] == [line.partition(" ")[0] for line in lines]


def test_too_few_files(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Where no more may be open at once than a crowd of clients takes, a line says so, and it goes on."""
    words = ("--config.file", str(tmp_path / "nowhere.yaml"))
    ran = subprocess.run(  # a process of its own, since only the privileged can raise this limit again
        ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh", sys.executable, "-m", "exporter", *words],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    told = 'level=warn source=serve.py:[0-9]+ msg="Few files may be open at once; .*" limit=256 expected=1024\n'
    assert 1 == len(re.findall(told, ran.stderr))
    assert "nowhere.yaml" in ran.stderr.splitlines()[-1]
