"""The forms of addresses that are listened on, and what is said of those that cannot be."""

from __future__ import annotations

import contextlib
import errno
import json
import socket
import sys
from subprocess import PIPE, Popen
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

import pytest

from exporter.web import ListenError, bind, from_systemd
from exporter.web.sockets import listen_everywhere
from web.reports import accepts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

needs_ipv6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("127.0.0.1:0", "127.0.0.1"),
        ("localhost:0", "127.0.0.1"),
        pytest.param("[::1]:0", "::1", marks=needs_ipv6),
    ],
)
def test_addresses_are_listened_on(address: str, host: str) -> None:
    """An address in Prometheus's form gives one listening socket at that host; a name means its IPv4."""
    (listener,) = bind([address])
    with listener:
        assert host == listener.getsockname()[0]
        assert accepts(listener.getsockname()[1], host)


@needs_ipv6
def test_no_host_means_both_families() -> None:
    """A port alone is listened on by IPv4 and IPv6 alike."""
    (listener,) = bind([":0"])
    with listener:
        port = listener.getsockname()[1]
        assert [accepts(port, host) for host in ("127.0.0.1", "::1")] == [True, True]


def test_no_host_means_ipv4_where_there_is_no_other() -> None:
    """Without IPv6 a port alone is still listened on."""
    with listen_everywhere(0, ipv6=False) as listener:
        assert listener.getsockname()[0] == "0.0.0.0"
        assert accepts(listener.getsockname()[1], "127.0.0.1")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("10142", "expected host:port, such as"),
        ("", "expected host:port, such as"),
        ("127.0.0.1", "expected host:port, such as"),
        ("127.0.0.1:http", "expected host:port, such as"),
        ("::1:9100", "expected host:port, such as"),
        ("http://localhost:9100", "expected host:port, such as"),
        ("127.0.0.1:\u0661\u0662", "expected host:port, such as"),
        ("127.0.0.1:-1", "expected host:port, such as"),
        ("127.0.0.1:65536", "port 65536 is out of range, expected 0 to 65535"),
        ("no-such-host.invalid:0", "the host name is not known"),
        (f"{'a' * 70}.invalid:0", "the host name is not known"),
        ("192.0.2.1:0", "this machine has no such address"),
    ],
)
def test_bad_addresses_are_one_sentence(address: str, message: str) -> None:
    """What cannot be listened on is an error that names the address and the cause."""
    with pytest.raises(ListenError) as caught:
        bind([address])
    assert str(caught.value).startswith(f"listen address {address!r}: {message}")


def test_a_taken_address_is_told_and_frees_the_others() -> None:
    """An address in use is an error, and a socket opened before it in the same call is closed again."""
    (first,) = bind(["127.0.0.1:0"])
    free = bind(["127.0.0.1:0"])[0]
    taken, other = (f"127.0.0.1:{each.getsockname()[1]}" for each in (first, free))
    free.close()
    with first, pytest.raises(ListenError) as caught:
        bind([other, taken])
    assert f"listen address {taken!r}: the address is in use by another process" == str(caught.value)
    bind([other])[0].close()


def test_the_cause_is_kept() -> None:
    """The system's own error stays behind ours, for who wants to know more."""
    (taken,) = bind(["127.0.0.1:0"])
    with taken, pytest.raises(ListenError) as caught:
        bind([f"127.0.0.1:{taken.getsockname()[1]}"])
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.EADDRINUSE


# Hands its sockets on as systemd does, from descriptor 3 on, to a program that takes its place and so keeps its id.
LAUNCH = """
import fcntl, os, sys
code, number, *given = sys.argv[1:]
high = [fcntl.fcntl(int(each), fcntl.F_DUPFD_CLOEXEC, 64) for each in given]
for each in given:
    os.close(int(each))
for place, each in enumerate(high, 3):
    os.dup2(each, place)
passed = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": number, "LISTEN_FDNAMES": "a:b"}
os.execve(sys.executable, [sys.executable, "-W", "always::ResourceWarning", "-c", code], os.environ | passed)
"""
# Tells what it was given, then greets whoever calls.
TELL = """
import json, os
from exporter.web import ListenError, from_systemd
try:
    sockets = from_systemd(os.environ, pid=os.getpid())
except ListenError as error:
    raise SystemExit(f"{error}; 3 is {'open' if os.path.exists('/proc/self/fd/3') else 'closed'}")
left = sorted(name for name in os.environ if name.startswith("LISTEN_"))
print(json.dumps([[str(each.family.name), each.get_inheritable()] for each in sockets] + [left]), flush=True)
for each in sockets:
    with each, each.accept()[0] as caller:
        caller.sendall(b"welcome")
"""


@contextlib.contextmanager
def launched(given: Sequence[socket.socket | IO[bytes]], *, number: int) -> Iterator[Popen[str]]:
    """A child to whom these were passed as systemd does, and who was told that they are so many."""
    descriptors = [each.fileno() for each in given]
    command = [sys.executable, "-c", LAUNCH, TELL, str(number), *map(str, descriptors)]
    with Popen(command, pass_fds=descriptors, stdout=PIPE, stderr=PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize(
    "family", [socket.AF_INET, pytest.param(socket.AF_INET6, marks=needs_ipv6)], ids=lambda each: each.name
)
def test_sockets_of_systemd_are_taken_over(family: socket.AddressFamily, tmp_path: Path) -> None:
    """A child listens on what it was passed, keeps it to itself, and passes no variable of systemd's on."""
    host = "::1" if family is socket.AF_INET6 else "127.0.0.1"
    with (
        socket.create_server((host, 0), family=family) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        unix.bind(str(tmp_path / "s"))
        unix.listen()
        with launched([tcp, unix], number=2) as child:
            assert child.stdout is not None
            told = json.loads(child.stdout.readline() or "null")
            assert [[family.name, False], ["AF_UNIX", False], []] == told
            assert [b"welcome", b"welcome"] == [greeting(each) for each in (tcp, unix)]
            assert ("", 0) == (child.communicate(timeout=30)[1], child.returncode)


def greeting(listener: socket.socket) -> bytes:
    """What a caller hears there."""
    with socket.socket(listener.family) as caller:
        caller.settimeout(30)
        caller.connect(listener.getsockname())
        return caller.recv(100)


@pytest.mark.parametrize(
    ("environ", "pid"),
    [
        ({}, 7),
        ({"LISTEN_PID": "7"}, 7),
        ({"LISTEN_FDS": "1"}, 7),
        ({"LISTEN_PID": "8", "LISTEN_FDS": "1"}, 7),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "0"}, 7),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "-1"}, 7),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "one"}, 7),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "\u0661"}, 7),
        ({"LISTEN_PID": "07", "LISTEN_FDS": "1"}, 7),
    ],
)
def test_no_socket_of_systemd_is_told(environ: dict[str, str], pid: int) -> None:
    """Without a socket, or with one that was meant for another process, there is one sentence and nothing is touched."""
    left = {**environ, "HOME": "/"}
    with pytest.raises(ListenError) as caught:
        from_systemd(left, pid=pid)
    assert "systemd has passed no socket, expected at least one by a .socket unit" == str(caught.value)
    assert {"HOME": "/"} == left


def a_file() -> IO[bytes]:
    return TemporaryFile()


def a_socket_for_datagrams() -> socket.socket:
    datagrams = socket.socket(type=socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    return datagrams


def a_socket_for_packets() -> socket.socket:
    packets = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    packets.bind("")
    packets.listen()
    return packets


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (a_file, "Socket operation on non-socket"),
        (a_socket_for_packets, "a socket of another kind"),
        (a_socket_for_datagrams, "a socket of another kind"),
        (socket.socket, "a socket of another kind"),
        (None, "Bad file descriptor"),
    ],
)
def test_anything_else_from_systemd_is_told(make: Callable[[], socket.socket | IO[bytes]] | None, found: str) -> None:
    """What is no listening stream socket is an error that names its descriptor, and the good one before it is closed again."""
    with contextlib.ExitStack() as opened:
        given = [opened.enter_context(each) for each in (*bind(["127.0.0.1:0"]), *([make()] if make else []))]
        with launched(given, number=2) as child:
            _, told = child.communicate(timeout=30)
    wanted = "expected a listening stream socket, TCP or UNIX"
    assert (1, f"descriptor 4 from systemd: found {found}, {wanted}; 3 is closed\n") == (child.returncode, told)
