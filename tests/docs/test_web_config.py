"""docs/web-config.md names the keys, values and bounds that there are, and what it offers to paste works."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import bcrypt
import pytest
import trustme

from documents import ROOT, first_column, read, rows, section, snippets, spans
from exporter.config import ClientAuth, parse_web
from exporter.config.web_file import FILE, Section
from exporter.config.web_file_leaves import CIPHERS, CURVES, LEAST_COST, MOST_BURST, MOST_COST, VERSIONS, read_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DOCUMENT = "docs/web-config.md"
HEADERS = section(DOCUMENT, "`headers`")
SECTIONS = {name: kind for name, kind in FILE.keys.items() if isinstance(kind, Section)}


def table(title: str) -> list[list[str]]:
    """The rows of a section's first table."""
    text = section(DOCUMENT, title)
    return rows(text[text.index("\n|") : text.index("|\n\n") + 2])


def test_sections_are_documented() -> None:
    """The headings name each section of the file, in order."""
    titles = [line.removeprefix("## ").strip("`") for line in read(DOCUMENT).splitlines() if line.startswith("## `")]
    assert list(FILE.keys) == titles


@pytest.mark.parametrize("name", SECTIONS)
def test_keys_are_documented(name: str) -> None:
    """Each section's table holds exactly its keys, in order."""
    assert list(SECTIONS[name].keys) == [spans(row[0])[0] for row in table(f"`{name}`")]


def test_headers_are_documented() -> None:
    """The table holds the headers that can be set."""
    http = SECTIONS["http_server_config"].keys["headers"]
    assert isinstance(http, Section)
    assert list(http.keys) == first_column(HEADERS)


def test_defaults_are_documented() -> None:
    """A file with the table's defaults spelled out means the same as one without them."""
    defaults = {
        name: {spans(row[0])[0]: spans(row[2])[0] for row in table(f"`{name}`") if spans(row[2])} for name in SECTIONS
    }
    pair = {"cert_file": "server.crt", "key_file": "server.key"}
    spelled = {**defaults, "tls_server_config": {**pair, **defaults["tls_server_config"]}}

    assert {"client_auth_type", "min_version", "max_version", "prefer_server_cipher_suites"} == set(
        defaults["tls_server_config"]
    )
    assert parsed({"tls_server_config": pair}) == parsed(spelled)


def parsed(sections: dict[str, dict[str, str]]) -> object:
    text = "".join(
        f"{name}:\n" + "".join(f"  {key}: {value}\n" for key, value in keys.items()) for name, keys in sections.items()
    )
    return parse_web(text, name="web.yaml", directory=ROOT)


def test_values_are_documented() -> None:
    """Policies, suites, curves, versions and bounds are those of the code."""
    types = {spans(row[0])[0]: row[1] for name in SECTIONS for row in table(f"`{name}`")}
    suites = {span for row in rows(section(DOCUMENT, "`tls_server_config`")) for cell in row for span in spans(cell)}
    oldest, *_, newest = VERSIONS

    assert [str(policy) for policy in ClientAuth] == first_column(section(DOCUMENT, "Client certificates"))
    assert {name for name, openssl in CIPHERS.items() if openssl} == {
        span for span in suites if span.startswith("TLS_")
    }
    assert tuple(CURVES) == spans(types["curve_preferences"])
    assert (oldest, newest) == spans(types["min_version"]) == spans(types["max_version"])
    assert f"number, 0 to {MOST_BURST}" == types["burst"]
    assert f"its cost is between {LEAST_COST} and {MOST_COST}." in read(DOCUMENT)
    assert f"a cost above {MOST_COST}," in read(DOCUMENT)


def test_the_files_to_paste_are_valid() -> None:
    """Each configuration is taken as it stands."""
    texts = snippets(DOCUMENT, "yaml")
    assert len(texts) == 3
    for text in texts:
        parse_web(text, name="web.yaml", directory=ROOT)


def test_the_line_that_makes_a_hash_makes_one() -> None:
    """Python's one-liner asks for a password and prints a hash of it that the file may hold."""
    line = next(text for text in snippets(DOCUMENT, "sh") if text.startswith("venv/bin/python"))
    code = line.partition("'")[2].rpartition("'")[0]
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="marked\n",
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    made = read_hash(done.stdout.split()[-1]).reveal()

    assert bcrypt.checkpw(b"marked", made.encode())


@pytest.mark.real
def test_prometheus_takes_the_files_to_paste(component: Callable[[str], Path], tmp_path: Path) -> None:
    """Prometheus's own tool accepts each of them; where it does not know the rate limit yet, all others."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "clients.crt")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.crt")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    for text in snippets(DOCUMENT, "yaml"):
        (tmp_path / "web.yaml").write_text(text)
        done = subprocess.run(
            [component("promtool"), "check", "web-config", tmp_path / "web.yaml"],
            capture_output=True,
            text=True,
            check=False,
        )
        is_new = "rate_limit" in text and "field rate_limit not found" in done.stderr
        assert is_new or done.returncode == 0, done.stdout + done.stderr
