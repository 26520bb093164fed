"""Builds the transport: no environment, no cookies, no redirects, no reuse of connections, TLS always verified."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import certifi
import httpx

from exporter.model import PollError, Reason

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.config import Api


def build_transport(api: Api) -> httpx.AsyncHTTPTransport:
    """A transport that opens a connection for each request.

    Raises PollError(TLS) when `ca_file` cannot be used.
    """
    # Kept-alive connections mix up answers: bytes behind one answer become the answer to the next request.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    context = _tls_context(api.ca_file)
    return httpx.AsyncHTTPTransport(
        verify=context, trust_env=False, http2=False, limits=limits, proxy=_proxy(api.proxy_url, context)
    )


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, trusting certifi's authorities or, where `ca_file` is given, those in it alone."""
    # ssl.create_default_context would open the file that SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(certifi.where() if ca_file is None else ca_file)
    except OSError as exc:
        fault = "no PEM certificates in it" if isinstance(exc, ssl.SSLError) else exc.strerror
        raise PollError(Reason.TLS, f"ca_file {ca_file} cannot be used: {fault}") from None
    return context


def _proxy(url: str | None, context: ssl.SSLContext) -> httpx.Proxy | None:
    if url is None:
        return None
    return httpx.Proxy(url, ssl_context=context if url.startswith("https:") else None)
