"""TLS on real sockets: who gets in, by which version and cipher, and what follows the files."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from exporter.config import load_web
from exporter.metrics import Refusal
from exporter.web import Limits, build_context
from log_lines import written
from web.shop import CERTIFICATE_REQUIRED, CLIENTS, NO_PEM, PAIR, Shop, ask, open_shop, visit

if TYPE_CHECKING:
    from pathlib import Path

UNKNOWN_CA = "TLSV1_ALERT_UNKNOWN_CA"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def served(shop: Shop, tls: str, client: ssl.SSLContext, **built_with: Any) -> str:
    """What one client gets of a server with this `tls_server_config`."""

    async def run() -> str:
        server = shop.server(tls, **built_with)
        async with open_shop(server):
            return await ask(server, client)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("kind", "none", "known", "foreign"),
    [
        ("NoClientCert", "hello", "hello", "hello"),
        ("VerifyClientCertIfGiven", "hello", "hello", UNKNOWN_CA),
        ("RequireAndVerifyClientCert", CERTIFICATE_REQUIRED, "hello", UNKNOWN_CA),
    ],
)
def test_client_certificates(kind: str, none: str, known: str, foreign: str, shop: Shop) -> None:
    """Each kind of client authentication lets in whom it should, and tells the others by an alert why not."""
    tls = PAIR if kind == "NoClientCert" else f"{CLIENTS}: {kind}"
    assert none == served(shop, tls, shop.client())
    assert known == served(shop, tls, shop.client(shop.issue("client.test")))
    assert foreign == served(shop, tls, shop.client(trustme.CA().issue_cert("client.test")))
    assert [none, known, foreign].count("hello") == shop.asked


def test_a_client_without_certificate_is_told_in_old_versions_too(shop: Shop) -> None:
    """In TLS 1.2, where the handshake itself fails, the client sees an alert and not just an end."""
    tls = f"{CLIENTS}: RequireAndVerifyClientCert, max_version: TLS12"
    assert "SSLV3_ALERT_HANDSHAKE_FAILURE" == served(shop, tls, shop.client())


def with_every_name(authority: trustme.CA) -> trustme.LeafCert:
    """A client's certificate with a name of each kind; trustme alone knows no URI."""
    plain = authority.issue_cert("client.test")
    old = x509.load_pem_x509_certificate(plain.cert_chain_pems[0].bytes())
    names: list[x509.GeneralName] = [
        x509.DNSName("client.test"),
        x509.RFC822Name("who@client.test"),
        x509.UniformResourceIdentifier("spiffe://client.test/prometheus"),
        x509.IPAddress(ip_address("192.0.2.1")),
        x509.IPAddress(ip_address("2001:db8::1")),
    ]
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number)
    builder = builder.not_valid_before(old.not_valid_before_utc).not_valid_after(old.not_valid_after_utc)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    new = builder.sign(key, hashes.SHA256())
    return trustme.LeafCert(plain.private_key_pem.bytes(), new.public_bytes(serialization.Encoding.PEM), [])


@pytest.mark.parametrize(
    ("allowed", "admitted"),
    [
        ("client.test", True),
        ("who@client.test", True),
        ("'spiffe://client.test/prometheus'", True),
        ("192.0.2.1", True),
        ("'2001:db8::1'", True),
        ("other.test, client.test", True),
        ("'2001:DB8:0:0:0:0:0:1'", False),
        ("Client.test", False),
        ("test", False),
        ("'*.test'", False),
        ("spiffe://client.test", False),
    ],
)
def test_allowed_names(allowed: str, admitted: bool, shop: Shop) -> None:
    """A verified client must bear one of the names exactly, of whatever kind; else not a byte of it is read."""
    tls = f"{CLIENTS}: RequireAndVerifyClientCert, client_allowed_sans: [{allowed}]"
    refused: list[Refusal] = []
    got = served(shop, tls, shop.client(with_every_name(shop.authority)), on_refused=refused.append)
    assert ("hello" if admitted else "closed") == got
    assert ([] if admitted else [Refusal.BAD_CERTIFICATE]) == refused
    assert int(admitted) == shop.asked


def test_an_intermediate_authority_is_enough(shop: Shop) -> None:
    """The file of authorities may hold the one that issues the clients' certificates without its own issuer, as in Go."""
    issuing = shop.authority.create_child_ca()
    shop.put("ca.crt", issuing.cert_pem.bytes())
    tls = f"{CLIENTS}: RequireAndVerifyClientCert"
    assert "hello" == served(shop, tls, shop.client(issuing.issue_cert("client.test")))
    assert UNKNOWN_CA == served(shop, tls, shop.client(shop.issue("client.test")))


def test_what_is_never_spoken(shop: Shop) -> None:
    """Of the protocols that a client offers HTTP/1.1 is chosen, and nobody may begin a handshake within a connection."""
    client = shop.client()
    client.set_alpn_protocols(["h2", "http/1.1"])

    async def run() -> str | None:
        server = shop.server()
        async with open_shop(server):
            return (await visit(server, client))[1].selected_alpn_protocol()

    assert "http/1.1" == asyncio.run(run())
    config = load_web(shop.directory / "web.yml")
    assert config.tls is not None
    assert ssl.OP_NO_RENEGOTIATION in build_context(config.tls).options


def client_of(shop: Shop, version: ssl.TLSVersion) -> ssl.SSLContext:
    client = shop.client()
    client.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = client.maximum_version = version
    return client


@pytest.mark.parametrize(
    ("tls", "spoken"),
    [
        ("", "TLSv1.2 TLSv1.3"),
        ("min_version: TLS13", "TLSv1.3"),
        ("max_version: TLS12", "TLSv1.2"),
        ("min_version: TLS11", "TLSv1.1 TLSv1.2 TLSv1.3"),
        ("min_version: TLS10, max_version: TLS10", "TLSv1"),
    ],
)
def test_versions(tls: str, spoken: str, shop: Shop) -> None:
    """Exactly the versions between the configured ones are spoken; old ones too, where somebody asks for them."""
    versions = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)

    async def run() -> str:
        server, heard = shop.server(f"{PAIR}, {tls}"), []
        async with open_shop(server):
            for version in versions:
                try:
                    heard.append((await visit(server, client_of(shop, version)))[1].version())
                except OSError:
                    continue
        return " ".join(map(str, heard))

    assert spoken == asyncio.run(run())


AES128 = "ECDHE-ECDSA-AES128-GCM-SHA256"
AES256 = "ECDHE-ECDSA-AES256-GCM-SHA384"
GO_AES128 = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
GO_AES256 = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"


@pytest.mark.parametrize(
    ("tls", "chosen"),
    [
        (f"cipher_suites: [{GO_AES128}]", AES128),
        (f"cipher_suites: [{GO_AES256}]", AES256),
        (f"cipher_suites: [{GO_AES128}, {GO_AES256}]", AES128),
        (f"cipher_suites: [{GO_AES128}, {GO_AES256}], prefer_server_cipher_suites: false", AES256),
    ],
)
def test_ciphers(tls: str, chosen: str, shop: Shop) -> None:
    """Only configured ciphers are spoken, in the server's order or, if so wished, in the client's."""

    async def run() -> str:
        server = shop.server(f"{PAIR}, {tls}")
        client = client_of(shop, ssl.TLSVersion.TLSv1_2)
        client.set_ciphers(f"{AES256}:{AES128}")
        async with open_shop(server):
            return ((await visit(server, client))[1].cipher() or ("none",))[0]

    assert chosen == asyncio.run(run())


def test_one_curve_of_several(shop: Shop) -> None:
    """Of several curves the first is offered and no other, and a warning says so."""
    client = shop.client()
    client.set_ecdh_curve("prime256v1")
    with written() as log:
        assert served(shop, f"{PAIR}, curve_preferences: [CurveP384, CurveP256]", client) != "hello"
    assert 'msg="Python\'s TLS takes one curve; the others are not offered" curve=secp384r1' in log.getvalue()
    assert "level=warn" in log.getvalue()


def test_rotation(shop: Shop) -> None:
    """A new certificate is served to the next handshake; who is connected already is not disturbed."""

    async def run() -> None:
        server = shop.server()
        async with open_shop(server):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=shop.client())
            first = (await visit(server, shop.client()))[1].getpeercert(binary_form=True)
            new = shop.issue("127.0.0.1")
            shop.put_pair(new)
            second = (await visit(server, shop.client()))[1].getpeercert(binary_form=True)
            assert first != second
            assert ssl.PEM_cert_to_DER_cert(new.cert_chain_pems[0].bytes().decode()) == second
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP/1.1 200 OK\r\n" == await reader.readline()
            writer.transport.abort()

    with written() as log:
        asyncio.run(run())
    assert 1 == log.getvalue().count("Renewed TLS from changed files")
    assert "level=error" not in log.getvalue()


def test_tightening_takes_effect_at_once(shop: Shop) -> None:
    """Not only the certificate follows the file: a demand for client certificates, versions and names do too."""

    async def run() -> list[str]:
        server = shop.server()
        client = shop.client(shop.issue("client.test"))
        async with open_shop(server):
            heard = [await ask(server, shop.client())]
            shop.web_file(f"tls_server_config: {{{CLIENTS}: RequireAndVerifyClientCert}}")
            heard += [await ask(server, shop.client()), await ask(server, client)]
            tighter = f"{CLIENTS}: RequireAndVerifyClientCert, client_allowed_sans: [other.test]"
            shop.web_file(f"tls_server_config: {{{tighter}}}")
            heard.append(await ask(server, client))
            shop.web_file(f"tls_server_config: {{{PAIR}, min_version: TLS13}}")
            heard.append(await ask(server, client_of(shop, ssl.TLSVersion.TLSv1_2)))
        return heard

    expected = ["hello", CERTIFICATE_REQUIRED, "hello", "closed", "TLSV1_ALERT_PROTOCOL_VERSION"]
    assert expected == asyncio.run(run())


def test_what_breaks_later_is_not_taken(shop: Shop) -> None:
    """A pair that does not fit, an expired or a lost one leaves the old in use, with one line for each fault."""
    old = (shop.directory / "server.crt").read_bytes()
    expired = shop.issue("127.0.0.1", not_after=LONG_AGO)

    async def run() -> None:
        server = shop.server()
        async with open_shop(server):

            async def still_served() -> bool:
                session = (await visit(server, shop.client()))[1]
                return session.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(old.decode())

            shop.put("server.crt", shop.issue().cert_chain_pems[0].bytes())
            assert [True, True] == [await still_served(), await still_served()]
            shop.put_pair(expired)
            assert await still_served()
            (shop.directory / "server.key").unlink()
            assert await still_served()
            shop.put_pair(shop.issue())
            assert not await still_served()

    with written() as log:
        asyncio.run(run())
    lines = [line.partition("msg=")[2] for line in log.getvalue().splitlines()]
    said = '"Error renewing TLS; what served before still does" err="tls_server_config.'
    foreign = f"does not belong to the certificate of tls_server_config.cert_file '{shop.directory / 'server.crt'}'"
    crt, key = shop.directory / "server.crt", shop.directory / "server.key"
    assert [
        f"{said}key_file '{key}': found a key that {foreign}, expected its own\"",
        f"{said}cert_file '{crt}': found a certificate that has expired, expected a valid one\"",
        f"{said}key_file '{key}': found no such file, expected a private key in PEM form\"",
        '"Renewed TLS from changed files"',
    ] == lines


def test_an_invalid_file_keeps_tls(shop: Shop) -> None:
    """While the web config file is invalid, or says nothing of TLS, connections are encrypted as before."""

    async def run() -> list[str]:
        server, heard = shop.server(), []
        async with open_shop(server):
            for text in ("tls_server_config: [", ""):
                shop.web_file(text)
                heard.append(await ask(server, shop.client()))
        return heard

    assert ["Internal error; the exporter's log says more.\n", "hello"] == asyncio.run(run())


def test_a_silent_client_disturbs_nobody(shop: Shop) -> None:
    """Who connects and says nothing of TLS is dropped and counted, and others are served meanwhile."""
    refused: list[Refusal] = []

    async def run() -> tuple[str, bytes]:
        server = shop.server(limits=Limits(handshake_seconds=2), on_refused=refused.append)
        async with open_shop(server):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            heard = await ask(server, shop.client())
            end = await reader.read()
            writer.close()
            return heard, end

    assert ("hello", b"") == asyncio.run(run())
    assert [Refusal.SLOW_HANDSHAKE] == refused


def test_plain_http(shop: Shop) -> None:
    """Who forgets TLS is told so in a whole answer, in the words of Prometheus's own programs; nothing of it is read."""

    async def run() -> httpx.Response:
        server = shop.server()
        async with open_shop(server), httpx.AsyncClient(trust_env=False) as client:
            return await client.get(f"http://127.0.0.1:{server.port}/metrics")

    answer = asyncio.run(run())
    assert (400, "Client sent an HTTP request to an HTTPS server.\n") == (answer.status_code, answer.text)
    assert 0 == shop.asked


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"\x16\x03\x01\x00\x08nonsense", b"\x15\x03\x03\x00\x02\x02\x0a"),
        (b"\x00" * 100, b""),
        (b"SSH-2.0-x\r\n", b""),
    ],
)
def test_garbage(sent: bytes, answer: bytes, shop: Shop) -> None:
    """What is neither TLS nor HTTP is told so by an alert or ends the connection at once; others are served."""
    refused: list[Refusal] = []

    async def run() -> tuple[bytes, str]:
        server = shop.server(limits=Limits(handshake_seconds=60), on_refused=refused.append)
        async with open_shop(server):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent)
            got = await reader.read(100)
            writer.transport.abort()
            return got, await ask(server, shop.client())

    assert (answer, "hello") == asyncio.run(run())
    assert [Refusal.BAD_HANDSHAKE] == refused


def encrypted(leaf: trustme.LeafCert) -> bytes:
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    kind, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(kind, form, serialization.BestAvailableEncryption(b"password"))


def test_unusable_pairs(shop: Shop) -> None:
    """A damaged, encrypted, foreign or expired pair is refused at the start, in words that hold nothing of it."""
    crt, key = (f"tls_server_config.{each}" for each in ("cert_file '{}/server.crt'", "key_file '{}/server.key'"))
    shop.put("server.crt", NO_PEM)
    assert shop.refusal(PAIR).startswith(f"{crt.format(shop.directory)}: found a certificate, or with it a key, that")
    leaf = shop.issue()
    shop.put_pair(leaf)
    shop.put("server.key", encrypted(leaf))
    told = f"{key}: found an encrypted key, expected one without a password"
    assert told.format(shop.directory) == shop.refusal(PAIR)
    shop.put("server.key", shop.issue(key_type=trustme.KeyType.RSA).private_key_pem.bytes())
    assert "found a key that does not belong to the certificate of tls_server_config.cert_file" in shop.refusal(PAIR)
    shop.put_pair(shop.issue("127.0.0.1", not_after=LONG_AGO))
    told = f"{crt}: found a certificate that has expired, expected a valid one"
    assert told.format(shop.directory) == shop.refusal(PAIR)


def test_unusable_combination(shop: Shop) -> None:
    """Ciphers that no handshake with this certificate could use are refused at the start."""
    rsa = "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256], max_version: TLS12"
    found = "versions, ciphers or a curve that do not fit the certificate"
    told = f"tls_server_config: found {found}, expected some that a handshake can use"
    assert told == shop.refusal(f"{PAIR}, {rsa}")
