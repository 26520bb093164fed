"""The exporter as a process: signals, broken streams, an upstream that is down, silent or hostile."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from builders import samples
from exporter.poller.loop import WORKERS
from processes import EXPORTER, running
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

if TYPE_CHECKING:
    from collections.abc import Iterator


QUERY_KEY = "key-of-the-query-unseen"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    with silence() as listener:
        yield listener


def test_a_start_while_upstream_is_down(config: Path, pytestconfig: pytest.Config) -> None:
    """It serves at once and tells that the account is not up, is ready after the first round, and stays healthy;
    signals that mean nothing harm nothing; SIGTERM ends it with 0.
    """
    with running(write(config, NOWHERE), cwd=pytestconfig.rootpath) as process:
        url = f"http://{process.wait_for(LISTENING)[1]}"
        assert 0 == samples(get(f"{url}/metrics").text)['screenshotmax_up{account="main"}']
        process.wait_for("level=warn .*msg=Polled account=main .*reason=connect")
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
            process.popen.send_signal(number)
        assert [200, 200] == [get(f"{url}/-/{probe}").status_code for probe in ("ready", "healthy")]
        health = [*EXPORTER, "healthcheck", url]
        assert 0 == subprocess.run(health, cwd=pytestconfig.rootpath, capture_output=True, check=False).returncode
        assert 0 == ended(process, signal.SIGTERM)
        said = "".join(process.seen)
    assert 'msg="Received SIGTERM, exiting gracefully..."\n' in said
    lines = ['msg="Starting screenshotmax_exporter" version=', 'msg="Loaded config file" file=', 'msg="Listening on"']
    assert sorted(map(said.index, lines)) == list(map(said.index, lines))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_upstream_hangs(
    number: signal.Signals, config: Path, silent: socket.socket, pytestconfig: pytest.Config
) -> None:
    """A request that is never answered does not hold the end up."""
    with running(write(config, url_of(silent)), cwd=pytestconfig.rootpath) as process:
        connection, _ = taken(silent)
        with connection:
            assert 0 == ended(process, number)
            assert b"" == connection.recv(1)


HANGING_RESOLVER = """
import socket, sys, threading
really = socket.getaddrinfo
def hang(host, *args, **kwargs):
    if host not in ("silent.example", b"silent.example"):
        return really(host, *args, **kwargs)
    print("looking up", flush=True)
    threading.Event().wait()
socket.getaddrinfo = hang
"""
HANGING_DISK = """
import sys, time
class Finder:
    def find_spec(self, name, *_):
        if name == "exporter.app":
            print("loading", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Finder())
"""


def interfered(directory: Path, code: str, root: Path) -> dict[str, str]:
    """An environment in which Python runs this first: what goes wrong around us, not in us."""
    (directory / "sitecustomize.py").write_text(code)
    return {**os.environ, "PYTHONPATH": f"{directory}:{root}"}


@pytest.mark.parametrize(
    ("code", "waiting", "number"),
    [
        (HANGING_RESOLVER, "looking up", signal.SIGTERM),
        (HANGING_DISK, "loading", signal.SIGTERM),
        (HANGING_DISK, "loading", signal.SIGINT),
    ],
    ids=["resolver", "start SIGTERM", "start SIGINT"],
)
def test_a_signal_while_the_machine_hangs(
    code: str, waiting: str, number: signal.Signals, config: Path, pytestconfig: pytest.Config
) -> None:
    """Neither a resolver that never answers nor a start that takes for ever holds the end up."""
    environment = interfered(config.parent, code, pytestconfig.rootpath)
    command = write(config, "https://silent.example")
    with running(command, cwd=pytestconfig.rootpath, env=environment) as process:
        process.wait_for(waiting)
        assert 0 == ended(process, number)
        assert "Traceback" not in "".join(process.seen)


def test_a_silent_resolver_holds_up_no_other_host(
    config: Path, silent: socket.socket, pytestconfig: pytest.Config
) -> None:
    """While every request of two accounts waits for one name, an account at another host is polled; it ends with 0."""
    environment = interfered(config.parent, HANGING_RESOLVER, pytestconfig.rootpath)
    url = f"http://localhost:{silent.getsockname()[1]}"
    more = (
        f"  - {{name: other, access_key: {KEY}, tasks: [1, 2, 3, 4], api: {{timeout: 1s}}}}\n"
        f"  - {{name: healthy, access_key: {KEY}, tasks: [1], api: {{base_url: '{url}'}}}}\n"
    )
    command = write(config, "https://silent.example", more, tasks="[1, 2, 3, 4]")
    with running(command, cwd=pytestconfig.rootpath, env=environment) as process:
        connection, _ = taken(silent)
        connection.close()
        process.wait_for("msg=Polled account=other .*failed=4 reason=timeout")
        assert 0 == ended(process, signal.SIGTERM)
        assert 1 == "".join(process.seen).count("looking up")


def test_a_second_signal(config: Path, pytestconfig: pytest.Config) -> None:
    """The second signal ends the process on the spot, with 1."""
    with running(write(config, NOWHERE), cwd=pytestconfig.rootpath) as process:
        process.wait_for("msg=Polled")
        # Stopped, it meets both at once when it goes on.
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT):
            process.popen.send_signal(number)
        assert 1 == ended(process, signal.SIGCONT)


def test_a_check_that_is_interrupted(config: Path, silent: socket.socket, pytestconfig: pytest.Config) -> None:
    """Ctrl-C on a check is no `all well`: it could not ask."""
    write(config, url_of(silent))
    with running([*EXPORTER, "check", f"--config.file={config}"], cwd=pytestconfig.rootpath) as process:
        connection, _ = taken(silent)
        with connection:
            assert 3 == ended(process, signal.SIGINT)
        assert [] == process.seen


def test_a_reader_of_the_log_that_goes(config: Path, silent: socket.socket, pytestconfig: pytest.Config) -> None:
    """With stderr's other end closed it polls and serves on, and still ends with 0."""
    command = write(config, url_of(silent), tasks=str(list(range(1, WORKERS + 2))))
    reading, writing = os.pipe()
    with ExitStack() as stack:
        process = subprocess.Popen(command, cwd=pytestconfig.rootpath, stderr=writing)
        stack.callback(process.wait)
        stack.callback(process.kill)
        os.close(writing)
        url = f"http://{read_until(reading, LISTENING)[1]}"
        first, *others = [stack.enter_context(taken(silent)[0]) for _ in range(WORKERS)]
        os.close(reading)
        first.close()  # this request has failed, which is told to nobody
        last = stack.enter_context(taken(silent)[0])  # and yet its worker goes on to the next
        for connection in (*others, last):
            connection.close()
        assert 200 == get(f"{url}/-/healthy").status_code
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(MOST_SECONDS)


def test_a_start_without_streams(config: Path, silent: socket.socket, pytestconfig: pytest.Config) -> None:
    """Started with every standard stream closed it polls, and ends with 0; no connection takes a stream's number."""
    words = [sys.executable, "-m", *write(config, url_of(silent))[EXPORTER.index("-m") + 1 :]]
    process = subprocess.Popen(["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *words], cwd=pytestconfig.rootpath)
    try:
        connection, _ = taken(silent)
        with connection:
            standard = [str(Path(f"/proc/{process.pid}/fd/{number}").readlink()) for number in range(3)]
            assert ["/dev/null"] * 3 == standard
            process.send_signal(signal.SIGTERM)
            assert 0 == process.wait(MOST_SECONDS)
    finally:
        process.kill()
        process.wait()


def echo(listener: socket.socket, key: str) -> None:
    """Refuse the next request, repeating its key in the reason phrase, a header and the body."""
    connection, head = taken(listener)
    assert key in head
    body = f'{{"error": "no such key: {key}"}}'
    with connection:
        connection.sendall(
            f"HTTP/1.1 401 No such key {key}\r\nX-Echo: {key}\r\nLocation: /?access_key={key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )


def test_the_key_is_never_shown(config: Path, silent: socket.socket, pytestconfig: pytest.Config) -> None:
    """At debug level, by header and by query, and although upstream repeats it: the key is in no line and no answer."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(PATIENCE_SECONDS)
        api = f"{{auth: query, base_url: '{url_of(other)}'}}"
        account = f"  - {{name: other, access_key: {QUERY_KEY}, tasks: [1], api: {api}}}\n"
        with running(write(config, url_of(silent), account), cwd=pytestconfig.rootpath) as process:
            url = f"http://{process.wait_for(LISTENING)[1]}"
            echo(silent, KEY)
            echo(other, QUERY_KEY)
            for _ in range(2):
                process.wait_for("msg=Polled .*reason=http_401")
            pages = ("/", "/config", "/tasks/other/1", "/api/v1/tasks/other/1", "/api/v1/tasks")
            paths = (*pages, "/metrics", "/-/ready", f"/{KEY}")
            shown = "".join(get(f"{url}{path}").text for path in paths)
            assert 0 == ended(process, signal.SIGTERM)
            said = "".join(process.seen)
    assert 'reason="http_401"' in shown
    for key in (KEY, QUERY_KEY):
        assert key not in said
        assert key not in shown


def account(name: str) -> str:
    return f"  - {{name: {name}, access_key: {QUERY_KEY}, tasks: [1]}}\n"


RELOADED = "screenshotmax_exporter_config_last_reload_successful"


def test_a_reload_by_signal(config: Path, pytestconfig: pytest.Config) -> None:
    """SIGHUP puts another configuration in the old one's place; a broken one leaves it, says so, and once mended is taken."""
    with running(write(config, NOWHERE), cwd=pytestconfig.rootpath) as process:
        url = f"http://{process.wait_for(LISTENING)[1]}"
        write(config, NOWHERE, account("other"))
        process.popen.send_signal(signal.SIGHUP)
        process.wait_for(r'msg="Reloaded config file" file=\S+ accounts=2')
        assert 0 == samples(get(f"{url}/metrics").text)['screenshotmax_up{account="other"}']
        config.write_text(f"accounts: {KEY}\n")
        process.popen.send_signal(signal.SIGHUP)
        process.wait_for('msg="Error reloading config" err=')
        found = samples(get(f"{url}/metrics").text)
        assert (0, 0) == (found[RELOADED], found['screenshotmax_up{account="other"}'])
        write(config, NOWHERE)
        for _ in range(100):
            process.popen.send_signal(signal.SIGHUP)
        process.wait_for(r'msg="Reloaded config file" file=\S+ accounts=1')
        assert 1 == samples(get(f"{url}/metrics").text)[RELOADED]
        assert 0 == ended(process, signal.SIGTERM)
    said = "".join(process.seen)
    assert "Internal error" not in said
    assert KEY not in said


def test_a_hangup_while_it_starts_is_not_lost(config: Path, pytestconfig: pytest.Config) -> None:
    """One that comes before anybody could obey it neither ends the process nor is forgotten."""
    with running(write(config, NOWHERE), cwd=pytestconfig.rootpath) as process:
        process.wait_for("Starting screenshotmax_exporter")
        process.popen.send_signal(signal.SIGHUP)
        process.wait_for('msg="Reloaded config file"')
        assert 0 == ended(process, signal.SIGTERM)
