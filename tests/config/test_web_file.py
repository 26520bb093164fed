"""A web config file becomes a WebConfig, or one sentence for each mistake in it."""

from __future__ import annotations

import re
import ssl
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import ClientAuth, ConfigError, RateLimit, Tls, WebConfig, load_web, parse_web
from exporter.model import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parents[1] / "data" / "web-config"
INVALID = dict(line.split(":", 1) for line in (DATA / "messages.txt").read_text().splitlines())  # file -> the rest
HASH = "$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
PAIR = "tls_server_config: {cert_file: server.crt, key_file: server.key"
STRICTER = {  # what the toolkit takes, and then serves nobody, serves everybody, or does what the file does not say
    "invalid-ciphers-of-tls13-only.yaml",
    "invalid-client-auth-any-alias.yaml",
    "invalid-client-auth-any.yaml",
    "invalid-client-auth-request.yaml",
    "invalid-client-auth-without-ca.yaml",
    "invalid-hash-cost-high.yaml",
    "invalid-hash-long.yaml",
    "invalid-hash-salt.yaml",
    "invalid-hash-short.yaml",
    "invalid-hash-unknown-kind.yaml",
    "invalid-header-line-break.yaml",
    "invalid-header-no-ascii.yaml",
    "invalid-sans-blank.yaml",
    "invalid-sans-empty.yaml",
    "invalid-sans-number.yaml",
    "invalid-sans-optional.yaml",
    "invalid-sans-without-policy.yaml",
    "invalid-sans-without-tls.yaml",
    "invalid-user-colon.yaml",
    "invalid-user-control.yaml",
    "invalid-versions-crossed-by-default.yaml",
    "invalid-versions-crossed.yaml",
}


def web(content: bytes | str) -> WebConfig:
    return parse_web(content, name="web.yaml", directory=Path("/etc"))


def problems(content: bytes | str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        web(content)
    return caught.value.problems


@pytest.mark.parametrize(("name", "rest"), INVALID.items())
def test_each_mistake_has_its_sentence(name: str, rest: str) -> None:
    """One mistake, one file, one exact line: where, what was found, what was expected."""
    with pytest.raises(ConfigError) as caught:
        parse_web((DATA / name).read_bytes(), name=name, directory=DATA)
    assert (f"{name}:{rest}",) == caught.value.problems
    assert "marked" not in str(caught.value)


def test_each_invalid_file_has_its_line() -> None:
    """No fixture is left untested."""
    assert set(INVALID) == {file.name for file in DATA.glob("invalid-*.yaml")}


def test_a_full_file() -> None:
    """Each key has its effect; files win over texts, their paths start at the file, and a TLS 1.3 suite is passed over."""
    tls = Tls(
        cert=DATA / "tls/server.crt",
        key=Path("/etc/tls/server.key"),
        min_version=ssl.TLSVersion.TLSv1_2,
        max_version=ssl.TLSVersion.TLSv1_2,
        client_ca=DATA / "../clients.crt",
        client_auth=ClientAuth.REQUIRED,
        client_allowed_sans=("prometheus.example", "10.0.0.1", "prometheus@example.com", "spiffe://example/prometheus"),
        ciphers=("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        prefer_server_ciphers=False,
        curves=("X25519", "prime256v1"),
    )
    headers = {
        "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
        "X-Frame-Options": "sameorigin",
        "X-Content-Type-Options": "nosniff",
        "X-XSS-Protection": "1",
        "Strict-Transport-Security": "max-age=31536000",
    }
    users = {
        "anna": Secret(HASH),
        "12": Secret(HASH.replace("2y$10", "2b$04")),
        "Žofie M.": Secret(HASH.replace("2y$10", "2a$16")),
    }
    limit = RateLimit(interval=timedelta(seconds=90.5), burst=0)
    expected = WebConfig(tls=tls, http2=False, headers=headers, users=users, rate_limit=limit)
    assert expected == load_web(DATA / "good-full.yaml")


def test_texts_in_place_of_files() -> None:
    """Inline PEM is kept as secrets; an empty name and a key without a value are no file."""
    expected = Tls(
        cert=Secret("the certificate\n"),
        key=Secret("marked"),
        min_version=ssl.TLSVersion.TLSv1_2,
        max_version=ssl.TLSVersion.TLSv1_3,
        client_ca=Secret("the authorities"),
        client_auth=ClientAuth.IF_GIVEN,
    )
    assert WebConfig(tls=expected) == load_web(DATA / "good-inline.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeff",
        "# nothing yet\n\n",
        "---\n",
        "null",
        "{}",
        "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\nrate_limit:\n",
        "tls_server_config: {}\nhttp_server_config: {headers: {}}\nbasic_auth_users: {}\nrate_limit: {}",
        "tls_server_config: {min_version: TLS13, max_version: TLS13, cipher_suites: [], curve_preferences: [X25519]}",
        "tls_server_config: {cert: '', cert_file: '', key: '', key_file: '', client_ca: '', client_ca_file: '', client_auth_type: ''}",
        "http_server_config: {headers: {Content-Security-Policy: '', Strict-Transport-Security: }}",
        "rate_limit: {interval: 0, burst: 5}",
        "rate_limit: {interval: 0s}",
        "rate_limit: {burst: 5}",
    ],
)
def test_a_file_that_asks_for_nothing(text: str) -> None:
    """Empty files, empty sections, versions alone and an interval of nothing switch nothing on."""
    assert WebConfig() == web(text)


@pytest.mark.parametrize("key", ["cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file"])
def test_each_of_these_keys_switches_tls_on(key: str) -> None:
    """A part of a pair alone is an incomplete TLS configuration, never a server in clear text."""
    assert any("missing one of" in line for line in problems(f"tls_server_config: {{{key}: x}}"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)),
        (", min_version: TLS10, max_version: TLS11", (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)),
        (", min_version: TLS13", (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)),
        (", max_version: TLS12", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)),
    ],
)
def test_versions(given: str, expected: tuple[ssl.TLSVersion, ssl.TLSVersion]) -> None:
    """TLS 1.2 and 1.3 unless the file says otherwise."""
    tls = web(f"{PAIR}{given}}}").tls
    assert tls is not None
    assert expected == (tls.min_version, tls.max_version)


def test_suites_of_tls13_alone_go_with_tls13_alone() -> None:
    """Where nothing older is spoken they are no restriction, and are accepted."""
    tls = web(f"{PAIR}, min_version: TLS13, cipher_suites: [TLS_AES_128_GCM_SHA256]}}").tls
    assert tls is not None
    assert () == tls.ciphers


def test_no_client_certificates_may_be_said_outright() -> None:
    """NoClientCert is the default by its name."""
    assert web(f"{PAIR}}}") == web(f"{PAIR}, client_auth_type: NoClientCert}}")


def test_every_mistake_is_told_at_once_and_in_file_order() -> None:
    """Refusals of the door, of single values and between keys stand in one report; one mistake is told once."""
    text = """\
basic_auth_users:
  anna: marked
  anna: marked
tls_server_config:
  cert_fil: server.crt
  client_ca_file: *authorities
  min_version: TLS15
  max_version: TLS11
  cipher_suites: [TLS_MINE, TLS_AES_128_GCM_SHA256, 5]
rate_limit: {interval: 1s, bursts: 2}
http_server_config:
  headers: {X-Frame-Options: never, Server: mine}
"""
    expected = (
        "web.yaml:2: basic_auth_users.anna: found no bcrypt hash, expected one such as htpasswd -nBC 10 makes",
        "web.yaml:3: basic_auth_users.anna: found this key again, after line 2, expected each key once",
        "web.yaml:4: tls_server_config: found missing one of key or key_file, expected the certificate's private key",
        'web.yaml:5: tls_server_config.cert_fil: found an unknown key, expected a known one: did you mean "cert_file"?',
        "web.yaml:6: tls_server_config.client_ca_file: found an alias, expected the value itself",
        (
            "web.yaml:6: tls_server_config.client_ca_file: found client CA's have been configured without a Client Auth "
            "Policy, expected client_auth_type: RequireAndVerifyClientCert"
        ),
        (
            "web.yaml:7: tls_server_config.min_version: found unknown TLS version: TLS15, "
            "expected one of TLS10, TLS11, TLS12, TLS13"
        ),
        (
            "web.yaml:9: tls_server_config.cipher_suites[0]: found unknown cipher: TLS_MINE, "
            "expected the name of a suite that Go calls secure"
        ),
        (
            "web.yaml:9: tls_server_config.cipher_suites[2]: found unknown cipher: 5, "
            "expected the name of a suite that Go calls secure"
        ),
        'web.yaml:10: rate_limit.bursts: found an unknown key, expected a known one: did you mean "burst"?',
        (
            "web.yaml:12: http_server_config.headers.X-Frame-Options: found invalid value for X-Frame-Options. "
            'Expected one of: ["deny" "sameorigin"], but got: "never", expected deny or sameorigin'
        ),
        (
            'web.yaml:12: http_server_config.headers.Server: found HTTP header "Server" can not be configured, expected '
            "one of Content-Security-Policy, X-Frame-Options, X-Content-Type-Options, X-XSS-Protection, "
            "Strict-Transport-Security"
        ),
    )
    assert expected == problems(text)


def test_relative_paths_start_at_the_file_wherever_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is absolute even when the file was named relatively."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "web.yaml").write_text("tls_server_config: {cert_file: a.crt, key_file: ../a.key}")
    monkeypatch.chdir(tmp_path)
    tls = load_web(Path("conf/web.yaml")).tls
    assert tls is not None
    assert (tmp_path / "conf" / "a.crt", tmp_path / "conf" / "../a.key") == (tls.cert, tls.key)


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    """A missing file, a directory and an oversized file."""
    file = tmp_path / "big.yaml"
    file.write_bytes(b"#" * (1024 * 1024 + 1))
    cases = {
        tmp_path / "none.yaml": "no such file, expected a web configuration file",
        tmp_path: "a directory, expected a web configuration file",
        file: "more than 1048576 bytes, expected fewer",
    }
    for path, words in cases.items():
        with pytest.raises(ConfigError) as caught:
            load_web(path)
        assert (f"{path}: found {words}",) == caught.value.problems


@given(st.binary() | st.text())
def test_any_bytes_are_a_configuration_or_an_error(content: bytes | str) -> None:
    """Nothing but ConfigError comes out, with a line for each mistake."""
    lines: tuple[str, ...] = ("web.yaml:",)
    try:
        web(content)
    except ConfigError as error:
        lines = error.problems
    assert lines
    assert all(line.startswith("web.yaml:") and line.isprintable() for line in lines)


MARKED = "m4rk3dS3cr3tm4rk3dS3cr3t"
SECRETIVE = (
    (DATA / "good-full.yaml")
    .read_text()
    .replace("cert: marked", f"cert: {MARKED}\n  key: {MARKED}")
    .replace("\n  anna: $2y", f"\n  anna: {MARKED}$2y")
)
PIECES = [
    "\n",
    "\n  ",
    " ",
    ": ",
    "- ",
    "#",
    "'",
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    "&a ",
    "*a",
    "!t ",
    "|",
    "\\",
    "x",
    "0",
]


@st.composite
def corrupted(draw: st.DrawFn) -> str:
    """A file with marked secrets in it, cut and stuffed in up to four places near one of them."""
    text = SECRETIVE
    for _ in range(draw(st.integers(0, 4))):
        middle = draw(st.sampled_from([match.start() for match in re.finditer(MARKED, text)] or [0]))
        start = draw(st.integers(max(0, middle - 60), min(len(text), middle + 60)))
        end = start + draw(st.integers(0, 12))
        text = text[:start] + draw(st.sampled_from(["", *PIECES])) + text[end:]
    return text


@settings(max_examples=300)
@given(corrupted())
def test_no_corruption_brings_a_secret_into_a_message(text: str) -> None:
    """However the file is broken round them, no piece of a key or a hash longer than eight characters is quoted."""
    try:
        said = repr(web(text))
    except ConfigError as error:
        said = str(error)
    assert not any(MARKED[i : i + 9] in said for i in range(len(MARKED) - 8))
    assert HASH[7:16] not in said


@pytest.mark.parametrize("key", ["min_version", "client_auth_type", "cipher_suites", "curve_preferences", "cert_file"])
def test_a_secret_in_the_wrong_place_is_not_quoted(key: str) -> None:
    """A key or a hash that slipped into another key stays unseen, even behind a known name."""
    for known in ("", "TLS12", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "RequireAndVerifyClientCert", "X25519"):
        for secret in (known + MARKED, known + HASH, f"[{known}{MARKED}]"):
            lines = "\n".join(problems(f"tls_server_config: {{{key}: {secret}, max_version: 0}}"))
            assert not any(MARKED[i : i + 9] in lines for i in range(len(MARKED) - 8))
            assert HASH[7:16] not in lines


@pytest.fixture(scope="session")
def accepted(component: Callable[[str], Path]) -> Callable[[Path], set[str]]:
    """The names of a directory's YAML files that Prometheus's own tool accepts."""
    program = component("promtool")

    def run(directory: Path) -> set[str]:
        files = sorted(file.name for file in directory.glob("*.yaml"))
        done = subprocess.run(
            [program, "check", "web-config", *files], cwd=directory, capture_output=True, text=True, check=False
        )
        told = dict(re.findall(r"^(\S+\.yaml) (SUCCESS|FAILED)", done.stdout + done.stderr, re.MULTILINE))
        assert set(files) == set(told), done.stdout + done.stderr
        return {name for name, verdict in told.items() if verdict == "SUCCESS"}

    return run


@pytest.mark.real
def test_what_prometheus_refuses_we_refuse(accepted: Callable[[Path], set[str]], tmp_path: Path) -> None:
    """Of our invalid files Prometheus accepts only those that we are known to be stricter about."""
    for file in DATA.glob("invalid-*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "clients.crt")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.crt")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    of_limit = {
        name for name in INVALID if "rate_limit" in (DATA / name).read_text()
    }  # a key that is new to Prometheus

    assert set() == accepted(tmp_path) - STRICTER - of_limit
    assert set() == STRICTER - set(INVALID)
