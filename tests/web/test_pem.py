"""PEM from files and texts, and the names under which OpenSSL reads it."""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from pathlib import Path

import pytest

from exporter.model import Secret
from exporter.web.pem import CERT, KEY, TlsError, as_file, read
from web.shop import CERTIFICATE_REQUIRED, CLIENTS, NO_PEM, Shop, ask, open_shop

HIDDEN = "hidden-hidden"
PEM = "# a remark in Polish: żółw\n-----BEGIN EC PRIVATE KEY-----\n"


def test_both_sources(tmp_path: Path) -> None:
    """A text and a file give the same bytes, remarks included."""
    path = tmp_path / "key.pem"
    path.write_text(PEM, encoding="utf-8")
    assert PEM.encode() == read(path, KEY) == read(Secret(PEM), KEY)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (Secret(HIDDEN), "tls_server_config.cert: found another text, expected a certificate in PEM form"),
        (Secret(PEM), "tls_server_config.cert: found another text, expected a certificate in PEM form"),
        (Path("/nowhere"), "tls_server_config.cert_file '/nowhere': found no such file, expected a certificate in PEM form"),
        (Path("/"), "tls_server_config.cert_file '/': found a directory, expected a certificate in PEM form"),
    ],
)  # fmt: skip
def test_what_is_no_pem(source: Path | Secret, told: str) -> None:
    """What is found instead is said in one sentence, which shows nothing of it."""
    with pytest.raises(TlsError) as caught:
        read(source, CERT)
    assert told == str(caught.value)


@pytest.mark.parametrize("in_memory", [True, False])
def test_as_file(in_memory: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name leads to the bytes, for nobody else on the machine, and to nothing afterwards; memory needs no directory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none" if in_memory else tmp_path))
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create")
    with as_file(b"secret") as name:
        path = Path(name)
        assert b"secret" == path.read_bytes()
        assert in_memory == name.startswith("/proc/self/fd/")
        assert in_memory or 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert not path.exists()
    assert [] == list(tmp_path.iterdir())


def inline(key: str, pem: bytes) -> str:
    return f"  {key}: |\n" + "".join(f"    {line}\n" for line in pem.decode().splitlines())


@pytest.mark.parametrize("in_memory", [True, False])
def test_inline_pem(in_memory: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificate, key and authorities may stand in the file itself, also where no file can be made in memory."""
    shop = Shop(tmp_path)
    leaf, clients = shop.issue(), [shop.client(), shop.client(shop.issue("client.test"))]
    text = "tls_server_config:\n" + inline("cert", leaf.cert_chain_pems[0].bytes())
    text += inline("key", leaf.private_key_pem.bytes()) + inline("client_ca", shop.authority.cert_pem.bytes())
    server, before = shop.server(), set(shop.directory.iterdir())
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(shop.directory if not in_memory else shop.directory / "none"))

    async def run() -> list[str]:
        async with open_shop(server):
            shop.web_file(text + "  client_auth_type: RequireAndVerifyClientCert\n")
            return [await ask(server, client) for client in clients]

    assert [CERTIFICATE_REQUIRED, "hello"] == asyncio.run(run())
    assert before == set(shop.directory.iterdir())


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("server.crt", None, "cert_file '{}/server.crt': found no such file, expected a certificate in PEM form"),
        ("server.key", None, "key_file '{}/server.key': found no such file, expected a private key in PEM form"),
        ("ca.crt", None, "client_ca_file '{}/ca.crt': found no such file, expected certificates of authorities in PEM form"),
        ("server.crt", b"junk", "cert_file '{}/server.crt': found another file, expected a certificate in PEM form"),
        ("server.key", NO_PEM, "key_file '{}/server.key': found another file, expected a private key in PEM form"),
        ("server.key", b" " * 2_000_000, "key_file '{}/server.key': found another file, expected a private key in PEM form"),
        ("ca.crt", b"", "client_ca_file '{}/ca.crt': found another file, expected certificates of authorities in PEM form"),
        ("ca.crt", NO_PEM, "client_ca_file '{}/ca.crt': found a damaged certificate, expected PEM"),
    ],
)  # fmt: skip
def test_unusable_files(file: str, content: bytes | None, told: str, tmp_path: Path) -> None:
    """What is wrong with a file is one sentence that names it."""
    shop = Shop(tmp_path)
    shop.put(file, content or b"")
    if content is None:
        (shop.directory / file).unlink()
    assert "tls_server_config." + told.format(shop.directory) == shop.refusal(f"{CLIENTS}: VerifyClientCertIfGiven")
