from __future__ import annotations

import socket
import ssl

import httpx
import pytest

from exporter.client.reasons import failure, status_error
from exporter.model import PollError, Reason

OWN = {
    400: Reason.HTTP_400,
    401: Reason.HTTP_401,
    402: Reason.HTTP_402,
    404: Reason.HTTP_404,
    423: Reason.HTTP_423,
    429: Reason.HTTP_429,
}
CLASSES = [
    (Reason.HTTP_OTHER, (100, 101, 201, 202, 203, 204, 205, 206, 299, 403, 405, 418, 451, 499, 600, 999)),
    (Reason.REDIRECT, (300, 301, 302, 303, 304, 307, 308, 399)),
    (Reason.HTTP_5XX, (500, 501, 502, 503, 504, 520, 530, 599)),
]


@pytest.mark.parametrize(
    ("status", "reason"), [*OWN.items(), *[(status, reason) for reason, row in CLASSES for status in row]]
)
def test_status(status: int, reason: Reason) -> None:
    """Every status but 200 has one reason, and its sentence names the number."""
    error = status_error(status, blocked_for=None)
    assert reason is error.reason
    assert f"upstream answered {status}" in error.detail


def amid(exc: Exception, *links: BaseException) -> Exception:
    """The exception with these as its chain of causes."""
    last: BaseException = exc
    for link in links:
        last.__cause__ = link
        last = link
    return exc


def refused_certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "marked")
    error.verify_code = code
    return error


def waiting(exc: Exception) -> Exception:
    exc.__context__ = ssl.SSLWantReadError(2, "marked")
    return exc


@pytest.mark.parametrize(
    ("exc", "reason"),
    [
        (httpx.ConnectTimeout("marked"), Reason.TIMEOUT),
        (httpx.ReadTimeout("marked"), Reason.TIMEOUT),
        (httpx.PoolTimeout("marked"), Reason.TIMEOUT),
        (TimeoutError("marked"), Reason.TIMEOUT),
        (amid(httpx.ConnectError("marked"), OSError(), TimeoutError(110, "marked")), Reason.TIMEOUT),
        (amid(httpx.ConnectError("marked"), socket.gaierror(-2, "marked")), Reason.DNS),
        (amid(httpx.ConnectError("marked"), ConnectionRefusedError(111, "marked")), Reason.CONNECT),
        (amid(httpx.ConnectError("marked"), ConnectionResetError(104, "marked")), Reason.RESET),
        (amid(httpx.ConnectError("marked"), ssl.SSLError(1, "marked")), Reason.TLS),
        (amid(httpx.ConnectError("marked"), refused_certificate(10)), Reason.TLS),
        (amid(httpx.ReadError("marked"), waiting(ConnectionAbortedError(103, "marked"))), Reason.RESET),
        (httpx.ProxyError("407 marked"), Reason.CONNECT),
        (httpx.ReadError("marked"), Reason.RESET),
        (httpx.WriteError("marked"), Reason.RESET),
        (httpx.RemoteProtocolError("marked"), Reason.PROTOCOL),
        (httpx.LocalProtocolError("marked"), Reason.PROTOCOL),
        (OSError(24, "marked"), Reason.CONNECT),
    ],
    ids=repr,
)
def test_exception(exc: Exception, reason: Reason) -> None:
    """A failure of the wire has one reason, and its sentence quotes nothing."""
    error = failure(exc, timed_out=False)
    assert isinstance(error, PollError)
    assert reason is error.reason
    assert "marked" not in str(error)


@pytest.mark.parametrize(
    ("exc", "detail"),
    [
        (refused_certificate(9), "the server's certificate is refused: it is not yet valid"),
        (refused_certificate(10), "the server's certificate is refused: it has expired"),
        (refused_certificate(62), "the server's certificate is refused: it is for another host name"),
        (refused_certificate(67), "the server's certificate is refused: its issuer's key is too weak"),
        (refused_certificate(68), "the server's certificate is refused: a signature in its chain is too weak"),
        (refused_certificate(99), "the server's certificate is refused: OpenSSL code 99"),
        (ssl.SSLEOFError(8, "marked"), "no TLS connection could be made: handshake ended"),
    ],
)
def test_tls_names_the_class_of_the_fault(exc: ssl.SSLError, detail: str) -> None:
    """What is wrong with a certificate is said in fixed words."""
    assert PollError(Reason.TLS, detail).args == failure(exc, timed_out=False).args


def test_past_the_deadline() -> None:
    """Whatever comes of cutting a request off, it is a timeout."""
    error = failure(httpx.ReadError(""), timed_out=True)
    assert isinstance(error, PollError)
    assert Reason.TIMEOUT is error.reason


def test_bug() -> None:
    """What is no failure of the wire is no PollError; its class and traceback stay, its text does not."""
    try:
        {}["marked"]
    except KeyError as exc:
        error = failure(exc, timed_out=False)
    assert (RuntimeError, "KeyError while asking upstream") == (type(error), str(error))
    assert error.__traceback__ is not None
