"""Clients that mean no good: some take their time, some send what no client should. They speak to any host and port."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

SECRET = b"s3cret"  # in all that is sent; it must never come back
_ALL = 1 << 16
_CHOICE = "&".join(f"name[]=screenshotmax_task_{name}" for name in ("info", "state", "runs", "enabled", "junk"))
_HOST = b" HTTP/1.1\r\nHost: x\r\nX-Secret: s3cret\r\n"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a slow client behaves: what it sends at first and then at each pace, and how many bytes it reads at each."""

    opening: bytes = b""
    again: bytes = b""
    takes_bytes: int = _ALL
    pace_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Fate:
    """What it had got, and how long it had been connected, when the server was done with it."""

    got: bytes
    seconds: float


def request(path: str, *headers: str, method: str = "GET") -> bytes:
    """A request that has all it needs, and the secret."""
    return f"{method} {path}".encode() + _HOST + b"".join(f"{each}\r\n".encode() for each in headers) + b"\r\n"


def slow_manners(path: str = "/metrics") -> dict[str, Manner]:
    """Every way to take one's time. `path` should have a great answer, or not reading it is not noticed."""
    asked = request(path)
    return {
        "silent": Manner(),
        "slow request line": Manner(b"GET /", b"x"),
        "slow header": Manner(b"GET /" + _HOST, b"x"),
        "endless headers": Manner(b"GET /" + _HOST, b"a: b\r\n"),
        "slow body": Manner(request("/-/reload", "Content-Length: 1000", method="POST"), b"x"),
        "slow body of a GET": Manner(request("/-/healthy", "Content-Length: 1000"), b"x"),
        "slow chunks": Manner(request("/-/reload", "Transfer-Encoding: chunked", method="POST"), b"1\r\nx\r\n"),
        "body that never comes": Manner(request("/", "Content-Length: 9", "Expect: 100-continue", method="POST")),
        "half a second request": Manner(request("/-/healthy") + b"GET /"),
        "idle": Manner(request("/-/healthy")),
        "reads nothing": Manner(asked, takes_bytes=0),
        "reads slowly": Manner(asked, takes_bytes=1000),
        "reads on and on": Manner(asked, takes_bytes=4000, pace_seconds=0.05),
        "reads nothing and asks on": Manner(asked, asked, takes_bytes=0),
        "reads its last slowly": Manner(request(path, "Connection: close"), takes_bytes=1000),
        "reads nothing of its last": Manner(request(path, "Connection: close"), takes_bytes=0),
        "reads nothing of its choice": Manner(request(f"{path}?{_CHOICE}"), takes_bytes=0),
    }


async def endure(manner: Manner, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> Fate:
    """Behaves like that until the server ends it. Without end if the server never does: give it a deadline."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    reader, writer = await _connect(host, port, tls=tls)
    if not manner.takes_bytes:
        writer.transport.pause_reading()
    got = b""
    try:
        writer.write(manner.opening)
        while not (reader.at_eof() or _is_cut_off(writer)):
            await asyncio.sleep(manner.pace_seconds)
            writer.write(manner.again)
            got += await _take(reader, manner.takes_bytes)
    except OSError:
        pass  # cut off in the midst of it
    finally:
        writer.transport.abort()
    return Fate(got, loop.time() - began)


async def _connect(
    host: str, port: int, *, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Over a socket that the kernel reads little ahead of us."""
    connection = socket.socket(socket.AF_INET)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, (host, port))
    name = host if tls else None
    return await asyncio.open_connection(sock=connection, ssl=tls, server_hostname=name, limit=1024)


def _is_cut_off(writer: asyncio.StreamWriter) -> bool:
    """Also while nothing is read, which is when asyncio does not see it."""
    connection = writer.get_extra_info("socket")
    return writer.transport.is_closing() or connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


async def _take(reader: asyncio.StreamReader, most_bytes: int) -> bytes:
    """What is there by now, without waiting for more."""
    try:
        async with asyncio.timeout(0):
            return await reader.read(most_bytes) if most_bytes else b""
    except TimeoutError:
        return b""


def blows() -> dict[str, bytes]:
    """What no honest client sends. Each deserves a 4xx or no answer at all."""
    return {
        "header of 1 MiB": b"GET /metrics" + _HOST + b"X: " + b"x" * 2**20 + b"\r\n\r\n",
        "20,000 headers": b"GET /metrics" + _HOST + b"a: b\r\n" * 20_000 + b"\r\n",
        "20,000 smallest headers": b"GET /metrics" + _HOST + b"a:\r\n" * 20_000 + b"\r\n",
        "request line of 1 MiB": b"GET /" + b"x" * 2**20 + _HOST + b"\r\n",
        "query of 1 MiB": b"GET /metrics?name[]=" + b"x" * 2**20 + _HOST + b"\r\n",
        "body of 1 MiB": request("/-/reload", f"Content-Length: {2**20}", method="POST") + b"x" * 2**20,
        "body longer than all": request("/-/reload", f"Content-Length: {2**64}", method="POST"),
        "two framings": request("/metrics", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        "two framings of a post": request(
            "/-/reload", "Transfer-Encoding: chunked", "Content-Length: 5", method="POST"
        ),
        "two lengths": request("/metrics", "Content-Length: 5", "Content-Length: 6") + b"hello",
        "negative length": request("/metrics", "Content-Length: -1"),
        "strange coding": request("/metrics", "Transfer-Encoding: gzip, chunked"),
        "bad chunk": request("/metrics", "Transfer-Encoding: chunked") + b"s3cret\r\n",
        "bad chunk of what is answered at once": request("/-/healthy", "Transfer-Encoding: chunked") + b"s3cret\r\n",
        "HTTP/9.9": b"GET /metrics HTTP/9.9\r\nHost: x\r\nX-Secret: s3cret\r\n\r\n",
        "HTTP/2.0": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/0.9": b"GET /metrics\r\n",
        "no host": b"GET /metrics HTTP/1.1\r\nX-Secret: s3cret\r\n\r\n",
        "two hosts": request("/metrics", "Host: s3cret"),
        "NUL in the path": b"GET /metrics\x00s3cret" + _HOST + b"\r\n",
        "NUL in a header": request("/metrics", "X: \x00"),
        "space in a name": request("/metrics", "X Y: s3cret"),
        "folded start": b"GET /metrics HTTP/1.1\r\n s3cret: x\r\n\r\n",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03s3cret" + bytes(range(256)),
        "binary": bytes(range(256)) * 256,
        "nothing but line ends": b"\r\n" * 50_000,
        "another protocol": b"SSH-2.0-s3cret\r\n",
        "trace": request("/metrics", method="TRACE"),
        "tunnel": request("elsewhere:443", method="CONNECT"),
        "absolute form": request("http://elsewhere/s3cret"),
        "file": request("/../../../../etc/passwd"),
        "file in escapes": request("/%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
        "no UTF-8": request("/%ff%fe%00s3cret"),
    }


async def strike(blow: bytes, host: str, port: int) -> bytes:
    """Sends all of it, if it is let, and gives what came back until the server closed, which may take it a while."""
    reader, writer = await asyncio.open_connection(host, port)
    got = b""
    try:
        writer.write(blow)
        while part := await reader.read(_ALL):
            got += part
    except OSError:
        pass  # cut off
    finally:
        writer.transport.abort()
    return got
