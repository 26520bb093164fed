"""What connections meet before there is a request: resets, silence, and TLS that is not to be trusted. U56 to U63."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.certificates import Certificates
from chaos.plays import Fault, failing
from chaos.server import reset
from exporter.model import Problem, Reason, State

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Callable

    from chaos.plays import Silence
    from chaos.server import Door


def handshake(make: Callable[[Certificates], ssl.SSLContext], **more: str) -> Fault:
    """TLS as this context has it."""

    def open_with(certificates: Certificates, _silence: Silence) -> Door:
        context = make(certificates)

        async def door(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
            await writer.start_tls(context)
            return True

        return door

    return failing(Reason.TLS, door=open_with, tls=True, **more)


def certificate(make: Callable[[Certificates], ssl.SSLContext], fault: str) -> Fault:
    return handshake(make, told=f"the server's certificate is refused: {fault}")


def instead_of_tls(data: bytes) -> Fault:
    """These bytes in answer to the handshake."""

    def open_with(_certificates: Certificates, _silence: Silence) -> Door:
        async def door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
            await reader.read(1)
            writer.write(data)
            await writer.drain()
            writer.write_eof()
            await reader.read()
            return False

        return door

    return failing(Reason.TLS, door=open_with, tls=True)


def keep_still(_certificates: Certificates, silence: Silence) -> Door:
    async def door(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
        with silence():
            await reader.read()
        return False

    return door


def break_off(_certificates: Certificates, _silence: Silence) -> Door:
    async def door(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        reset(writer)
        return False

    return door


def unreachable(reason: Reason, base_url: str) -> Fault:
    return Fault(reason=reason, nowhere=base_url, state=State.UNKNOWN, problem=Problem.NO_DATA)


FAULTS = {
    "U56-no-such-host": unreachable(Reason.DNS, "https://no..name"),
    "U58-refused": unreachable(Reason.CONNECT, "http://127.0.0.1:1"),
    "U58-reset-at-connect": failing(Reason.RESET, door=break_off),
    "U58-reset-in-handshake": failing(Reason.RESET, door=break_off, tls=True),
    "U59-silent-handshake": failing(Reason.TIMEOUT, door=keep_still, tls=True),
    "U61-TLS-1.1": handshake(Certificates.old),
    "U62-expired": certificate(Certificates.expired, "it has expired"),
    "U62-not-yet-valid": certificate(Certificates.not_yet_valid, "it is not yet valid"),
    "U62-wrong-address": certificate(Certificates.for_another_address, "it is for another address"),
    "U62-wrong-host": certificate(Certificates.for_another_host, "it is for another address"),
    "U62-unknown-issuer": certificate(Certificates.strange, "its issuer is unknown"),
    "U62-self-signed": certificate(Certificates.self_signed, "it is self-signed"),
    "U62-weak-key": certificate(Certificates.weak, "its key is too weak"),
    "U63-plain-HTTP": instead_of_tls(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "U63-garbage": instead_of_tls(b"\x16\x03\x01\xff\xff" + b"\x00" * 99),
    "U63-closed": instead_of_tls(b""),
}
