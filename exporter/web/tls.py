"""TLS by the web config file as it is at each handshake, so that certificates are rotated without a restart."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
import warnings
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter.config import ConfigError
from exporter.config.web_values import ClientAuth
from exporter.model import Secret
from exporter.web.looks import Failure, Looks
from exporter.web.pem import CERT, CLIENT_CA, KEY, TlsError, as_file, read, where
from exporter.web.web_file import signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any, Self

    from exporter.config.web_values import Tls
    from exporter.web.web_file import WebFile

__all__ = ["LiveContext", "TlsError", "build_context", "permits"]

_log = structlog.get_logger()
_MISMATCHES = {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}  # the last: of another kind
_EXPIRED = 10  # OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED
_VERIFY = {
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRED: ssl.CERT_REQUIRED,
}
_KINDS = ("DNS", "email", "URI")
_NOT_HTTPS = b"""HTTP/1.0 400 Bad Request\r
Content-Type: text/plain; charset=utf-8\r
Content-Length: 48\r
Connection: close\r
\r
Client sent an HTTP request to an HTTPS server.
"""  # in the words of Go, which somebody who forgot `scheme: https` may know
_TURNS = 4  # of client and server, more than a handshake has


class _Session(ssl.SSLObject):
    """One connection's TLS. Tells the client why a handshake fails, which asyncio alone would not."""

    outgoing: ssl.MemoryBIO
    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            if error.reason == "HTTP_REQUEST":
                self.outgoing.write(_NOT_HTTPS)
            if not self.outgoing.pending:
                raise
            # asyncio drops what is unsent when a handshake fails. Taken for a wait it sends the alert;
            # it comes back when the client has closed, or the handshake's time is up.
            self._failure = error
            raise ssl.SSLWantReadError from error


class _Context(ssl.SSLContext):
    """What one state of the files makes."""

    sslobject_class = _Session
    allowed_sans: tuple[str, ...] = ()

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **options: Any) -> ssl.SSLObject:
        session = super().wrap_bio(incoming, outgoing, *args, **options)
        assert isinstance(session, _Session)  # noqa: S101 - as `sslobject_class` says
        session.outgoing = outgoing
        return session


class LiveContext(ssl.SSLContext):
    """Hands every new connection to the context that the files make now, or else to the last good one.

    A context of its own for each state of the files: swapped within a handshake, only the certificate would follow.
    Raises ConfigError or TlsError when it is made of files that cannot be used.
    """

    def __new__(cls, _web_file: WebFile) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, web_file: WebFile) -> None:
        tls = web_file.current().tls
        if tls is None:
            raise TlsError(f"{web_file.path}: tls_server_config: found none, expected a certificate and a key")
        self._web_file = web_file
        self._looks = Looks(self._look, first=None, executor=web_file.executor)
        self._seen = (tls, _signatures(tls))
        self._failure, self._fault = Failure(web_file.seconds), ""
        try:
            self._good = _build_and_warn(tls)
        except TlsError as error:
            raise TlsError(f"{web_file.path}: {error}") from error

    async def renew(self) -> None:
        """Looks at the files, unless that takes too long. To be awaited before each handshake."""
        await self._looks.now()

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """What asyncio asks for at each connection."""
        return self._good.wrap_bio(*args, **options)

    def _look(self) -> None:
        tls = self._seen[0]
        with contextlib.suppress(ConfigError):  # told by the file itself; until it is mended the last good one serves
            tls = self._web_file.current().tls or tls
        seen = (tls, _signatures(tls))
        if seen == self._seen:
            self._fault = ""  # put back as it was: the same fault would be news again
            return
        if self._failure.is_recent(seen):
            return
        try:
            self._good = _build_and_warn(tls)
        except TlsError as error:
            if str(error) != self._fault:
                _log.error("Error renewing TLS; what served before still does", err=str(error))
            self._fault = str(error)
            self._failure.note(seen)
        else:
            _log.info("Renewed TLS from changed files")
            self._seen, self._fault = seen, ""


def permits(connection: ssl.SSLObject) -> bool:
    """Whether the client of a finished handshake bears one of the names that are allowed, if only some are."""
    allowed = connection.context.allowed_sans if isinstance(connection.context, _Context) else ()
    return not allowed or not set(allowed).isdisjoint(_names(connection.getpeercert() or {}))


def build_context(tls: Tls) -> ssl.SSLContext:
    """A server's context of the files as they are now. Raises TlsError for what cannot be used or has expired."""
    context = _Context(ssl.PROTOCOL_TLS_SERVER)
    context.allowed_sans = tls.client_allowed_sans
    context.set_alpn_protocols(["http/1.1"])
    _set_parameters(context, tls)
    try:
        _load_pair(context, tls)
        _rehearse(context, tls)
        _ask_for_clients(context, tls)
    except OSError as error:
        found = f"no way to hand PEM to OpenSSL ({error.strerror})"
        raise TlsError(f"tls_server_config: {found}, expected memory or a temporary directory") from error
    return context


def _build_and_warn(tls: Tls) -> ssl.SSLContext:
    context = build_context(tls)
    if len(tls.curves) > 1:
        _log.warning("Python's TLS takes one curve; the others are not offered", curve=tls.curves[0])
    return context


def _signatures(tls: Tls) -> tuple[object, ...]:
    return tuple(None if each is None or isinstance(each, Secret) else signature(each) for each in _sources(tls))


def _sources(tls: Tls) -> tuple[Path | Secret | None, ...]:
    return (tls.cert, tls.key, tls.client_ca)


def _set_parameters(context: ssl.SSLContext, tls: Tls) -> None:
    try:
        _set_versions(context, tls)
        if _is_old(tls):
            context.set_ciphers(":".join(tls.ciphers or ["DEFAULT"]) + ":@SECLEVEL=0")
        elif tls.ciphers:  # without any, Python's own choice is narrower than OpenSSL's
            context.set_ciphers(":".join(tls.ciphers))
        if tls.curves:
            context.set_ecdh_curve(tls.curves[0])
    except (ssl.SSLError, ValueError) as error:
        found = "a version, cipher or curve that OpenSSL does not have here"
        raise TlsError(f"tls_server_config: found {found}, expected another") from error
    context.options |= ssl.OP_NO_RENEGOTIATION
    if tls.prefer_server_ciphers:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE


def _set_versions(context: ssl.SSLContext, tls: Tls) -> None:
    """Raises ValueError where OpenSSL was built without one of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # who asks for old versions knows that they are old
        context.minimum_version, context.maximum_version = tls.min_version, tls.max_version


def _is_old(tls: Tls) -> bool:
    """OpenSSL speaks what is older than TLS 1.2 at no higher level of security than its lowest."""
    return tls.min_version < ssl.TLSVersion.TLSv1_2


def _load_pair(context: ssl.SSLContext, tls: Tls) -> None:
    cert, key = read(tls.cert, CERT), read(tls.key, KEY)
    with as_file(cert) as cert_path, as_file(key) as key_path:
        try:
            context.load_cert_chain(cert_path, key_path, password=partial(_refuse_password, tls))
        except ssl.SSLError as error:
            if error.reason in _MISMATCHES:
                found = f"a key that does not belong to the certificate of {where(tls.cert, CERT)}"
                raise TlsError(f"{where(tls.key, KEY)}: found {found}, expected its own") from None
            reason = str(error.reason).replace("_", " ").lower()
            found = f"a certificate, or with it a key, that OpenSSL refuses ({reason})"
            raise TlsError(f"{where(tls.cert, CERT)}: found {found}, expected a usable pair") from None


def _refuse_password(tls: Tls) -> str:
    """In place of OpenSSL's own question on the terminal."""
    raise TlsError(f"{where(tls.key, KEY)}: found an encrypted key, expected one without a password")


def _rehearse(context: ssl.SSLContext, tls: Tls) -> None:
    """A handshake with ourselves. It finds what loading does not: an expired certificate, ciphers not for the key."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    _set_versions(client, tls)
    client.set_ciphers("ALL:@SECLEVEL=0")
    try:
        own = _shake_hands(context, client)
        client.load_verify_locations(cadata=own)
        client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        client.verify_mode = ssl.CERT_REQUIRED
        _shake_hands(context, client)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == _EXPIRED:
            found = "a certificate that has expired"
            raise TlsError(f"{where(tls.cert, CERT)}: found {found}, expected a valid one") from None
    except ssl.SSLError:
        found = "versions, ciphers or a curve that do not fit the certificate"
        raise TlsError(f"tls_server_config: found {found}, expected some that a handshake can use") from None


def _shake_hands(context: ssl.SSLContext, client_context: ssl.SSLContext) -> bytes:
    """The server's certificate as the client got it, as DER."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server) * _TURNS:
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return client.getpeercert(binary_form=True) or b""


def _ask_for_clients(context: ssl.SSLContext, tls: Tls) -> None:
    context.verify_mode = _VERIFY[tls.client_auth]
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # an intermediate authority is enough, as in Go
    if tls.client_ca is None:
        return
    with as_file(read(tls.client_ca, CLIENT_CA)) as path:
        try:
            context.load_verify_locations(path)
        except ssl.SSLError:
            found = "a damaged certificate"
            raise TlsError(f"{where(tls.client_ca, CLIENT_CA)}: found {found}, expected PEM") from None


def _names(certificate: Mapping[str, Any]) -> Iterator[str]:
    """The names that Go's toolkit compares, written as it writes them."""
    for kind, name in certificate.get("subjectAltName", ()):
        if kind in _KINDS:
            yield name
        elif kind == "IP Address":
            with contextlib.suppress(ValueError):
                yield str(ipaddress.ip_address(name.strip()))
