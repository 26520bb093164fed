"""The reloader of the Prometheus Operator watches in the exporter's place; tests/helm/test_probes.py shows that it is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from charts import MODES, WORKLOADS, Helm, containers, exporter, the
from exporter.cli import build_parser

if TYPE_CHECKING:
    from collections.abc import Callable

    from charts import Json

pytestmark = pytest.mark.real

ON = ("--values", MODES["default"], "--set", "configReloader.enabled=true")


def pod_of(manifests: list[Json]) -> Json:
    return the(manifests, *WORKLOADS)["spec"]["template"]


def reloader(manifests: list[Json]) -> Json:
    (found,) = [each for each in containers(pod_of(manifests)) if each["name"] == "config-reloader"]
    return found


def test_it_watches_in_place_of_the_exporter(mode: Callable[[str], list[Json]]) -> None:
    """It reads the very file that the exporter reads, from the same volume; the exporter listens to it and watches nothing itself."""
    manifests = mode("reloader")
    container, options = reloader(manifests), build_parser().parse_args(["serve", *exporter(manifests)["args"]])
    (mount,) = container["volumeMounts"]

    assert (True, False) == (options.enable_lifecycle, options.auto_reload)
    assert f"--config-file={options.config_file}" in container["args"]
    assert mount in exporter(manifests)["volumeMounts"]
    assert "--watch-interval=30s" in container["args"]


def test_it_is_looked_after(mode: Callable[[str], list[Json]]) -> None:
    """Its health is asked for at the port that it listens on, which is not the exporter's."""
    manifests = mode("reloader")
    container = reloader(manifests)
    (port,) = container["ports"]
    (other,) = exporter(manifests)["ports"]

    assert f"--listen-address=:{port['containerPort']}" in container["args"]
    assert {"path": "/healthz", "port": port["name"]} == container["livenessProbe"]["httpGet"]
    assert not {*port.values()} & {other["name"], other["containerPort"]}


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ("", "quay.io/prometheus-operator/prometheus-config-reloader:v0.89.0"),
        ("global.imageRegistry=one.example.com", "one.example.com/prometheus-operator/prometheus-config-reloader:v0.89.0"),
        ("image.tag=v9,configReloader.image.tag=v1", "quay.io/prometheus-operator/prometheus-config-reloader:v1"),
    ],
)  # fmt: skip
def test_its_image_is_found(newest_helm: Helm, values: str, image: str) -> None:
    """It has a name of its own, in the registry that all charts of a release may be sent to."""
    assert image == reloader(newest_helm.render(*ON, "--set", values))["image"]


@pytest.mark.parametrize("auto_reload", ["true", "false"])
def test_a_change_of_the_configuration_replaces_no_pod(newest_helm: Helm, auto_reload: str) -> None:
    """Since somebody watches it, whatever `autoReload` says."""
    words = (*ON, "--set", f"autoReload={auto_reload}")

    assert pod_of(newest_helm.render(*words)) == pod_of(newest_helm.render(*words, "--set", "config.poll.interval=2m"))


def test_it_is_let_in_and_scraped_beside_the_exporter(newest_helm: Helm) -> None:
    """The network policy opens its port, and a PodMonitor asks both ports of the pod, each once and as often."""
    manifests = newest_helm.render(
        *ON, "--set", "networkPolicy.enabled=true,podMonitor.enabled=true,podMonitor.interval=30s"
    )
    ports = [port["name"] for container in containers(pod_of(manifests)) for port in container["ports"]]
    (let_in,) = the(manifests, "NetworkPolicy")["spec"]["ingress"]
    own, reloaders = the(manifests, "PodMonitor")["spec"]["podMetricsEndpoints"]

    assert ports == [port["port"] for port in let_in["ports"]]
    assert ports == [own["port"], reloaders["port"]]
    assert {"port": "reloader-web", "interval": "30s"} == reloaders
