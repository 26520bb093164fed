"""The client on real sockets: with whom it speaks TLS, and what others see of that."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from client.wires import KEY, TASK_ID, an_api, an_upstream, ask, ask_server, head_of, listening, saying, whole
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


def test_unknown_authority(authority: trustme.CA) -> None:
    """Without `ca_file` only the public authorities are trusted."""
    error = ask_server(saying(whole()), scheme="https", context=server_context(authority))
    assert (Reason.TLS, "the server's certificate is refused: its issuer is unknown") == (error.reason, error.detail)


def test_a_ca_file_that_is_replaced_breaks_nothing(authority: trustme.CA, ca_file: Path) -> None:
    """What is under way when other authorities come is answered, and so is what is asked then; the new ones count."""
    asked, answer = asyncio.Semaphore(0), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        asked.release()
        await answer.wait()
        writer.write(whole())
        await writer.drain()
        await reader.read()

    async def once() -> list[Any]:
        async with listening(serve, ssl=server_context(authority)) as port:
            upstream = an_upstream(an_api(f"https://127.0.0.1:{port}", ca_file=ca_file))
            asking = []
            for pem in (authority, trustme.CA(), authority):
                pem.cert_pem.write_to_path(ca_file.with_suffix(".new"))
                ca_file.with_suffix(".new").replace(ca_file)
                asking += [asyncio.create_task(upstream.get_task(TASK_ID)) for _ in range(2)]
                await (asked.acquire() if pem is authority else asyncio.wait(asking[-2:]))
            answer.set()
            found = await asyncio.gather(*asking, return_exceptions=True)
            await upstream.aclose()
        return [each.reason if isinstance(each, PollError) else each.value.id for each in found]

    assert [TASK_ID, TASK_ID, Reason.TLS, Reason.TLS, TASK_ID, TASK_ID] == asyncio.run(once())


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
