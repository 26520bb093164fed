"""`simulate` as a process of its own, and what keeps it from starting."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx
import trustme

from cli.runs import run
from exporter.cli.simulate import ACCESS_KEY
from processes import EXPORTER, running

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SIMULATE = (*EXPORTER, "simulate", "--web.listen-address=127.0.0.1:0")
SAID = r"^Task API at (\S+) with the access key simulated-key$"


def test_over_tls_with_every_flag(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """So many tasks, one Date by the sped-up clock, the limit, the control routes: all over TLS; SIGTERM ends it."""
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "cert.pem")
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    flags = ["--simulator.tasks=3", "--simulator.speed=1000", "--simulator.rate-limit=9", "--simulator.control"]
    command = [*SIMULATE, *flags, f"--simulator.tls-cert={tmp_path / 'cert.pem'}"]
    with running(command, cwd=pytestconfig.rootpath) as process:
        url = process.wait_for(SAID)[1]
        assert url.startswith("https://127.0.0.1:")
        with httpx.Client(verify=context, trust_env=False, headers={"X-Access-Key": ACCESS_KEY}) as client:
            answer = client.get(f"{url}/v1/tasks")
            assert 200 == answer.status_code
            assert 3 == len(answer.json()["tasks"])
            assert 1 == len(answer.headers.get_list("Date"))
            assert "9" == answer.headers["X-RateLimit-Limit"]
            assert 204 == client.post(f"{url}/_control/clear", json={}).status_code
        assert 0 == process.end()


def test_as_it_is_without_flags(pytestconfig: pytest.Config) -> None:
    """Plain HTTP, the demo's fleet, no limit, no control."""
    with running(SIMULATE, cwd=pytestconfig.rootpath) as process:
        url = process.wait_for(SAID)[1]
        with httpx.Client(trust_env=False, params={"access_key": ACCESS_KEY}) as client:
            answer = client.get(f"{url}/v1/tasks")
            assert 14 == len(answer.json()["tasks"])
            assert "X-RateLimit-Limit" not in answer.headers
            assert 404 == client.post(f"{url}/_control/clear", json={}).status_code
        assert 0 == process.end()


def test_a_certificate_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence says what is wrong with it, and the code is 1."""
    missing, empty = tmp_path / "missing.pem", tmp_path / "empty.pem"
    empty.touch()
    assert 1 == run("simulate", "--web.listen-address=127.0.0.1:0", f"--simulator.tls-cert={missing}")
    assert ("", f"--simulator.tls-cert {missing}: No such file or directory\n") == capsys.readouterr()
    assert 1 == run("simulate", "--web.listen-address=127.0.0.1:0", f"--simulator.tls-cert={empty}")
    fault = "found no certificate and key that belong together"
    assert ("", f"--simulator.tls-cert {empty}: {fault}\n") == capsys.readouterr()


def test_a_bad_address(capsys: pytest.CaptureFixture[str]) -> None:
    """An address that is none is one sentence, and 1."""
    assert 1 == run("simulate", "--web.listen-address=nowhere")
    assert capsys.readouterr().err.startswith("listen address 'nowhere': expected host:port")
