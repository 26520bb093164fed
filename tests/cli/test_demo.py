"""`demo` as users start it: a process of its own, on free ports."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING

import httpx

from builders import samples
from cli.runs import run
from exporter.model import State
from processes import EXPORTER, running

if TYPE_CHECKING:
    import pytest

FREE_PORTS = ("--web.listen-address=127.0.0.1:0", "--simulator.listen-address=127.0.0.1:0")
DEMO = (*EXPORTER, "demo", *FREE_PORTS)
MOST_SECONDS = 15.0
PATIENCE_SECONDS = 30.0


def get(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=PATIENCE_SECONDS)


def states(url: str) -> set[str]:
    """The states that at least one task is in."""
    shown = samples(get(url).text)
    return {
        name.rpartition('state="')[2].partition('"')[0] for name, value in shown.items() if "state=" in name and value
    }


def test_a_fleet_in_every_state(pytestconfig: pytest.Config) -> None:
    """Within 15 s the printed URLs answer and every state is there at once, in the table and in the metrics;
    Ctrl-C ends it with 0 and without a complaint.
    """
    began_seconds = monotonic()
    with running(DEMO, cwd=pytestconfig.rootpath) as process:
        urls = {name: process.wait_for(rf"{name} +(http://\S+)")[1] for name in ("page", "metrics", "JSON", "API")}
        process.wait_for(r"^\d\d:\d\d:\d\d UTC  \d+ missed, \d+ unknown, .*\d+ never_ran, \d+ ok, 1 disabled$")
        assert {state.value for state in State} == states(urls["metrics"])
        assert monotonic() - began_seconds < MOST_SECONDS
        assert [200, 200, 200] == [get(urls[name]).status_code for name in ("page", "JSON", "API")]
        assert 0 == process.end(signal.SIGINT)
        assert "Received SIGINT" not in "".join(process.seen)
        assert "Traceback" not in "".join(process.seen)


def test_a_reader_that_goes(pytestconfig: pytest.Config) -> None:
    """With nobody reading its table any more the demo goes on, and still ends with 0."""
    with ExitStack() as stack:
        process = subprocess.Popen(DEMO, cwd=pytestconfig.rootpath, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        stack.enter_context(process)
        stack.callback(process.kill)
        assert process.stdout is not None
        greeting = b"".join(process.stdout.readline() for _ in range(3))
        process.stdout.close()
        metrics = re.search(rb"http://\S+/metrics", greeting)
        assert metrics is not None
        deadline_seconds = monotonic() + PATIENCE_SECONDS
        while len(states(metrics[0].decode())) < len(State):  # the table would have been written by now
            assert monotonic() < deadline_seconds
        process.send_signal(signal.SIGTERM)
        assert b"" == process.communicate(timeout=PATIENCE_SECONDS)[1]
        assert 0 == process.returncode


def test_on_a_terminal(pytestconfig: pytest.Config) -> None:
    """On a terminal the table is drawn in place, in colour, no wider than the screen; Ctrl-C ends it with 0."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm", "NO_COLOR": ""}
    process = subprocess.Popen(
        DEMO,
        cwd=pytestconfig.rootpath,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        screen = ""
        while "disabled\x1b[0m" not in screen.rpartition("\x1b[J")[0]:
            screen += os.read(ours, 65536).decode()
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    frames = [frame.partition("\x1b[J")[0] for frame in screen.split("\x1b[H")]
    frame = next(frame for frame in frames if "disabled" in frame)
    assert frame.startswith("ScreenshotMAX exporter, demo")
    assert "\x1b[1;31mmissed\x1b[0m" in frame
    lines = [re.sub(r"\x1b\[[0-9;]*[mK]", "", line) for line in frame.splitlines()]
    assert 120 >= max(map(len, lines))


def test_ports_that_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """A taken port is one sentence that names the flags to choose others by, and 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert 1 == run("demo", "--web.listen-address=127.0.0.1:0", f"--simulator.listen-address={address}")
    sentence = f"listen address '{address}': the address is in use by another process; "
    sentence += "choose others with --web.listen-address and --simulator.listen-address\n"
    assert ("", sentence) == capsys.readouterr()


def test_it_needs_no_terminal_nor_home(pytestconfig: pytest.Config) -> None:
    """Without an environment it works as well."""
    command = [sys.executable, "-m", "exporter", "demo", *FREE_PORTS]
    with running(command, cwd=pytestconfig.rootpath, env={}) as process:
        process.wait_for("6 ok")
        assert 0 == process.end(signal.SIGTERM)
