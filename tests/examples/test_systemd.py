"""The systemd units are what systemd takes, call the exporter as it is called, and give it next to no rights."""

from __future__ import annotations

import re
import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from documents import ROOT, read
from exporter.cli import build_parser
from exporter.config import load
from processes import EXPORTER, PATIENCE_SECONDS, running

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

UNITS = ROOT / "examples" / "systemd"
SERVICE = "screenshotmax-exporter.service"
PROGRAM = "/opt/screenshotmax-exporter/bin/screenshotmax-exporter"
# Of 10. What is left is the network, AF_UNIX for name services, and the root directory; other versions weigh a little otherwise.
EXPOSURE = 1.5


def unit(name: str) -> dict[str, list[str]]:
    """Each setting of a unit with all its values; sections are left out, since no name stands in two."""
    pairs = re.findall(r"^(\w+)=(.*)$", (UNITS / name).read_text(), re.MULTILINE)
    return {key: [value for found, value in pairs if found == key] for key, _ in pairs}


def options_of(command: str) -> argparse.Namespace:
    program, *words = shlex.split(command.replace("$OPTIONS", ""))
    assert PROGRAM == program
    return build_parser().parse_args(words if words[0] == "config" else ["serve", *words])


def test_the_service_calls_the_exporter_as_it_is_called() -> None:
    """Its commands are valid; what it checks is what it runs, and the ledger lies in its state directory."""
    service = unit(SERVICE)
    (checked,), (run,) = map(options_of, service["ExecStartPre"]), map(options_of, service["ExecStart"])

    assert checked.config_file == run.config_file
    assert Path("/etc") / service["ConfigurationDirectory"][0] == run.config_file.parent
    assert Path("/var/lib") / service["StateDirectory"][0] == run.storage_path.parent
    assert ["/bin/kill -HUP $MAINPID"] == service["ExecReload"]


# The values of OPTIONS in the environment file, those in comments too.
OFFERED = re.findall(r"^#?OPTIONS=(.*)$", (UNITS / "screenshotmax-exporter.env").read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", OFFERED)
def test_each_line_of_options_is_valid(line: str) -> None:
    """What the environment file offers are flags of the daemon."""
    build_parser().parse_args(["serve", *shlex.split(line)])


def test_the_key_is_where_the_configuration_looks_for_it() -> None:
    """Each credential of the unit is the key file of an account with its name, at the path where systemd puts it."""
    config = load(UNITS / "config.yaml")
    credentials = [value.partition(":")[0] for value in unit(SERVICE)["LoadCredential"]]

    assert [Path(f"/run/credentials/{SERVICE}/{name}") for name in credentials] == [
        account.access_key_file for account in config.accounts
    ]


def test_service_and_socket_fit_each_other() -> None:
    """The socket has the service's name, which is how systemd joins them, and the default port."""
    assert ["10142"] == unit("screenshotmax-exporter.socket")["ListenStream"]
    assert any("--web.systemd-socket" in line for line in OFFERED)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units beside a program that is there, since systemd asks for it."""
    program = Path(sysconfig.get_path("scripts")) / "screenshotmax-exporter"
    for path in UNITS.glob("screenshotmax-exporter.s*"):
        (tmp_path / path.name).write_text(path.read_text().replace(PROGRAM, str(program)))
    return tmp_path


@pytest.mark.real
def test_systemd_takes_the_units(component: Callable[[str], Path], installed: Path) -> None:
    """`systemd-analyze verify` has nothing to say."""
    words = [component("systemd-analyze"), "verify", "--man=no", *sorted(installed.iterdir())]
    told = subprocess.run(words, capture_output=True, text=True, check=False)

    assert (0, "") == (told.returncode, told.stdout + told.stderr)


@pytest.mark.real
def test_the_service_is_hardly_exposed(component: Callable[[str], Path], installed: Path) -> None:
    """`systemd-analyze security` finds no more exposure than is documented, and rates it OK."""
    words = ["security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", "--no-pager", installed / SERVICE]
    told = subprocess.run([component("systemd-analyze"), *words], capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stdout
    found = re.search(r"Overall exposure level for \S+: (\S+)", told.stdout)
    assert found is not None
    assert EXPOSURE >= float(found[1])
    assert f"exposure above {EXPOSURE} " in read("docs/deployment.md")


@pytest.mark.real
def test_it_takes_the_socket_over(component: Callable[[str], Path], tmp_path: Path) -> None:
    """Started by systemd's own socket activation with the flags of the environment file, it answers what was waiting."""
    flags = next(line for line in OFFERED if "--web.systemd-socket" in line)
    (tmp_path / "key").write_text("a key")
    text = (UNITS / "config.yaml").read_text().replace(f"/run/credentials/{SERVICE}/main", "key")
    # A refused connection is all that this account meets; liveness does not ask for more.
    (tmp_path / "config.yaml").write_text(f'api: {{base_url: "http://127.0.0.1:1"}}\n{text}')
    activate = component("systemd-analyze").with_name("systemd-socket-activate")
    # The tool takes no port 0, so it listens on a path.
    command = [str(activate), f"--listen={tmp_path}/socket", *EXPORTER, "serve", *shlex.split(flags)]
    with running(command, cwd=tmp_path) as service:
        service.wait_for("Listening on")
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(tmp_path / "socket"))) as client:
            assert "Healthy" == client.get("http://exporter/-/healthy", timeout=PATIENCE_SECONDS).text.strip()
        assert 0 == service.end()
