"""The chart as real Helm renders it, and what one looks for in the result."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from documents import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Json = dict[str, Any]

CHART = ROOT / "helm" / "screenshotmax-exporter"
META: Json = yaml.safe_load((CHART / "Chart.yaml").read_text())
MODES = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))}
DEFAULT = ("--values", MODES["default"])
RELEASE, NAMESPACE = "smx", "watching"
WORKLOADS = ("Deployment", "StatefulSet")
NAME = "screenshotmax-exporter"
# As `--set` has it: the hash of a password, TLS by a certificate that is mounted, and the authority of its clients.
HASH = "$2b$04$......................abcdefghijklmnopqrstuvwxyz01234"
USERS = f"webConfig.basic_auth_users.someone={HASH}"
TLS = "webConfig.tls_server_config"
MOUNT = "extraSecretMounts[0].name=certificate,extraSecretMounts[0].secretName=tls,extraSecretMounts[0].mountPath=/run/certificate"
PAIR = f"{MOUNT},{TLS}.cert_file=/run/certificate/pair.pem,{TLS}.key_file=/run/certificate/pair.pem"
CLIENTS = f"{PAIR},{TLS}.client_ca_file=/run/certificate/ca.pem,{TLS}.client_auth_type"
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where libyaml is there


@dataclass(frozen=True)
class Helm:
    """One version of Helm, with a home of its own."""

    program: Path
    home: Path

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        own = {f"HELM_{name}_HOME": os.fspath(self.home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        own["GOGC"] = "off"  # Helm ends before it has anything to tidy up, and tidying is a third of its time
        command = [self.program, *words]
        return subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False)

    def text(self, *words: str | Path, chart: Path = CHART, release: str = RELEASE) -> str:
        done = self.run("template", release, chart, f"--namespace={NAMESPACE}", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def render(self, *words: str | Path, **options: Any) -> list[Json]:
        """The manifests of `helm template`, those of the test included."""
        return [found for found in yaml.load_all(self.text(*words, **options), LOADER) if found]

    def refusal(self, *words: str | Path) -> str:
        """What Helm says of values that it must not take."""
        done = self.run("template", RELEASE, CHART, *words)
        assert done.returncode != 0, done.stdout
        return done.stderr


def of_kind(manifests: list[Json], *kinds: str) -> list[Json]:
    return [each for each in manifests if each["kind"] in kinds]


def the(manifests: list[Json], *kinds: str) -> Json:
    """The only one of these kinds."""
    (found,) = of_kind(manifests, *kinds)
    return found


def pods(manifests: list[Json]) -> Iterator[Json]:
    """Every pod: those of the workloads as their templates have them, and the test's."""
    for each in manifests:
        if each["kind"] == "Pod":
            yield each
        elif each["kind"] in WORKLOADS:
            yield each["spec"]["template"]


def containers(pod: Json) -> list[Json]:
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def ours(pod: Json) -> list[Json]:
    """The containers with the exporter's image."""
    return [each for each in containers(pod) if NAME in each["image"]]


def exporter(manifests: list[Json]) -> Json:
    """The exporter's container in the workload that has one."""
    (found,) = [each for each in containers(the(manifests, *WORKLOADS)["spec"]["template"]) if each["name"] == NAME]
    return found


def file_of(manifests: list[Json], name: str) -> str:
    """The text of a file that a ConfigMap or a Secret of the chart holds."""
    (found,) = (
        held[name] for each in manifests for held in (each.get("data"), each.get("stringData")) if held and name in held
    )
    return found
