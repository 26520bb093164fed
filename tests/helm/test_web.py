"""Probes, monitors and ports follow the web configuration; tests/helm/test_probes.py asks the exporter itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from charts import DEFAULT, MODES, PAIR, WORKLOADS, Helm, exporter, of_kind, the
from exporter.cli import build_parser

if TYPE_CHECKING:
    from collections.abc import Callable

    from charts import Json

pytestmark = pytest.mark.real

PREFIX = "web.externalUrl=https://example.com/smx/"
CREDENTIALS = ("--set", "serviceMonitor.basicAuth.username.name=s,serviceMonitor.basicAuth.username.key=u")
SERVER = {"serverName": "smx-screenshotmax-exporter.watching.svc"}


@pytest.mark.parametrize(
    ("values", "scheme", "prefix"),
    [
        ("autoReload=true", "http", ""),
        (PREFIX, "http", "/smx"),
        (f"{PREFIX},web.routePrefix=/", "http", ""),
        (PAIR, "https", ""),
        (f"{PAIR},web.routePrefix=/one/two", "https", "/one/two"),
    ],
)
def test_who_asks_asks_as_he_must(newest_helm: Helm, values: str, scheme: str, prefix: str) -> None:
    """Scheme, path and the name in the certificate follow from the web configuration and the prefix, for a monitor and for probes."""
    manifests = newest_helm.render(*DEFAULT, *CREDENTIALS, "--set", f"serviceMonitor.enabled=true,{values}")
    (endpoint,) = the(manifests, "ServiceMonitor")["spec"]["endpoints"]
    del endpoint["basicAuth"], endpoint["port"]
    probes = [exporter(manifests)[name]["httpGet"] for name in ("livenessProbe", "readinessProbe")]
    named = {"tlsConfig": SERVER} if scheme == "https" else {}

    assert {"scheme": scheme, "path": f"{prefix}/metrics", **named} == endpoint
    assert [(scheme.upper(), f"{prefix}/-/{state}") for state in ("healthy", "ready")] == [
        (probe.get("scheme", "HTTP"), probe["path"]) for probe in probes
    ]


def test_a_name_of_ones_own_stays(mode: Callable[[str], list[Json]]) -> None:
    """A `serverName` that was given is kept, with what was given beside it; a scheme, too."""
    (endpoint,) = the(mode("guarded"), "PodMonitor")["spec"]["podMetricsEndpoints"]
    given = yaml.safe_load(MODES["guarded"].read_text())["podMonitor"]

    assert given["tlsConfig"] == endpoint["tlsConfig"]
    assert given["basicAuth"] == endpoint["basicAuth"]


def test_a_probe_of_ones_own_stays(newest_helm: Helm) -> None:
    """Settings are laid over the probe that fits; another kind of probe takes its place whole."""
    cases: dict[str, Any] = {
        "livenessProbe.failureThreshold=9": {"failureThreshold": 9, "path": "/-/healthy", "scheme": "HTTPS"},
        "livenessProbe.httpGet.httpHeaders[0].name=a": {"path": "/-/healthy", "scheme": "HTTPS", "port": "http"},
        "livenessProbe.httpGet.path=/own": {"path": "/own", "scheme": "HTTPS", "port": "http"},
        "livenessProbe.tcpSocket.port=http": {"port": "http"},
    }
    for values, expected in cases.items():
        probe = exporter(newest_helm.render(*DEFAULT, "--set", f"{PAIR},{values}"))["livenessProbe"]
        kinds = [kind for kind in ("httpGet", "exec", "tcpSocket") if kind in probe]
        assert 1 == len(kinds)
        assert expected.items() <= {**probe, **probe[kinds[0]]}.items()


def test_a_web_configuration_of_somebody_else_is_followed(mode: Callable[[str], list[Json]]) -> None:
    """Of a Secret that the chart cannot see into, probes ask from inside, and monitors as the values say."""
    manifests = mode("external")
    container = exporter(manifests)
    (endpoint,) = the(manifests, "ServiceMonitor")["spec"]["endpoints"]
    volumes = {each["name"]: each for each in the(manifests, *WORKLOADS)["spec"]["template"]["spec"]["volumes"]}

    assert {"exec"} == {*container["livenessProbe"], *container["readinessProbe"]} & {"exec", "httpGet", "tcpSocket"}
    assert "--web.config.file=/etc/screenshotmax-exporter-web/web-config.yaml" in container["args"]
    assert ("screenshotmax-web", "https") == (
        volumes["screenshotmax-web-config"]["secret"]["secretName"],
        endpoint["scheme"],
    )
    assert "authorization" in endpoint


@pytest.mark.parametrize("name", ["guarded", "external"])
def test_from_inside_too_each_probe_has_its_own_question(mode: Callable[[str], list[Json]], name: str) -> None:
    """A healthcheck asks for readiness where that is the probe's, so that it is known where nothing refuses it, and for life where that is."""
    container = exporter(mode(name))
    asked = {
        probe: build_parser().parse_args(container[probe]["exec"]["command"][1:]).ready
        for probe in ("livenessProbe", "readinessProbe")
    }

    assert {"livenessProbe": False, "readinessProbe": True} == asked


@pytest.mark.parametrize("name", [name for name in MODES if name != "sidecar"])
def test_every_port_leads_to_the_exporter(mode: Callable[[str], list[Json]], name: str) -> None:
    """Service, probes and PodMonitor name the container's port; ServiceMonitor, Ingress and HTTPRoute the Service's."""
    manifests = mode(name)
    (inside,) = exporter(manifests)["ports"]
    (service,) = the(manifests, "Service")["spec"]["ports"]
    probes = [exporter(manifests)[probe].get("httpGet") for probe in ("livenessProbe", "readinessProbe")]
    named = [service["targetPort"], *(probe["port"] for probe in probes if probe)]
    outside = []
    for each in of_kind(manifests, "PodMonitor"):
        named += [endpoint["port"] for endpoint in each["spec"]["podMetricsEndpoints"]]
    for each in of_kind(manifests, "ServiceMonitor"):
        outside += [endpoint["port"] for endpoint in each["spec"]["endpoints"]]
    for each in of_kind(manifests, "Ingress"):
        outside += [
            path["backend"]["service"]["port"]["name"]
            for rule in each["spec"]["rules"]
            for path in rule["http"]["paths"]
        ]
    for each in of_kind(manifests, "HTTPRoute"):
        assert service["port"] == each["spec"]["rules"][0]["backendRefs"][0]["port"]

    assert {inside["name"]} == set(named)
    assert {service["name"]} >= set(outside)
