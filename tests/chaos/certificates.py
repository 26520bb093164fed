"""Certificates to be trusted and not to be, made for one play."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime
from typing import Any

import trustme

PAST = {"not_before": datetime(2020, 1, 1, tzinfo=UTC), "not_after": datetime(2021, 1, 1, tzinfo=UTC)}
FUTURE = {"not_before": datetime(2120, 1, 1, tzinfo=UTC), "not_after": datetime(2121, 1, 1, tzinfo=UTC)}


class Certificates:
    """An authority to be trusted, a stranger, and servers' contexts with what they vouch for."""

    def __init__(self) -> None:
        self.authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self._stranger = trustme.CA(key_type=trustme.KeyType.ECDSA)

    def good(self, name: str = "127.0.0.1", **options: Any) -> ssl.SSLContext:
        return _vouched_for(self.authority, name, **options)

    def expired(self) -> ssl.SSLContext:
        return self.good(**PAST)

    def not_yet_valid(self) -> ssl.SSLContext:
        return self.good(**FUTURE)

    def for_another_address(self) -> ssl.SSLContext:
        return self.good("127.0.0.2")

    def for_another_host(self) -> ssl.SSLContext:
        return self.good("upstream.example")

    def strange(self) -> ssl.SSLContext:
        return _vouched_for(self._stranger, "127.0.0.1")

    def self_signed(self) -> ssl.SSLContext:
        """With the stranger's own certificate, which vouches for itself."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with self._stranger.private_key_pem.tempfile() as key, self._stranger.cert_pem.tempfile() as certificate:
            context.load_cert_chain(certificate, key)
        return context

    def old(self) -> ssl.SSLContext:
        """That speaks TLS 1.1 at most."""
        context = self.good()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the point is that it is old
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        return context


def _vouched_for(issuer: trustme.CA, name: str, **options: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(name, key_type=trustme.KeyType.ECDSA, **options).configure_cert(context)
    return context
