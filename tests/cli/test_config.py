"""`config check` and `config schema`."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING, Never

import pytest
import trustme

from cli.runs import GOOD, run

if TYPE_CHECKING:
    from pathlib import Path

TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
HASH = "$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"

KEYED = """\
accounts:
  - {name: main, access_key_file: key, tasks: all}
  - {name: other, access_key_env: SCREENSHOTMAX_OTHER, tasks: all, api: {ca_file: ca.crt}}
"""

BAD = """\
api: {timeout: soon}
accounts:
  - {name: main, acces_key: key-of-the-tests, tasks: [1, x]}
  - {name: main, access_key: "key of the tests", tasks: all}
"""


def test_a_valid_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A valid file is told with its accounts."""
    file = tmp_path / "config.yaml"
    file.write_text(GOOD)
    assert 0 == run("config", "check", "--config.file", file)
    assert (f"{file}: valid, 1 account: main\n", "") == capsys.readouterr()


def test_every_mistake_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every mistake is told at once, each on its line of stderr with its place, and without a key."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(BAD)
    assert 1 == run("config", "check")
    out, err = capsys.readouterr()
    assert "" == out
    assert ["1:", "3:", "3:", "4:", "4:"] == re.findall(
        r"^config\.yaml:(\d:) .+: found .+, expected .+$", err, re.MULTILINE
    )
    assert 5 == len(err.splitlines())
    assert "of-the-tests" not in err
    assert "of the tests" not in err


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def pair(tmp_path: Path, authority: trustme.CA) -> Path:
    """A directory with a configuration, and a certificate with its key."""
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.crt")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    (tmp_path / "config.yaml").write_text(GOOD)
    return tmp_path


def check_both(directory: Path, web: str, *words: str) -> int:
    (directory / "web.yaml").write_text(web)
    web_file = directory / "web.yaml"
    return run("config", "check", *words, "--config.file", directory / "config.yaml", "--web.config.file", web_file)


@pytest.mark.parametrize(
    ("web", "protection"),
    [
        ("", "TLS off, basic auth off"),
        (f"{TLS}basic_auth_users: {{anna: {HASH}}}", "TLS on, basic auth on"),
    ],
)
def test_a_valid_web_file(web: str, protection: str, pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A web file is told beside the configuration, with what it switches on."""
    assert 0 == check_both(pair, web)
    expected = f"{pair}/config.yaml: valid, 1 account: main\n{pair}/web.yaml: valid, {protection}\n"
    assert (expected, "") == capsys.readouterr()


def test_the_mistakes_of_both_files_are_told_at_once(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad configuration does not hide what is wrong with the web file."""
    (pair / "config.yaml").write_text("accounts: []\n")
    assert 1 == check_both(pair, "rate_limit: {interval: soon}\n")
    out, err = capsys.readouterr()
    assert "" == out
    assert [f"{pair}/config.yaml:1: accounts:", f"{pair}/web.yaml:1: rate_limit.interval:"] == re.findall(
        r"^(.+:) found .+, expected .+$", err, re.MULTILINE
    )


def test_one_good_file_is_not_enough(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The good file is told on stdout, the other on stderr, and the code is 1."""
    assert 1 == check_both(pair, "tls_config: {}")
    out, err = capsys.readouterr()
    assert f"{pair}/config.yaml: valid, 1 account: main\n" == out
    assert err.startswith(f"{pair}/web.yaml:1: tls_config: found an unknown key")


@pytest.mark.parametrize("broken", ["no file", "no PEM", "another's key"])
def test_the_files_of_the_web_file_are_read(
    broken: str, pair: Path, authority: trustme.CA, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key that is missing, is none or belongs to another certificate is one sentence that names it."""
    key = pair / "server.key"
    if broken == "no file":
        key.unlink()
    elif broken == "no PEM":
        key.write_text("marked")
    else:
        authority.issue_cert("other").private_key_pem.write_to_path(key)
    assert 1 == check_both(pair, TLS)
    err = capsys.readouterr().err
    assert re.fullmatch(rf"{pair}/web\.yaml: .*server\.key.*: found .+, expected .+\n", err)
    assert "marked" not in err


@pytest.fixture
def keyed(tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a configuration whose two accounts have their key elsewhere, and an authority of their own."""
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    (tmp_path / "key").write_text("key-of-the-tests\n")
    (tmp_path / "config.yaml").write_text(KEYED)
    monkeypatch.setenv("SCREENSHOTMAX_OTHER", "key-of-the-tests")
    return tmp_path


def check_keys(directory: Path, *words: str) -> int:
    return run("config", "check", "--config.file", directory / "config.yaml", *words)


def test_keys_and_authorities_are_read_when_asked_for(keyed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --with-keys all is read that polls read, and that is told."""
    assert 0 == check_keys(keyed, "--with-keys")
    assert (f"{keyed}/config.yaml: valid, 2 accounts: main, other, keys read\n", "") == capsys.readouterr()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("key", None, "account main: access_key_file {}/key cannot be read: No such file or directory"),
        ("key", "", "account main: access_key_file {}/key is empty or not set"),
        ("key", "marked marked", "account main: access_key_file {}/key holds a blank or a control character"),
        ("key", "marked" * 1000, "account main: access_key_file {}/key is larger than 4096 bytes"),
        ("ca.crt", None, "account other: ca_file {}/ca.crt cannot be used: No such file or directory"),
        ("ca.crt", "marked", "account other: ca_file {}/ca.crt cannot be used: no PEM certificates in it"),
    ],
)
def test_a_key_that_no_poll_could_use(
    name: str, content: str | None, told: str, keyed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key or an authority that cannot be used is one sentence, without what it holds; unasked, nobody looks."""
    file = keyed / name
    file.unlink() if content is None else file.write_text(content)
    assert 1 == check_keys(keyed, "--with-keys")
    assert ("", f"{keyed}/config.yaml: {told.format(keyed)}\n") == capsys.readouterr()
    assert 0 == check_keys(keyed)


def test_all_that_polls_could_not_use_is_told_at_once(
    keyed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each account tells of its key and of its authority, and a valid web file beside them saves nothing."""
    for name in ("key", "ca.crt"):
        (keyed / name).unlink()
    monkeypatch.delenv("SCREENSHOTMAX_OTHER")
    (keyed / "web.yaml").write_text("")
    assert 1 == check_keys(keyed, "--with-keys", "--web.config.file", f"{keyed}/web.yaml")
    out, err = capsys.readouterr()
    assert f"{keyed}/web.yaml: valid, TLS off, basic auth off\n" == out
    assert [
        "account main: access_key_file",
        "account other: the environment variable",
        "account other: ca_file",
    ] == re.findall(rf"^{keyed}/config\.yaml: (account \w+: (?:the environment variable|\w+)) .+$", err, re.MULTILINE)


def test_a_mistake_comes_before_the_keys(keyed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a configuration that is invalid only the mistakes are told."""
    (keyed / "key").unlink()
    (keyed / "config.yaml").write_text(KEYED + "more: 1\n")
    assert 1 == check_keys(keyed, "--with-keys")
    out, err = capsys.readouterr()
    assert ("", 1) == (out, len(err.splitlines()))
    assert "more: found an unknown key" in err


@pytest.mark.parametrize("words", [(), ("--with-keys",)])
def test_the_network_is_not_touched(
    words: tuple[str, ...], pair: Path, keyed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Validating opens no socket and looks no name up, neither does reading keys."""

    def refuse(*_: object, **__: object) -> Never:
        raise AssertionError("the network was touched")

    file = pair / "config.yaml"
    file.write_text(f"api: {{base_url: https://api.example, proxy_url: 'https://proxy.example'}}\n{KEYED}")
    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    assert 0 == check_both(keyed, TLS, *words)
    assert 2 == capsys.readouterr().out.count("valid")


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """The schema is JSON and describes the file's keys."""
    assert 0 == run("config", "schema")
    schema = json.loads(capsys.readouterr().out)
    assert {"api", "poll", "missed_run", "accounts"} == set(schema["properties"])
    assert ["accounts"] == schema["required"]
