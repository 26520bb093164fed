"""The certificates of the chaos upstream: that what is refused for its age would do for others."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from chaos.certificates import Certificates, only_old


def test_old() -> None:
    """A server of TLS 1.1 is spoken to by a client that does not mind."""
    certificates = Certificates()
    lenient = only_old(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    certificates.authority.configure_trust(lenient)

    async def spoken() -> str:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificates.old())
        async with server:
            port = server.sockets[0].getsockname()[1]
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=lenient)
            except OSError:
                pytest.skip("OpenSSL here speaks no TLS 1.1")
            writer.transport.abort()
            return writer.get_extra_info("ssl_object").version()

    assert "TLSv1.1" == asyncio.run(spoken())
