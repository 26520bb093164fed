"""The sockets we listen on, from addresses as Prometheus writes them."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

BACKLOG = 1024
_ADDRESS = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^\[\]:]*)):(?P<port>[0-9]{1,5})", re.ASCII)
_FAMILIES = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
_WANTED = "expected a listening stream socket, TCP or UNIX"
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class ListenError(Exception):
    """An address that cannot be listened on; the message is one sentence for the user."""


def bind(addresses: Sequence[str]) -> list[socket.socket]:
    """Listening sockets for addresses as Prometheus writes them: `:10142`, `127.0.0.1:0`, `[::1]:9100`, `host:port`.

    No host means IPv4 and IPv6. All or none: raises ListenError, with no socket left open.
    """
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(_listen(address)) for address in addresses]
        opened.pop_all()
    return sockets


def from_systemd(environ: MutableMapping[str, str], *, pid: int) -> list[socket.socket]:
    """The sockets that systemd listens on for the process `pid`: TCP or UNIX, in the order of its socket units.

    As sd_listen_fds(3) does it: they are not handed on to children, and the environment is rid of their variables.
    All or none: raises ListenError, with no socket left open.
    """
    ours, number, _ = (environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    count = int(number) if ours == str(pid) and re.fullmatch(r"[0-9]{1,4}", number, re.ASCII) else 0
    if not count:
        raise ListenError("systemd has passed no socket, expected at least one by a .socket unit")
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(_take_over(descriptor)) for descriptor in range(3, 3 + count)]
        opened.pop_all()
    return sockets


def _take_over(descriptor: int) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)
        taken = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ListenError(
            f"descriptor {descriptor} from systemd: found {os.strerror(error.errno or 0)}, {_WANTED}"
        ) from error
    if not _is_wanted(taken):
        taken.close()
        raise ListenError(f"descriptor {descriptor} from systemd: found a socket of another kind, {_WANTED}")
    return taken


def _is_wanted(taken: socket.socket) -> bool:
    kind = taken.family in _FAMILIES and taken.type == socket.SOCK_STREAM
    return kind and taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


def _listen(address: str) -> socket.socket:
    host, port = _parse(address)
    try:
        return _listen_on(host, port) if host else listen_everywhere(port)
    except (OSError, UnicodeError) as error:
        raise ListenError(f"listen address {address!r}: {_explain(error)}") from error


def _parse(address: str) -> tuple[str, int]:
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise ListenError(
            f"listen address {address!r}: expected host:port, such as :10142, 127.0.0.1:10142 or [::1]:10142"
        )
    port = int(found["port"])
    if port > 65535:
        raise ListenError(f"listen address {address!r}: port {port} is out of range, expected 0 to 65535")
    return found["six"] or found["host"] or "", port


def _listen_on(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # A name with both kinds of address means IPv4, as it does in Go.
    family, _, _, _, where = min(found, key=lambda each: each[0] != socket.AF_INET)
    return socket.create_server((str(where[0]), port), family=family, backlog=BACKLOG)


def listen_everywhere(port: int, *, ipv6: bool | None = None) -> socket.socket:
    """IPv4 and IPv6 on one socket; IPv4 alone where the machine has no IPv6. Raises OSError."""
    if socket.has_dualstack_ipv6() if ipv6 is None else ipv6:
        try:
            return socket.create_server(("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
    return socket.create_server(("0.0.0.0", port), backlog=BACKLOG)  # noqa: S104 - asked for: no host was named


def _explain(error: OSError | UnicodeError) -> str:
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return "the host name is not known"
    reasons = {
        errno.EADDRINUSE: "the address is in use by another process",
        errno.EACCES: "no permission to listen there",
        errno.EADDRNOTAVAIL: "this machine has no such address",
    }
    return reasons.get(error.errno or 0, os.strerror(error.errno or 0))
