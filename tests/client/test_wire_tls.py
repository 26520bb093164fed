"""The client on real sockets: with whom it speaks TLS, and what others see of that."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from client.wires import KEY, TASK_ID, ask, ask_server, head_of, listening, saying, whole
from exporter.model import PollError, Reason, Task

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def server_context(authority: trustme.CA, *names: str, **options: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1",)), **options).configure_cert(context)
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls(
    authority: trustme.CA, ca_file: Path, version: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """TLS 1.2 and newer is spoken with whom `ca_file` vouches for, and no session key is written anywhere."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = server_context(authority)
    context.minimum_version = context.maximum_version = version
    task = ask_server(saying(whole()), scheme="https", context=context, ca_file=ca_file)
    assert TASK_ID == task.id
    assert not (tmp_path / "keys").exists()


def only_tls_1_1(context: ssl.SSLContext) -> ssl.SSLContext:
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the point is that it is old
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def test_old_tls_is_refused(authority: trustme.CA, ca_file: Path) -> None:
    """A server that speaks TLS 1.1 at most, and would to others, is not spoken to."""
    lenient = only_tls_1_1(ssl.create_default_context(cafile=ca_file))

    async def premise(port: int) -> None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=lenient)
        except OSError:
            pytest.skip("OpenSSL here speaks no TLS 1.1")
        writer.transport.abort()

    async def once() -> Task | PollError:
        async with listening(saying(whole()), ssl=only_tls_1_1(server_context(authority))) as port:
            await premise(port)
            return await ask(f"https://127.0.0.1:{port}", ca_file=ca_file)

    error = asyncio.run(once())
    assert isinstance(error, PollError)
    assert Reason.TLS is error.reason


def test_unknown_authority(authority: trustme.CA) -> None:
    """Without `ca_file` only the public authorities are trusted."""
    error = ask_server(saying(whole()), scheme="https", context=server_context(authority))
    assert (Reason.TLS, "the server's certificate is refused: its issuer is unknown") == (error.reason, error.detail)


PAST = {"not_before": datetime(2020, 1, 1, tzinfo=UTC), "not_after": datetime(2021, 1, 1, tzinfo=UTC)}
FUTURE = {"not_before": datetime(2120, 1, 1, tzinfo=UTC), "not_after": datetime(2121, 1, 1, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("names", "options", "fault"),
    [
        (["127.0.0.2"], {}, "it is for another address"),
        (["upstream.example"], {}, "it is for another address"),
        (["127.0.0.1"], PAST, "it has expired"),
        (["127.0.0.1"], FUTURE, "it is not yet valid"),
    ],
)
def test_bad_certificate(
    authority: trustme.CA, ca_file: Path, names: list[str], options: dict[str, datetime], fault: str
) -> None:
    """A certificate that does not fit is refused before the key is sent, and the sentence says what is wrong."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())

    context = server_context(authority, *names, **options)
    error = ask_server(serve, scheme="https", context=context, ca_file=ca_file)
    assert (Reason.TLS, f"the server's certificate is refused: {fault}") == (error.reason, error.detail)
    assert not any(heard)


def test_plain_http_on_the_tls_port() -> None:
    """A server that speaks no TLS is a TLS failure."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        await reader.read()

    assert Reason.TLS is ask_server(serve, scheme="https").reason


def test_configured_proxy_does_not_see_the_key(authority: trustme.CA, ca_file: Path) -> None:
    """The configured proxy is asked for a tunnel, with its own password, and what goes through is TLS."""
    heads: list[str] = []
    heard: list[bytes] = []

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(65_536):
            heard.append(chunk)
            sink.write(chunk)
            await sink.drain()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await head_of(reader))
        there, back = await asyncio.open_connection("127.0.0.1", int(heads[0].split()[1].rpartition(":")[2]))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            await asyncio.gather(pipe(reader, back), pipe(there, writer))
        finally:
            back.transport.abort()

    async def once() -> Task | PollError:
        served = listening(saying(whole()), ssl=server_context(authority))
        async with listening(proxy) as proxy_port, served as port:
            proxy_url = f"http://user:pass@127.0.0.1:{proxy_port}"
            return await ask(f"https://127.0.0.1:{port}", proxy_url=proxy_url, ca_file=ca_file)

    assert isinstance(asyncio.run(once()), Task)
    (head,) = heads
    assert head.startswith("CONNECT 127.0.0.1:")
    assert "Proxy-Authorization: Basic dXNlcjpwYXNz" in head
    assert KEY not in head
    assert KEY.encode() not in b"".join(heard)
