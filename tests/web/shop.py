"""A directory with a web config file, the certificates that it names, and clients that believe in them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from exporter.config import load_web
from exporter.web import Server, TlsError, WebFile, bind, build_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PAIR = "cert_file: server.crt, key_file: server.key"
CLIENTS = f"{PAIR}, client_ca_file: ca.crt, client_auth_type"
CERTIFICATE_REQUIRED = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
NO_PEM = b"-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n"
ANSWER = b"hello"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Shop:
    """`web.yml` with `ca.crt`, `server.crt` and `server.key` beside it. `asked` counts the requests that came through."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = trustme.CA()
        self.asked = 0
        self.put("ca.crt", self.authority.cert_pem.bytes())
        self.put_pair(self.issue())

    def issue(self, *names: str, **options: Any) -> trustme.LeafCert:
        return self.authority.issue_cert(*(names or ("127.0.0.1",)), **options)

    def put(self, name: str, content: str | bytes) -> Path:
        """As those do who know how: written beside, then renamed over."""
        new, path = self.directory / "new", self.directory / name
        new.write_bytes(content if isinstance(content, bytes) else content.encode())
        return new.replace(path)

    def put_pair(self, leaf: trustme.LeafCert) -> None:
        self.put("server.crt", leaf.cert_chain_pems[0].bytes())
        self.put("server.key", leaf.private_key_pem.bytes())

    def web_file(self, text: str = "") -> WebFile:
        return WebFile(self.put("web.yml", text))

    def server(self, tls: str = PAIR, **built_with: Any) -> Server:
        file = self.web_file(f"tls_server_config: {{{tls}}}")
        return Server(self.app, bind(["127.0.0.1:0"]), web_file=file, **built_with)

    def refusal(self, tls: str) -> str:
        """Why no context is built of this `tls_server_config`."""
        self.web_file(f"tls_server_config: {{{tls}}}")
        config = load_web(self.directory / "web.yml")
        assert config.tls is not None
        with pytest.raises(TlsError) as caught:
            build_context(config.tls)
        return str(caught.value)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """The application behind it all."""
        self.asked += 1
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": ANSWER})

    def client(self, shown: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """A client that trusts our authority, and has a certificate to show or none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.configure_trust(context)
        if shown is not None:
            shown.configure_cert(context)
        return context


@contextlib.asynccontextmanager
async def open_shop(server: Server, *, seconds: float = 20) -> AsyncIterator[None]:
    """The server at work; ends in time or fails."""
    async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        try:
            yield
        finally:
            server.stop()


async def ask(server: Server, client: ssl.SSLContext | None) -> str:
    """What a visit comes to: the body of the answer, or why there was none."""
    try:
        return (await visit(server, client))[0]
    except ssl.SSLError as error:
        return str(error.reason)
    except ConnectionError:
        return "closed"


async def visit(server: Server, client: ssl.SSLContext | None) -> tuple[str, ssl.SSLObject]:
    """The body of the answer, and the connection as the client saw it. Raises OSError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=client)
    try:
        session = writer.get_extra_info("ssl_object")
        writer.write(REQUEST)
        answer = await reader.read()
    finally:
        writer.transport.abort()
    if not answer:
        raise ConnectionResetError
    return answer.partition(b"\r\n\r\n")[2].decode(), session
