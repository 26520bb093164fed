"""Certificates and keys in PEM form: from a file or from the web config file itself, and handed to OpenSSL."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.config import UnreadableError, read_file
from exporter.model import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

_MOST_BYTES = 1024 * 1024


class TlsError(Exception):
    """A `tls_server_config` that cannot be used; the message is one sentence for the user and quotes no PEM."""


@dataclass(frozen=True, slots=True)
class Part:
    """A key of the file that leads to PEM, with or without `_file`."""

    key: str
    header: re.Pattern[bytes]
    expected: str


CERT = Part("cert", re.compile(rb"-----BEGIN [A-Z0-9 ]*CERTIFICATE-----"), "a certificate")
KEY = Part("key", re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----"), "a private key")
CLIENT_CA = Part("client_ca", CERT.header, "certificates of authorities")


def read(source: Path | Secret, part: Part) -> bytes:
    """The PEM text. Raises TlsError for what cannot be read and what is none."""
    if isinstance(source, Secret):
        pem, found = source.reveal().encode(), "another text"
    else:
        try:
            pem, found = read_file(source, most=_MOST_BYTES, is_regular=True), "another file"
        except UnreadableError as error:
            pem, found = b"", str(error)
    if len(pem) > _MOST_BYTES or not part.header.search(pem):
        raise TlsError(f"{where(source, part)}: found {found}, expected {part.expected} in PEM form")
    return pem


def where(source: Path | Secret, part: Part) -> str:
    """The place in the web config file, for an error."""
    key = f"tls_server_config.{part.key}"
    return key if isinstance(source, Secret) else f"{key}_file {str(source)!r}"


@contextlib.contextmanager
def as_file(pem: bytes) -> Iterator[str]:
    """A name under which OpenSSL can read what we hold. In memory, as the root file system may be read-only."""
    with _in_memory() or tempfile.NamedTemporaryFile(prefix="pem-") as file:
        file.write(pem)
        file.flush()
        yield file.name if isinstance(file.name, str) else f"/proc/self/fd/{file.fileno()}"


def _in_memory() -> IO[bytes] | None:
    """None where the system has no such thing, or no name for it."""
    if not hasattr(os, "memfd_create") or not Path("/proc/self/fd").is_dir():
        return None
    return os.fdopen(os.memfd_create("pem"), "wb")
