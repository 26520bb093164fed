"""The Compose file is what Compose takes, and all that it mounts is there and valid."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from documents import ROOT, snippets
from exporter import __version__
from exporter.cli import build_parser
from exporter.cli.parser import SIMULATOR_PORT
from exporter.cli.simulate import ACCESS_KEY
from exporter.config import load
from processes import PATIENCE_SECONDS, running

if TYPE_CHECKING:
    from collections.abc import Callable

HOME = ROOT / "examples" / "compose"
WHOLE: dict[str, Any] = yaml.safe_load((HOME / "compose.yaml").read_text())
ALERTMANAGER = HOME / "alertmanager" / "alertmanager.yml"
SERVICES: dict[str, dict[str, Any]] = WHOLE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]


def mounts(name: str) -> dict[str, Path]:
    """What of the tree a service sees, by the path where it sees it; no mount is writable."""
    parts = [volume.split(":") for volume in SERVICES[name]["volumes"] if volume.startswith(".")]
    assert {"ro"} == {mode for _, _, mode in parts}
    return {target: (HOME / source).resolve() for source, target, _ in parts}


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "volumes" in service])
def test_what_is_mounted_is_there(name: str) -> None:
    """Each mount is of a path in the tree, which everybody may read, or of a volume that the file declares."""
    volumes = {volume.partition(":")[0] for volume in SERVICES[name]["volumes"] if not volume.startswith(".")}

    assert volumes <= set(WHOLE["volumes"])
    for path in mounts(name).values():
        assert path.is_relative_to(ROOT)
        assert path.stat().st_mode & 0o004, path


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_is_confined(name: str) -> None:
    """Read-only root, no capability, no new rights, ports on loopback, a pinned image; it restarts and is watched."""
    service = SERVICES[name]

    assert (True, ["ALL"], ["no-new-privileges:true"]) == tuple(
        service[key] for key in ("read_only", "cap_drop", "security_opt")
    )
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"])
    assert "unless-stopped" == service["restart"]
    # The exporter's health check is in its image.
    assert "healthcheck" in service or name.startswith("exporter")


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_called_as_they_are_called(name: str) -> None:
    """The commands are valid, the image is built from this tree in its version, and the configuration is one that is mounted."""
    service = SERVICES[name]
    words = service["command"]
    options = build_parser().parse_args(words if words[0] == "simulate" else ["serve", *words])

    assert f"screenshotmax-exporter:{__version__}" == service["image"]
    assert ROOT == (HOME / service["build"]["context"]).resolve()
    if name != "simulator":
        config = load(mounts(name)[str(options.config_file.parent)] / options.config_file.name)
        secrets = {Path("/run/secrets") / secret for secret in service.get("secrets", ())}
        assert secrets == {account.access_key_file for account in config.accounts if account.access_key_file}
        ledgers = dict(reversed(volume.split(":")) for volume in service["volumes"] if not volume.startswith("."))
        assert "ledger" == ledgers[str(options.storage_path.parent)]


def test_the_demo_asks_the_simulator() -> None:
    """Its configuration names the simulator's container, port and key."""
    config = load(HOME / "config" / "demo.yaml")

    assert f"http://simulator:{SIMULATOR_PORT}" == config.accounts[0].api.base_url
    assert ACCESS_KEY == config.accounts[0].access_key.reveal()


def test_either_profile_has_one_exporter() -> None:
    """Whichever is chosen, one container answers to the name that Prometheus scrapes; the demo is what is chosen first."""
    job = yaml.safe_load((HOME / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][0]
    (target,) = job["static_configs"][0]["targets"]
    named = {
        profile: [
            name
            for name, service in SERVICES.items()
            if profile in service.get("profiles", ())
            and target.partition(":")[0] in service.get("networks", {}).get("default", {}).get("aliases", ())
        ]
        for profile in ("demo", "live")
    }

    assert "screenshotmax" == job["job_name"]
    assert {"demo": ["exporter-demo"], "live": ["exporter"]} == named
    assert "COMPOSE_PROFILES=demo" in (HOME / ".env").read_text().splitlines()


def test_grafana_finds_its_datasource_and_its_dashboard() -> None:
    """The dashboard lies where the provider looks, and the datasource is the Prometheus of this file."""
    provisioning = HOME / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "screenshotmax.yaml").read_text())["providers"]
    mounted = mounts("grafana")

    assert provisioning == mounted["/etc/grafana/provisioning"]
    assert ("prometheus", "http://prometheus:9090") == (source["type"], source["url"])
    (dashboard,) = (
        path for target, path in mounted.items() if Path(target).parent == Path(provider["options"]["path"])
    )
    assert json.loads(dashboard.read_text())["title"]


def test_the_inhibitions_are_those_that_are_explained() -> None:
    """Alertmanager's file and docs/alerting.md inhibit alike."""
    (explained,) = (yaml.safe_load(text) for text in snippets("docs/alerting.md", "yaml") if "inhibit_rules:" in text)

    assert explained["inhibit_rules"] == yaml.safe_load(ALERTMANAGER.read_text())["inhibit_rules"]


@pytest.mark.real
@pytest.mark.parametrize("profile", ["demo", "live"])
def test_compose_takes_it(component: Callable[[str], Path], profile: str) -> None:
    """Compose itself reads the file with its .env, and what it makes of it has the services of the profile."""
    words = [component("docker-compose"), "--project-directory", HOME, "config", "--format=json"]
    environment = os.environ | {"COMPOSE_PROFILES": profile}
    told = subprocess.run(words, cwd=HOME, env=environment, capture_output=True, text=True, check=False)

    assert (0, "") == (told.returncode, told.stderr)
    found = json.loads(told.stdout)
    assert {name for name, service in SERVICES.items() if profile in service.get("profiles", [profile])} == set(
        found["services"]
    )
    assert {"65534:0"} == {found["services"][name]["user"] for name in found["services"] if name.startswith("exporter")}


@pytest.mark.real
@pytest.mark.parametrize("name", ["promtool", "promtool3"])
def test_prometheus_takes_its_configuration_and_the_rules(
    component: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    """With the rules where the file expects them, Prometheus finds nothing wrong."""
    mounted = mounts("prometheus")
    text = (mounted["/etc/prometheus"] / "prometheus.yml").read_text()
    assert "/etc/screenshotmax/rules/*.yaml" in text
    text = text.replace("/etc/screenshotmax/rules", str(mounted["/etc/screenshotmax/rules"]))
    (tmp_path / "prometheus.yml").write_text(text)
    words = [component(name), "check", "config", "--lint=all", "--lint-fatal", tmp_path / "prometheus.yml"]
    told = subprocess.run(words, capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stdout + told.stderr
    assert "2 rule files found" in told.stdout


@pytest.mark.real
def test_alertmanager_takes_its_configuration(component: Callable[[str], Path]) -> None:
    """`amtool check-config` passes."""
    words = [component("amtool"), "check-config", ALERTMANAGER]
    told = subprocess.run(words, capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stdout + told.stderr
    assert ALERTMANAGER.parent == mounts("alertmanager")["/etc/alertmanager"]


def alert(name: str, **labels: str) -> dict[str, Any]:
    return {"labels": {"alertname": f"ScreenshotMAX{name}", **labels}}


FIRING = (
    (alert("ManyTasksMissed", account="main"), "active"),
    (alert("TaskMissed", account="main", task_id="1"), "suppressed"),
    (alert("TaskOverdue", account="main", task_id="1"), "suppressed"),
    (alert("TaskUnknown", account="main", task_id="2"), "active"),
    (alert("TaskMissed", account="other", task_id="3"), "active"),
    (alert("UpstreamDenied", account="other"), "active"),
    (alert("PollFailing", account="other"), "suppressed"),
    (alert("PollFailing", account="main"), "active"),
    (alert("ExporterDown"), "active"),
    (alert("ExporterTargetDown", instance="a"), "suppressed"),
)


@pytest.mark.real
def test_one_cause_is_told_once(component: Callable[[str], Path], tmp_path: Path) -> None:
    """The real Alertmanager suppresses what another alert of the same account explains, and nothing else."""
    flags = [
        f"--config.file={ALERTMANAGER}",
        "--storage.path=data",
        "--cluster.listen-address=",
        "--web.listen-address=127.0.0.1:0",
    ]
    with running([str(component("alertmanager")), *flags], cwd=tmp_path) as alertmanager:
        api = f"http://{alertmanager.wait_for(r'Listening on.* address=(127[^ ]+)')[1].strip()}/api/v2/alerts"
        httpx.post(api, json=[each for each, _ in FIRING], trust_env=False).raise_for_status()
        wanted = {tuple(sorted(each["labels"].items())): state for each, state in FIRING}
        deadline = monotonic() + PATIENCE_SECONDS
        while (found := states(api)) != wanted:
            assert monotonic() < deadline, found
            sleep(0.1)


def states(api: str) -> dict[tuple[tuple[str, str], ...], str]:
    known = httpx.get(api, trust_env=False).json()
    return {tuple(sorted(each["labels"].items())): each["status"]["state"] for each in known}
