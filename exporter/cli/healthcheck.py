"""`healthcheck`: asks a running exporter whether it is healthy, for images that have no curl.

The standard library's client: it starts in a third of the time, knows no proxies, and follows nothing.
"""

from __future__ import annotations

import ssl
import sys
import warnings
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from exporter.cli.parser import DEFAULT_PORT

if TYPE_CHECKING:
    import argparse
    from pathlib import Path
    from urllib.parse import SplitResult

    from exporter.config.web_values import Tls, WebConfig

_PATH = "/-/healthy"
_TIMEOUT_SECONDS = 5.0
# What the web config file may put before the answer. It is alive that gives them.
_STOPPED = {401: "its passwords are on", 429: "its rate limit is reached"}
_ALERTS = {"TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE"}  # of TLS 1.3, and of older ones
_NOT_ASKED = "so its poll loops were not asked"


def run(options: argparse.Namespace) -> int:
    """Exits 0 when healthy, 1 when not or not reached."""
    try:
        healthy, told = _ask_as_configured(options.url, options.web_config_file)
    except (OSError, HTTPException) as error:
        healthy, told = False, f"no answer ({type(error).__name__})"
    except (ValueError, OverflowError):  # a URL that cannot be parsed, encoded or connected to
        healthy, told = False, f"not an address, expected a URL such as http://127.0.0.1:{DEFAULT_PORT}"
    (sys.stdout if healthy else sys.stderr).write(f"healthcheck: {told}\n")
    return 0 if healthy else 1


def _ask_as_configured(url: str | None, web_config_file: Path | None) -> tuple[bool, str]:
    """As `_ask`, which is all where there is no web config file."""
    if web_config_file is None:
        return _ask(f"http://127.0.0.1:{DEFAULT_PORT}" if url is None else url, None)
    from exporter.config import ConfigError, load_web  # noqa: PLC0415 - most of what a start costs

    try:
        web = load_web(web_config_file)
    except ConfigError as error:
        return False, "; ".join(error.problems)
    own = f"{'https' if web.tls else 'http'}://127.0.0.1:{DEFAULT_PORT}"
    return _ask(own if url is None else url, web)


def _ask(url: str, web: WebConfig | None) -> tuple[bool, str]:
    """Whether it is alive, and in which words. Raises OSError, HTTPException, ValueError, OverflowError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError
    connection = _connection(parts, web.tls if web else None)
    try:
        connection.request("GET", parts.path.rstrip("/").removesuffix(_PATH) + _PATH)
        answer = connection.getresponse()
        text = answer.read(80).decode(errors="replace").strip()
    except ssl.SSLError as error:
        if web is None or error.reason not in _ALERTS:
            raise
        return True, f"TLS answers, and asks for a client certificate, {_NOT_ASKED}"
    finally:
        connection.close()
    if web is not None and answer.status in _STOPPED:
        return True, f"{answer.status}, {_STOPPED[answer.status]}, {_NOT_ASKED}"
    return answer.status == 200, f"{answer.status} {text if text.isprintable() else ''}".rstrip()


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
