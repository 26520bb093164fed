"""The real Prometheus scrapes the real exporter over TLS, with a client certificate and a password that change under it."""

from __future__ import annotations

import socket
import ssl
import subprocess
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING

import bcrypt
import pytest
import trustme

from stage import KEY, Exporter, Prometheus, eventually, exporting, scraping, simulating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Component = Callable[[str], Path]

pytestmark = pytest.mark.real

CONFIG = """
api: {{base_url: "{url}"}}
poll: {{interval: 5s}}
accounts: [{{name: main, access_key: {key}, tasks: all}}]
"""
WEB = """
tls_server_config:
  cert_file: server/tls.crt
  key_file: server/tls.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: server/ca.crt
basic_auth_users:
  prometheus: {hash}
"""
SCRAPE = """
global: {{scrape_interval: 2s, scrape_timeout: {patience}}}
scrape_configs:
  - job_name: screenshotmax
    scheme: https
    tls_config: {{ca_file: client/ca.crt, cert_file: client/tls.crt, key_file: client/tls.key}}
    basic_auth: {{username: prometheus, password_file: password}}
    static_configs: [{{targets: ["{target}"]}}]
"""
SERVER, CLIENT = "127.0.0.1", "prometheus@monitoring.invalid"


@dataclass
class Yard:
    """The folder in which both sides have their certificates, and from which both are run."""

    place: Path
    ca: trustme.CA
    issued: int = 0

    def issue(self, side: str, identity: str) -> None:
        """A new certificate, changed all at once as a mounted Kubernetes secret changes: by a link."""
        self.issued += 1
        made = self.place / f"{side}.{self.issued}"
        made.mkdir()
        leaf = self.ca.issue_cert(identity)
        leaf.cert_chain_pems[0].write_to_path(made / "tls.crt")
        leaf.private_key_pem.write_to_path(made / "tls.key")
        self.ca.cert_pem.write_to_path(made / "ca.crt")
        replace_link(self.place / side, made)

    def admit(self, password: str) -> None:
        """From now on the exporter knows this password only."""
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        replace_text(self.place / "web.yml", WEB.format(hash=hashed))

    def use(self, password: str) -> None:
        """From now on Prometheus sends this password."""
        replace_text(self.place / "password", password)

    def serial_served(self, exporter: Exporter) -> str:
        """The serial number of the certificate that a new connection meets."""
        context = ssl.create_default_context(cafile=self.place / "client" / "ca.crt")
        context.load_cert_chain(self.place / "client" / "tls.crt", self.place / "client" / "tls.key")
        host, port = exporter.target.split(":")
        with (
            socket.create_connection((host, int(port)), timeout=10) as bare,
            context.wrap_socket(bare, server_hostname=host) as secured,
        ):
            return str((secured.getpeercert() or {})["serialNumber"])


def replace_link(link: Path, target: Path) -> None:
    fresh = link.with_suffix(".new")
    fresh.symlink_to(target)
    fresh.replace(link)


def replace_text(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    yard = Yard(tmp_path_factory.mktemp("tls"), trustme.CA())
    yard.issue("server", SERVER)
    yard.issue("client", CLIENT)
    yard.admit("first")
    yard.use("first")
    return yard


@pytest.fixture(scope="module")
def exporter(yard: Yard) -> Iterator[Exporter]:
    with simulating(yard.place) as upstream:
        config = CONFIG.format(url=upstream.url, key=KEY)
        with exporting(yard.place, config, "--web.config.file=web.yml") as exporter:
            yield exporter


@pytest.fixture(scope="module")
def prometheus(yard: Yard, exporter: Exporter, component: Component) -> Iterator[Prometheus]:
    with scraping(
        component("prometheus"), yard.place, SCRAPE.format(target=exporter.target, patience="2s")
    ) as prometheus:
        eventually(lambda: prometheus.query('screenshotmax_up{account="main"} == 1'))
        yield prometheus


def is_scraped(prometheus: Prometheus) -> bool:
    """Whether a scrape that begins from now on succeeds, in time."""
    now = time()
    return eventually(lambda: (prometheus.value("timestamp(up) and on () up == 1") or 0) > now)


@pytest.mark.parametrize("promtool", ["promtool", "promtool3"])
def test_promtool_accepts_the_file(yard: Yard, component: Component, promtool: str) -> None:
    """The file by which the exporter serves is one that Prometheus would serve by."""
    command = [component(promtool), "check", "web-config", "web.yml"]
    checked = subprocess.run(command, cwd=yard.place, capture_output=True, text=True, check=False)
    assert 0 == checked.returncode, checked.stdout + checked.stderr


def test_a_renewed_certificate_is_served_and_no_scrape_is_lost(
    yard: Yard, exporter: Exporter, prometheus: Prometheus
) -> None:
    """The next connection meets the new certificate; every scrape before and after it succeeds."""
    old = yard.serial_served(exporter)
    yard.issue("server", SERVER)
    assert old != yard.serial_served(exporter)
    assert is_scraped(prometheus)
    prometheus.reload(SCRAPE.format(target=exporter.target, patience="1900ms"))
    assert is_scraped(prometheus)
    assert 1 == prometheus.value("min_over_time(up[5m])")


def test_a_new_authority_takes_over_on_both_sides(yard: Yard, exporter: Exporter, prometheus: Prometheus) -> None:
    """With all certificates of another authority a new connection is scraped: neither side's old certificate would do."""
    yard.ca = trustme.CA()
    yard.issue("server", SERVER)
    yard.issue("client", CLIENT)
    prometheus.reload(SCRAPE.format(target=exporter.target, patience="1800ms"))
    assert is_scraped(prometheus)


def test_a_wrong_password_is_told_and_a_changed_one_taken(yard: Yard, prometheus: Prometheus) -> None:
    """Once the exporter knows another password, Prometheus says 401; with the new one it scrapes again. Nothing is restarted."""
    yard.admit("second")
    refused = eventually(lambda: (found := prometheus.target())["health"] == "down" and found)
    assert "401" in refused["lastError"]
    eventually(lambda: prometheus.value("up") == 0)
    yard.use("second")
    assert is_scraped(prometheus)
