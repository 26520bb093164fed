"""Names every way a request can fail: a status or a library's exception becomes one fixed reason and sentence."""

from __future__ import annotations

import re
import socket
import ssl
from typing import TYPE_CHECKING

import httpx

from exporter.model import PollError, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

_STATUSES = {  # the vendor's own words for its documented codes
    400: (Reason.HTTP_400, "a parameter is missing or invalid"),
    401: (Reason.HTTP_401, "the access key is invalid"),
    402: (Reason.HTTP_402, "an invoice is unpaid"),
    404: (Reason.HTTP_404, "not found"),
    423: (Reason.HTTP_423, "the quota is insufficient"),
    429: (Reason.HTTP_429, "the rate limit is exceeded"),
}
_TIMEOUT = "no whole answer within api.timeout"
_EXCEPTIONS: tuple[tuple[type[BaseException], Reason, str], ...] = (  # the first found anywhere in the chain
    (httpx.TimeoutException, Reason.TIMEOUT, _TIMEOUT),
    (TimeoutError, Reason.TIMEOUT, _TIMEOUT),
    (httpx.ProtocolError, Reason.PROTOCOL, "the answer is not proper HTTP, or ended too early"),
    (socket.gaierror, Reason.DNS, "the host name could not be resolved"),
    (ssl.SSLError, Reason.TLS, "no TLS connection could be made"),
    (ConnectionResetError, Reason.RESET, "the connection was reset"),
    (httpx.ConnectError, Reason.CONNECT, "no connection could be made"),
    (httpx.ProxyError, Reason.CONNECT, "the proxy refused to connect"),
    (httpx.NetworkError, Reason.RESET, "the connection broke"),
    (OSError, Reason.CONNECT, "no connection could be made"),
)
_CERTIFICATES = {  # OpenSSL's verify codes
    9: "it is not yet valid",
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends in an unknown self-signed one",
    20: "its issuer is unknown",
    21: "its issuer is unknown",
    62: "it is for another host name",
    64: "it is for another address",
    66: "its key is too weak",
    67: "its issuer's key is too weak",
    68: "a signature in its chain is too weak",
}
_CODE = re.compile(r"[A-Z0-9_]{1,64}")


def status_error(status: int, *, blocked_for: timedelta | None) -> PollError:
    """What any status but 200 means."""
    reason, meaning = _STATUSES.get(status, (_class_of(status), ""))
    detail = f"upstream answered {status}: {meaning}" if meaning else f"upstream answered {status}"
    return PollError(reason, detail, blocked_for=blocked_for)


def failure(exc: Exception, *, timed_out: bool) -> Exception:
    """What an exception amid a request means: a PollError, or for a bug its class and traceback without its text."""
    if timed_out:
        return PollError(Reason.TIMEOUT, _TIMEOUT)
    chain = tuple(_chain(exc))
    for kind, reason, detail in _EXCEPTIONS:
        found = next((link for link in chain if isinstance(link, kind)), None)
        if found is not None:
            return PollError(reason, _tls_detail(found) if isinstance(found, ssl.SSLError) else detail)
    return RuntimeError(f"{type(exc).__name__} while asking upstream").with_traceback(exc.__traceback__)


def _class_of(status: int) -> Reason:
    if 300 <= status <= 399:
        return Reason.REDIRECT
    return Reason.HTTP_5XX if 500 <= status <= 599 else Reason.HTTP_OTHER


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        # WantRead and WantWrite are how a healthy TLS stream waits: whatever happens meanwhile has them as context.
        if not isinstance(exc, ssl.SSLWantReadError | ssl.SSLWantWriteError):
            yield exc
        exc = exc.__cause__ or exc.__context__


def _tls_detail(exc: ssl.SSLError) -> str:
    """Names the class of the fault: fixed words or OpenSSL's own constant, never the peer's text."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        fault = _CERTIFICATES.get(exc.verify_code, f"OpenSSL code {exc.verify_code}")
        return f"the server's certificate is refused: {fault}"
    code = getattr(exc, "reason", None) or ""  # OpenSSL's errors have it, those that Python raises do not
    return f"no TLS connection could be made: {code if _CODE.fullmatch(code) else 'handshake ended'}"
