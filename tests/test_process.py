"""The exporter as a process: in which moments it still leaves, and what it makes of the place it was put in."""

from __future__ import annotations

import fcntl
import os
import re
import resource
import signal
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from builders import samples
from processes import EXPORTER, Process, running
from served import (
    KEY,
    LISTENING,
    MOST_SECONDS,
    NOWHERE,
    PATIENCE_SECONDS,
    ended,
    get,
    read_until,
    silence,
    taken,
    url_of,
    write,
)
from stage import eventually

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

STRANGER = 54321  # a number that no user has
CLIENT_HELLO = b"\x16\x03"
REFUSAL = b"HTTP/1.1 429 No\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def amid_a_handshake(process: Process, upstream: socket.socket, config: Path, stack: ExitStack) -> None:
    connection = stack.enter_context(upstream.accept()[0])
    connection.settimeout(PATIENCE_SECONDS)
    assert CLIENT_HELLO == connection.recv(2)


def amid_a_reload(process: Process, upstream: socket.socket, config: Path, stack: ExitStack) -> None:
    stack.enter_context(taken(upstream)[0])
    config.unlink()
    os.mkfifo(config)
    process.popen.send_signal(signal.SIGHUP)
    stack.callback(os.close, eventually(lambda: reached_by_a_reader(config)))


def reached_by_a_reader(pipe: Path) -> int | None:
    """A descriptor to write to, once somebody waits for what we never write."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def while_blocked(process: Process, upstream: socket.socket, config: Path, stack: ExitStack) -> None:
    connection, _ = taken(upstream)
    with connection:
        connection.sendall(REFUSAL)
    process.wait_for("msg=Polled .*reason=http_429")


@pytest.mark.parametrize(
    ("scheme", "state"),
    [("https", amid_a_handshake), ("http", amid_a_reload), ("http", while_blocked)],
    ids=["handshake", "reload", "Retry-After"],
)
def test_a_signal_in_each_state(
    config: Path,
    pytestconfig: pytest.Config,
    scheme: str,
    state: Callable[[Process, socket.socket, Path, ExitStack], None],
) -> None:
    """Whatever it waits for at that moment, the end is prompt and its exit code 0."""
    with silence() as upstream, ExitStack() as stack:
        command = write(config, url_of(upstream, scheme))
        process = stack.enter_context(running(command, cwd=pytestconfig.rootpath))
        process.wait_for(LISTENING)
        state(process, upstream, config, stack)
        assert 0 == ended(process, signal.SIGTERM)
        assert "Traceback" not in "".join(process.seen)


def test_a_log_that_nobody_reads(config: Path, pytestconfig: pytest.Config) -> None:
    """With a pipe full of lines for a stderr it reloads, polls and serves on, and ends as ever."""
    command = [*write(config, NOWHERE), "--web.enable-lifecycle"]
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with ExitStack() as stack:
        stack.callback(os.close, reading)
        process = subprocess.Popen(command, cwd=pytestconfig.rootpath, stderr=writing)
        stack.callback(process.wait)
        stack.callback(process.kill)
        os.close(writing)
        url = f"http://{read_until(reading, LISTENING)[1]}"
        config.write_text("accounts: []\n")
        assert {500} == {post(f"{url}/-/reload").status_code for _ in range(25)}
        assert 200 == get(f"{url}/-/healthy").status_code
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(MOST_SECONDS)
        assert os.read(reading, 65536).count(b"Error reloading config") < 25  # it was full


def post(url: str) -> httpx.Response:
    return httpx.post(url, trust_env=False, timeout=PATIENCE_SECONDS)


def test_a_broken_configuration_is_told_at_once(config: Path, pytestconfig: pytest.Config) -> None:
    """One error with the place and none of the file's text, exit code 1, and less than two seconds of work for it."""
    config.write_text(f"accounts:\n  - access_key: {KEY}: oops\n")
    before_seconds = worked_seconds()
    command = [*EXPORTER, f"--config.file={config}", "--web.listen-address=127.0.0.1:0"]
    done = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False)

    assert (1, "") == (done.returncode, done.stdout)
    (error,) = [line for line in done.stderr.splitlines() if "level=info" not in line]
    assert f"{config}:2:" in error
    assert KEY not in done.stderr
    assert worked_seconds() - before_seconds < 2


def worked_seconds() -> float:
    """The processor time of all our children that have ended; other processes cannot lengthen it much."""
    times = resource.getrusage(resource.RUSAGE_CHILDREN)
    return times.ru_utime + times.ru_stime


def test_multiprocess_mode_is_none_of_ours(config: Path, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """PROMETHEUS_MULTIPROC_DIR, left over from another program, changes no metric and gets no file."""
    directory = tmp_path / "multiprocess"
    directory.mkdir()
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)}
    with running(write(config, NOWHERE), cwd=pytestconfig.rootpath, env=environment) as process:
        url = f"http://{process.wait_for(LISTENING)[1]}"
        process.wait_for("msg=Polled")
        found = samples(get(f"{url}/metrics").text)
        assert 0 == ended(process, signal.SIGTERM)
    names = {name.partition("{")[0] for name in found}
    assert names >= {"screenshotmax_up", "process_open_fds", "process_resident_memory_bytes", "python_info"}
    assert 1 == found['screenshotmax_poll_failures_total{account="main",reason="connect"}']
    assert [] == list(directory.iterdir())


@pytest.fixture
def barren() -> Iterator[Path]:
    """A directory that everybody can enter and nobody but root can write to. pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


def as_a_stranger(root: Path) -> list[str]:
    """What goes before a command so that a user without a name, a group or a right runs it."""
    if os.geteuid() != 0:
        return []  # as good as
    words = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups", "--no-new-privs"]
    if subprocess.run([*words, *EXPORTER, "--version"], cwd=root, capture_output=True, check=False).returncode:
        pytest.skip("no other user can run Python in this directory, as in root's home")
    return words


def test_nobody_without_a_home_and_nowhere_to_write(barren: Path, pytestconfig: pytest.Config) -> None:
    """A user whom no file names, no HOME, no PATH, a directory that cannot be written to: it serves, and writes nothing."""
    config = barren / "config.yaml"
    words = [*as_a_stranger(pytestconfig.rootpath), *write(config, NOWHERE)]
    config.chmod(0o444)
    barren.chmod(0o555)
    environment = {"PYTHONPATH": str(pytestconfig.rootpath), "TMPDIR": str(barren), "PYTHONDONTWRITEBYTECODE": "1"}
    with running(words, cwd=barren, env=environment) as process:
        url = f"http://{process.wait_for(LISTENING)[1]}"
        assert 0 != int(
            re.search(r"^Uid:\t\d+\t(\d+)", Path(f"/proc/{process.popen.pid}/status").read_text(), re.MULTILINE)[1]
        )
        process.wait_for("msg=Polled")
        answers = [get(f"{url}{path}") for path in ("/metrics", "/", "/-/ready", "/config")]
        assert [200] * 4 == [answer.status_code for answer in answers]
        assert {"config.yaml"} == {path.name for path in barren.iterdir()}
        assert 0 == ended(process, signal.SIGTERM)
        said = "".join(process.seen)
    assert "level=error" not in said
    assert 0 == sum(value for name, value in samples(answers[0].text).items() if "internal_errors_total" in name)
