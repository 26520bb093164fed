"""`healthcheck`: asks a running exporter whether it is healthy, for images that have no curl.

The standard library's client: it starts in a third of the time, knows no proxies, and follows nothing.
"""

from __future__ import annotations

import ssl
import sys
import warnings
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from exporter.cli.parser import DEFAULT_PORT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from http.client import HTTPResponse
    from urllib.parse import SplitResult

    from exporter.config.web_values import Tls, WebConfig

_TIMEOUT_SECONDS = 5.0
_MOST_METRICS = 1024 * 1024  # bytes read of them; ours come with the one family that is asked for
# What the web config file may put before the answer. It is alive that gives them.
_STOPPED = {401: "its passwords are on", 429: "its rate limit is reached"}
_ALERTS = {"TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE"}  # of TLS 1.3, and of older ones
_NO_MORE = "a sign of life and no more"


class _Finding(NamedTuple):
    """Whether an answer is a good one, in which words, and whether the exporter itself gave it, not what guards it.

    No dataclass: to import that takes a tenth of the verb's start.
    """

    good: bool
    told: str
    own: bool = True


def run(options: argparse.Namespace) -> int:
    """Exits 0 when healthy, 1 when not or not reached."""
    found = _ask_as_configured(options)
    (sys.stdout if found.good else sys.stderr).write(f"healthcheck: {found.told}\n")
    return 0 if found.good else 1


def _ask_as_configured(options: argparse.Namespace) -> _Finding:
    """As `_try`, which is all where there is no web config file.

    One that has become invalid does not end the exporter, which answers for its health by what it said before: then
    the URL tells whether that has TLS, and without one both are tried.
    """
    if options.web_config_file is None:
        return _try(options, None)
    from exporter.config import ConfigError, WebConfig, load_web  # noqa: PLC0415 - most of what a start costs

    try:
        web = load_web(options.web_config_file)
    except ConfigError as error:
        found = _try(options, _unread_web(), WebConfig() if options.url is None else None)
        return found._replace(told="; ".join((found.told, *error.problems)))
    return _try(options, web)


def _try(options: argparse.Namespace, web: WebConfig | None, without_tls: WebConfig | None = None) -> _Finding:
    """What `_ask` finds, if need be with what is `without_tls`; that nobody answers is a finding too."""
    try:
        return _ask(options, web)
    except (OSError, HTTPException) as error:
        if without_tls is not None and isinstance(error, ssl.SSLError):
            return _try(options, without_tls)
        return _Finding(good=False, told=f"no answer ({type(error).__name__})")
    except (ValueError, OverflowError):  # a URL that cannot be parsed, encoded or connected to
        return _Finding(good=False, told=f"not an address, expected a URL such as http://127.0.0.1:{DEFAULT_PORT}")


def _unread_web() -> WebConfig:
    """In place of a file that cannot be read: whatever it may put before the answer."""
    from exporter.config import Tls, WebConfig  # noqa: PLC0415 - as above

    unread, (oldest, newest) = Path(), (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_3)
    return WebConfig(tls=Tls(cert=unread, key=unread, min_version=oldest, max_version=newest))


def _ask(options: argparse.Namespace, web: WebConfig | None) -> _Finding:
    """What comes of the one question, and of that for a metric after it where one is wanted.

    Raises OSError, HTTPException, ValueError, OverflowError.
    """
    parts = _parts(options.url, web)
    path = "/-/ready" if options.ready else "/-/healthy"
    prefix = parts.path.rstrip("/").removesuffix(path)
    found = _get(parts, web, prefix + path, _welcome)
    if options.metric is None or not (found.good and found.own):
        return found
    metrics = f"{prefix}{quote(options.telemetry_path, errors='replace')}?{urlencode({'name[]': options.metric})}"
    sample = _get(parts, web, metrics, lambda answer: _look_for(options.metric, answer))
    return _Finding(good=sample.good, told=f"{found.told}; metrics: {sample.told}")


def _parts(url: str | None, web: WebConfig | None) -> SplitResult:
    """Of the URL, or of the default address. Raises ValueError for what is none."""
    own = f"{'https' if web and web.tls else 'http'}://127.0.0.1:{DEFAULT_PORT}"
    parts = urlsplit(own if url is None else url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError
    return parts


def _get(parts: SplitResult, web: WebConfig | None, path: str, judge: Callable[[HTTPResponse], _Finding]) -> _Finding:
    """What `judge` makes of an answer with 200; any other is a bad one, or a sign of life. Raises as `_ask` does."""
    connection = _connection(parts, web.tls if web else None)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        if web is not None and answer.status in _STOPPED:
            return _Finding(good=True, told=f"{answer.status}, {_STOPPED[answer.status]}: {_NO_MORE}", own=False)
        return judge(answer) if answer.status == 200 else _Finding(good=False, told=_words(answer))
    except ssl.SSLError as error:
        if web is None or error.reason not in _ALERTS:
            raise
        return _Finding(good=True, told=f"TLS answers, and asks for a client certificate: {_NO_MORE}", own=False)
    finally:
        connection.close()


def _welcome(answer: HTTPResponse) -> _Finding:
    return _Finding(good=True, told=_words(answer))


def _words(answer: HTTPResponse) -> str:
    text = answer.read(80).decode(errors="replace").strip()
    return f"{answer.status} {text if text.isprintable() else ''}".rstrip()


def _look_for(name: str, answer: HTTPResponse) -> _Finding:
    """Reads no further than to the first sample of that name."""
    left, starts = _MOST_METRICS, (f"{name}{{".encode(), f"{name} ".encode())
    while line := answer.readline(left):
        if line.startswith(starts):
            return _Finding(good=True, told=f"{name} is there")
        left -= len(line)
    return _Finding(good=False, told=f"no sample of {name}")


def _connection(parts: SplitResult, tls: Tls | None) -> HTTPConnection:
    assert parts.hostname is not None  # noqa: S101 - checked by who calls
    if parts.scheme == "http":
        return HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS)
    context = None if tls is None else _trusting(tls)
    return HTTPSConnection(parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS, context=context)


def _trusting(tls: Tls) -> ssl.SSLContext:
    """Speaks what the server does and believes any certificate: it asks its own machine, and tells no secret."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the exporter was told to speak old versions
        context.minimum_version = tls.min_version
    return context
