"""Certificates to be trusted and not to be, made for one play."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PAST = {"not_before": datetime(2020, 1, 1, tzinfo=UTC), "not_after": datetime(2021, 1, 1, tzinfo=UTC)}
FUTURE = {"not_before": datetime(2120, 1, 1, tzinfo=UTC), "not_after": datetime(2121, 1, 1, tzinfo=UTC)}
LONG_AGO, FAR_AHEAD = PAST["not_before"], FUTURE["not_after"]


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

    def weak(self) -> ssl.SSLContext:
        """With all that is right but its key, of 1024 bits, which trustme would not make."""
        issuer = x509.load_pem_x509_certificate(self.authority.cert_pem.bytes())
        signing = serialization.load_pem_private_key(self.authority.private_key_pem.bytes(), None)
        key = rsa.generate_private_key(public_exponent=65_537, key_size=1024)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(LONG_AGO)
            .not_valid_after(FAR_AHEAD)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
            .sign(signing, hashes.SHA256())
        )
        form, of_old = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        pair = key.private_bytes(serialization.Encoding.PEM, form, of_old)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")  # or the server itself would not have it
        with trustme.Blob(pair + certificate.public_bytes(serialization.Encoding.PEM)).tempfile() as file:
            context.load_cert_chain(file)
        return context

    def old(self) -> ssl.SSLContext:
        return only_old(self.good())


def only_old(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same, and it speaks TLS 1.1 and nothing else."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the point is that it is old
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def _vouched_for(issuer: trustme.CA, name: str, **options: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(name, key_type=trustme.KeyType.ECDSA, **options).configure_cert(context)
    return context
