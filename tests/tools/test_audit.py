"""The audit of dependencies: what it says and with which exit code, against a service of our own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
FLAW = {"id": "PRETEND-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "httpx"}}], "summary": "Made up."}


@contextmanager
def a_service(flawed: str | None) -> Iterator[tuple[str, list[str]]]:
    """Its address, as OSV's protocol has it, and the packages it is asked about; one may have a flaw."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
            asked.append(name)
            body = json.dumps({"vulns": [FLAW]} if name == flawed else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
        server.shutdown()
        thread.join()


def audit(*options: str, root: Path = ROOT) -> tuple[int, str]:
    """The exit code and all that is said."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [root / "tools" / "audit.sh", *options], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.real
@pytest.mark.parametrize(
    ("flawed", "code", "said"),
    [(None, 0, "No known vulnerabilities found"), ("httpx", 1, "httpx 0.28")],
    ids=["none", "one"],
)
def test_each_dependency_is_asked_about(
    component: Callable[[str], Path], flawed: str | None, code: int, said: str
) -> None:
    """The service hears of every pin; what it knows of is listed and ends with 1."""
    component("pip-audit")
    with a_service(flawed) as (url, asked):
        found, text = audit("--vulnerability-service=osv", f"--osv-url={url}")
    assert code == found
    assert said in " ".join(text.split())
    pins = (ROOT / "requirements" / "runtime.txt").read_text()
    assert {line.partition("==")[0] for line in pins.splitlines() if "==" in line and ";" not in line} <= set(asked)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Callable[[str], Path]:
    """A tree with our script and this program in the place of pip-audit."""

    def tree(program: str) -> Path:
        (tmp_path / "tools").mkdir()
        (tmp_path / ".tools" / "bin").mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "audit.sh", tmp_path / "tools")
        for path, text in (("tools/fetch_supply.sh", "#!/bin/sh\n"), (".tools/bin/pip-audit", f"#!/bin/sh\n{program}")):
            (tmp_path / path).write_text(text)
            (tmp_path / path).chmod(0o755)
        return tmp_path

    return tree


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("echo Traceback >&2; echo ConnectionError: no name; exit 1", "ConnectionError: no name"),
        ("echo 'ERROR: x: Dependency not found'; exit 1", "ERROR: x: Dependency not found"),
    ],
)
def test_a_service_that_is_out_of_reach_is_no_good_news(
    elsewhere: Callable[[str], Path], program: str, reason: str
) -> None:
    """Exit code 3, and one sentence with the last that was heard."""
    expected = f"audit.sh: the audit could not be made, so nothing is known: {reason}\n"
    assert (3, expected) == audit(root=elsewhere(program))


def test_without_the_program_nothing_is_known(elsewhere: Callable[[str], Path]) -> None:
    """As where it could not be fetched."""
    root = elsewhere("")
    (root / ".tools" / "bin" / "pip-audit").unlink()
    assert (3, "audit.sh: the audit could not be made, so nothing is known: pip-audit is not there\n") == audit(
        root=root
    )


def test_what_is_unknown_to_the_service_is_not_passed_over(elsewhere: Callable[[str], Path]) -> None:
    """Strictly, over the pins and nothing that pip would resolve anew, with our options last."""
    code, said = audit("--ignore-vuln=X", root=elsewhere('printf "%s\\n" "$@"'))
    words = said.split()
    assert (0, "--ignore-vuln=X") == (code, words[-1])
    assert {"--strict", "--require-hashes", "--disable-pip", "requirements/runtime.txt"} <= set(words)
