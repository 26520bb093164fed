"""The web config file while it changes under a running exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.config import ConfigError
from exporter.web import WebFile
from log_lines import written
from web.disks import Nowhere

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = "http_server_config: {headers: {X-Frame-Options: %s}}\n"


def put(path: Path, text: str) -> None:
    new = path.with_name("new")
    new.write_text(text)
    new.replace(path)


def framing(file: WebFile) -> str:
    """What the file says now of X-Frame-Options."""
    return file.current().headers.get("X-Frame-Options", "")


def test_changes_are_seen(tmp_path: Path) -> None:
    """Each change shows at the next question, and without one the same value is given."""
    path = tmp_path / "web.yml"
    file = WebFile(path)
    put(path, FRAMES % "deny")
    assert "deny" == framing(file)
    assert file.current() is file.current()
    put(path, FRAMES % "sameorigin")
    assert "sameorigin" == framing(file)
    with path.open("w") as same_file:
        same_file.write("")
    assert "" == framing(file)


def test_swapped_links_are_seen(tmp_path: Path) -> None:
    """A file behind links, as Kubernetes mounts a Secret, is followed when the links are swapped."""
    for name, value in (("one", "deny"), ("two", "sameorigin")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "web.yml").write_text(FRAMES % value)
    data = tmp_path / "..data"
    data.symlink_to("one")
    (tmp_path / "web.yml").symlink_to("..data/web.yml")
    file = WebFile(tmp_path / "web.yml")
    assert "deny" == framing(file)
    (tmp_path / "..new").symlink_to("two")
    (tmp_path / "..new").replace(data)
    assert "sameorigin" == framing(file)


def test_an_invalid_file_is_an_error_until_mended(tmp_path: Path) -> None:
    """Each question is refused while the file is invalid or gone; a fault is logged once, and so is its end."""
    path = tmp_path / "web.yml"
    put(path, FRAMES % "deny")
    file = WebFile(path)
    with written() as log:
        file.current()
        for text in ("nonsense: 1", "nonsense: 1", "other: 1"):
            put(path, text)
            for _ in range(2):
                with pytest.raises(ConfigError):
                    file.current()
        path.unlink()
        with pytest.raises(ConfigError):
            file.current()
        put(path, FRAMES % "sameorigin")
        assert "sameorigin" == framing(file)
        assert "sameorigin" == framing(file)
    lines = log.getvalue().splitlines()
    assert ["error", "error", "error", "info"] == [line.partition("level=")[2].split()[0] for line in lines]
    assert f'err="{path}: found no such file, expected a web configuration file"' in lines[2]


def test_what_is_invalid_is_not_read_again_at_once(tmp_path: Path) -> None:
    """Each question is refused, and the file read once in a second while nothing says that it has changed."""
    path, now = tmp_path / "web.yml", [0.0]
    put(path, "nonsense: 1")
    file = WebFile(Nowhere(path), seconds=lambda: now[0])
    for text, seconds in (("nonsense: 1", 0.0), ("", 0.9)):
        put(path, text)
        now[0] = seconds
        with pytest.raises(ConfigError, match="nonsense: found an unknown key"):
            file.current()
    now[0] = 1.0
    assert file.current()


def test_a_file_that_is_invalid_at_the_start(tmp_path: Path) -> None:
    """The first fault is left to the caller to tell; a start that succeeds after it is no recovery."""
    path = tmp_path / "web.yml"
    file = WebFile(path)
    with written() as log:
        with pytest.raises(ConfigError):
            file.current()
        put(path, "")
        file.current()
    assert "" == log.getvalue()


def test_what_the_next_start_brings(tmp_path: Path) -> None:
    """A change that a running server cannot follow is said to wait for the next start, once for each kind."""
    path = tmp_path / "web.yml"
    put(path, "")
    file = WebFile(path)
    with written() as log:
        for text in (
            "",
            "tls_server_config: {cert_file: a, key_file: b}",
            "rate_limit: {interval: 1s, burst: 1}",
            "tls_server_config: {cert_file: c, key_file: d}",
            FRAMES % "deny",
        ):
            put(path, text)
            file.current()
    changed = [line.partition("changed=")[2] for line in log.getvalue().splitlines()]
    assert ['"tls_server_config, on or off"', "rate_limit"] == changed


HASH = "$2b$04$" + "abcdefghijklmnopqrstuO" + "0123456789012345678901234567890"
OPEN, LOCKED = "", f"basic_auth_users: {{anna: {HASH}}}\n"
TLS = "tls_server_config: {cert_file: c, key_file: k%s}\n"
DEMANDING = TLS % ", client_ca_file: a, client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [one]"
NAMELESS = TLS % ", client_ca_file: a, client_auth_type: RequireAndVerifyClientCert"


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        (LOCKED, OPEN, True),
        (LOCKED, FRAMES % "deny", True),
        (LOCKED, LOCKED.replace("anna", "ben"), False),
        (OPEN, LOCKED, False),
        (DEMANDING, TLS % "", True),
        (
            DEMANDING,
            DEMANDING.replace("RequireAndVerify", "Verify")
            .replace("ClientCert,", "ClientCertIfGiven,")
            .replace(", client_allowed_sans: [one]", ""),
            True,
        ),
        (DEMANDING, DEMANDING.replace(", client_allowed_sans: [one]", ""), True),
        (DEMANDING, DEMANDING.replace("[one]", "[two]"), False),
        (NAMELESS, NAMELESS.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"), True),
        (TLS % "", DEMANDING, False),
    ],
)
def test_no_protection_is_lifted_while_it_runs(tmp_path: Path, before: str, after: str, kept: bool) -> None:
    """A file that asks for less, perhaps as it is half written, is obeyed at the next start only, which is told once."""
    path = tmp_path / "web.yml"
    file = WebFile(path)
    with written() as lines:
        put(path, before)
        first = file.current()
        for round_number in range(2):
            put(path, after + "#" * round_number)
            now = file.current()
            assert kept == ((first.users, first.tls) == (now.users, now.tls))
    assert kept == (1 == lines.getvalue().count("takes effect at the next start"))
