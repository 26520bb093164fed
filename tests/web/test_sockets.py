"""The forms of addresses that are listened on, and what is said of those that cannot be."""

from __future__ import annotations

import errno
import socket

import pytest

from exporter.web import ListenError, bind
from exporter.web.sockets import listen_everywhere
from web.reports import accepts

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
