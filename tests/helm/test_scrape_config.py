"""A ScrapeConfig names what Prometheus can look up without Kubernetes: an address, or one name that has all pods."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import kubernetes_validate
import pytest
from jsonschema import Draft7Validator

from charts import MODES, NAME, NAMESPACE, RELEASE, WORKLOADS, Helm, exporter, of_kind, the
from documents import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from charts import Json

pytestmark = pytest.mark.real

SCHEMA = Draft7Validator(json.loads((ROOT / "tests" / "data" / "kubernetes" / "ScrapeConfig.json").read_text()))
SERVICE = f"{RELEASE}-{NAME}"
ON = ("--values", MODES["default"], "--set", "scrapeConfig.enabled=true")


def test_one_pod_is_scraped_by_its_service(mode: Callable[[str], list[Json]]) -> None:
    """The address is the Service's and its port, as is the name in the certificate; the path is under the prefix; no second Service is made."""
    manifests = mode("scraped")
    spec = the(manifests, "ScrapeConfig")["spec"]
    (port,) = the(manifests, "Service")["spec"]["ports"]

    assert [{"targets": [f"{SERVICE}.{NAMESPACE}.svc:{port['port']}"]}] == spec["staticConfigs"]
    assert (f"{SERVICE}.{NAMESPACE}.svc", "HTTPS") == (spec["tlsConfig"]["serverName"], spec["scheme"])
    assert "--web.route-prefix=/screenshotmax" in exporter(manifests)["args"]
    assert "/screenshotmax/metrics" == spec["metricsPath"]


@pytest.mark.parametrize("several", ["replicas=2", "sharding.totalShards=2", "persistence.enabled=true,replicas=2"])
def test_several_pods_are_found_by_name(newest_helm: Helm, several: str) -> None:
    """Each pod is found by a headless Service of their own port, ready or not, since a Service's address would be any of them."""
    manifests = newest_helm.render(*ON, "--set", f"{several},containerPort=8443,service.ipFamilies={{IPv6}}")
    scrape = the(manifests, "ScrapeConfig")
    headless, service = sorted(of_kind(manifests, "Service"), key=lambda each: "clusterIP" not in each["spec"])
    pod = the(manifests, *WORKLOADS)["spec"]["template"]
    (port,) = headless["spec"]["ports"]

    assert [] == [error.message for error in SCHEMA.iter_errors(scrape)]
    kubernetes_validate.validate(headless, kubernetes_validate.latest_version().removesuffix(".0"), strict=True)
    name = f"_http._tcp.{headless['metadata']['name']}.{NAMESPACE}.svc"
    assert [{"names": [name], "type": "SRV"}] == scrape["spec"]["dnsSDConfigs"]
    assert "staticConfigs" not in scrape["spec"]
    assert ("None", True) == (headless["spec"]["clusterIP"], headless["spec"]["publishNotReadyAddresses"])
    assert ("http", 8443, exporter(manifests)["ports"][0]["name"]) == (port["name"], port["port"], port["targetPort"])
    assert service["spec"]["selector"] == headless["spec"]["selector"]
    assert headless["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert ["IPv6"] == headless["spec"]["ipFamilies"]


def test_addresses_that_are_given_take_their_place(newest_helm: Helm, mode: Callable[[str], list[Json]]) -> None:
    """With targets nothing is looked up, no certificate is taken for the Service's, and no headless Service is made."""
    https = ("--set", "scrapeConfig.targets={a.example.com:443,b.example.com:443},scrapeConfig.scheme=https,replicas=2")
    manifests = newest_helm.render(*ON, *https)
    spec = the(manifests, "ScrapeConfig")["spec"]

    assert [{"targets": ["a.example.com:443", "b.example.com:443"]}] == spec["staticConfigs"]
    assert not {"tlsConfig", "dnsSDConfigs"} & spec.keys()
    assert 1 == len(of_kind(manifests, "Service"))
    assert "proxy.example.com" == the(mode("reloader"), "ScrapeConfig")["spec"]["tlsConfig"]["serverName"]


def test_its_labels_are_those_of_a_monitor(newest_helm: Helm, mode: Callable[[str], list[Json]]) -> None:
    """`job` is what a monitor's would be, or what is asked for; `namespace`, which the operator gives monitors only, is the exporter's."""
    plain, asked = the(newest_helm.render(*ON), "ScrapeConfig")["spec"], the(mode("reloader"), "ScrapeConfig")["spec"]
    monitor = the(mode("sharded"), "ServiceMonitor")

    assert "app.kubernetes.io/name" == monitor["spec"]["jobLabel"]
    assert (NAME, "screenshotmax") == (plain["jobName"], asked["jobName"])
    own = {"targetLabel": "namespace", "replacement": NAMESPACE}
    assert [[own], [own, {"targetLabel": "cluster", "replacement": "one"}]] == [
        plain["relabelings"],
        asked["relabelings"],
    ]
