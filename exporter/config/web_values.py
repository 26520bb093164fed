"""What the rest of the house sees of the web config file: frozen, checked; files are named, not yet read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from datetime import timedelta
    from pathlib import Path

    from exporter.model import Secret


class ClientAuth(StrEnum):
    """Whether a client must show a certificate. The toolkit's two unverified kinds are not to be had from Python."""

    NONE = "NoClientCert"
    IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRED = "RequireAndVerifyClientCert"


@dataclass(frozen=True, slots=True)
class Tls:
    """`tls_server_config`. Of certificate, key and client authorities each is a file (absolute) or PEM text."""

    cert: Path | Secret
    key: Path | Secret
    min_version: ssl.TLSVersion
    max_version: ssl.TLSVersion
    client_ca: Path | Secret | None = None
    client_auth: ClientAuth = ClientAuth.NONE
    client_allowed_sans: tuple[str, ...] = ()  # exact; none: any verified client
    ciphers: tuple[str, ...] = ()  # as OpenSSL names them, TLS 1.2 and older; none: the library's choice
    prefer_server_ciphers: bool = True
    curves: tuple[str, ...] = ()  # as OpenSSL names them


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`rate_limit`: a token every `interval`, at most `burst` of them kept."""

    interval: timedelta
    burst: int


@dataclass(frozen=True, slots=True)
class WebConfig:
    """A whole web config file. An empty one means no TLS, no passwords, nothing added."""

    tls: Tls | None = None
    http2: bool = True  # asked for; this server speaks HTTP/1.1 only
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    users: Mapping[str, Secret] = field(default_factory=dict, hash=False)  # bcrypt hashes by user
    rate_limit: RateLimit | None = None
