"""The exporter in somebody else's pod: by the chart's template, and by the manifests to copy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import kubernetes_validate
import pytest
import yaml

from charts import CHART, META, MODES, NAME, Helm, containers, exporter, of_kind, the
from documents import ROOT, snippets
from exporter.config import parse
from pod_security import violations

if TYPE_CHECKING:
    from charts import Json

EXAMPLES = {name: ROOT / "examples" / "kubernetes" / f"sidecar-{name}.yaml" for name in ("native", "classic")}
SHOP = ROOT / "tests" / "data" / "helm" / "shop"
OLDEST = {"native": "1.29", "classic": "1.25"}
NEWEST = kubernetes_validate.latest_version()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A chart of somebody's, with ours among its dependencies."""
    shutil.copytree(SHOP, tmp_path / "shop")
    shutil.copytree(CHART, tmp_path / "shop" / "charts" / NAME)
    return tmp_path / "shop"


def example(name: str) -> list[Json]:
    return [*yaml.safe_load_all(EXAMPLES[name].read_text())]


def pod_of(manifests: list[Json]) -> Json:
    return the(manifests, "Deployment")["spec"]["template"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_is_what_kubernetes_takes(name: str) -> None:
    """The oldest Kubernetes that has what it needs, and the newest, know every field; the configuration is valid."""
    manifests = example(name)
    config = the(manifests, "ConfigMap")["data"]["config.yaml"]

    for version in (OLDEST[name], NEWEST):
        for each in manifests:
            if each["kind"] != "PodMonitor":
                kubernetes_validate.validate(each, version, strict=True)
    assert parse(config, name="config.yaml", directory=Path("/etc")).accounts


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_does_not_take_the_pod_along(name: str) -> None:
    """It has a patient liveness probe and no other; its Secret may be missing; and the pod keeps within "restricted"."""
    pod = pod_of(example(name))
    own = exporter(example(name))
    probes = {key for key in own if key.endswith("Probe")}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}

    assert {"livenessProbe"} == probes
    assert own["livenessProbe"]["periodSeconds"] * own["livenessProbe"]["failureThreshold"] >= 300
    assert volumes["screenshotmax-keys"]["secret"]["optional"] is True
    assert [] == violations(pod["spec"])
    assert own["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_pod_monitor_finds_the_example(name: str) -> None:
    """It selects the labels of the pod and names the exporter's port, which is not that of the pod's own program."""
    manifests = example(name)
    spec = the(manifests, "PodMonitor")["spec"]
    (port,) = exporter(manifests)["ports"]
    ports = [each["name"] for container in containers(pod_of(manifests)) for each in container["ports"]]

    assert spec["selector"]["matchLabels"].items() <= pod_of(manifests)["metadata"]["labels"].items()
    assert [port["name"]] == [endpoint["port"] for endpoint in spec["podMetricsEndpoints"]]
    assert len(set(ports)) == len(ports)


RESOURCES = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}


@pytest.mark.real
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_is_what_the_chart_makes(helm: Helm, shop: Path, name: str) -> None:
    """Container and volumes of the manifests to copy are those of the chart's template, but for the name of the ConfigMap."""
    own = {"sidecar": {"enabled": True, "native": name == "native"}, "resources": RESOURCES}
    rendered = helm.render("--set-json", f"{NAME}={json.dumps(own)}", chart=shop)
    volumes = pod_of(rendered)["spec"]["volumes"]
    volumes[0]["configMap"]["name"] = NAME

    assert exporter(example(name)) == exporter(rendered)
    assert pod_of(example(name))["spec"]["volumes"] == volumes


@pytest.mark.real
def test_the_chart_makes_what_goes_with_the_container(helm: Helm, shop: Path) -> None:
    """Beside the other chart's pod there are the configuration and the PodMonitor, and no pod, Service or account of ours."""
    manifests = helm.render(chart=shop)

    assert {"ConfigMap": NAME, "Deployment": "shop", "PodMonitor": NAME} == {
        each["kind"]: each["metadata"]["name"].removeprefix("smx-") for each in manifests
    }
    assert (
        exporter(manifests)["ports"][0]["name"]
        == the(manifests, "PodMonitor")["spec"]["podMetricsEndpoints"][0]["port"]
    )
    for each in of_kind(manifests, "ConfigMap", "Deployment"):
        kubernetes_validate.validate(each, OLDEST["native"], strict=True)


@pytest.mark.real
def test_the_other_chart_does_without(helm: Helm, shop: Path) -> None:
    """Where the condition of the dependency is false, the other chart's pod has neither our container nor our volumes."""
    (workload,) = helm.render(f"--set={NAME}.enabled=false", chart=shop)

    assert {"containers"} == {*workload["spec"]["template"]["spec"]}


@pytest.mark.real
def test_on_loopback_it_asks_itself(newest_helm: Helm, shop: Path) -> None:
    """On loopback a kubelet cannot ask it, so its probe runs inside, and it has no port that anybody could scrape."""
    words = ("--set", f"{NAME}.sidecar.loopback=true,{NAME}.podMonitor.enabled=false,{NAME}.podMonitor.selector=null")
    own = exporter(newest_helm.render(*words, chart=shop))

    assert "--web.listen-address=127.0.0.1:10142" in own["args"]
    assert ["screenshotmax-exporter", "healthcheck", "http://127.0.0.1:10142"] == own["livenessProbe"]["exec"][
        "command"
    ]
    assert "ports" not in own


@pytest.mark.real
def test_the_template_is_refused_where_the_chart_makes_pods_of_its_own(newest_helm: Helm, shop: Path) -> None:
    """Who forgets the switch would have two exporters; a mistake in our values is told as ever."""
    for words, sentence in (
        (
            ("sidecar.enabled=false",),
            "set sidecar.enabled of screenshotmax-exporter, or it makes pods of its own as well",
        ),
        (("nonsense=1",), "nonsense"),
    ):
        done = newest_helm.run(
            "template",
            "smx",
            shop,
            *(f"--set={NAME}.{word}" for word in words),
            f"--set={NAME}.podMonitor.enabled=false,{NAME}.podMonitor.selector=null",
        )
        assert done.returncode != 0
        assert sentence in done.stderr


@pytest.mark.real
def test_a_native_sidecar_needs_a_kubernetes_that_has_it(newest_helm: Helm, shop: Path) -> None:
    """Where the cluster would take it for a container that must end, the chart refuses; the classic form is made."""
    words = ("--kube-version", "1.28.15-gke.1")
    refused = newest_helm.run("template", "smx", shop, *words)

    assert "sidecar.native needs Kubernetes 1.29, and this is v1.28.15-gke.1: set it to false" in refused.stderr
    assert refused.returncode != 0
    assert "restartPolicy" not in exporter(newest_helm.render(*words, f"--set={NAME}.sidecar.native=false", chart=shop))
    assert "Always" == exporter(newest_helm.render("--kube-version", "1.29.0", chart=shop))["restartPolicy"]


@pytest.mark.real
@pytest.mark.parametrize("told", ["tlsConfig.serverName=shop.example.com", "tlsConfig.insecureSkipVerify=true"])
def test_a_pod_with_tls_is_scraped_as_the_values_say(newest_helm: Helm, told: str) -> None:
    """Prometheus asks the pod by its address, so what it makes of the certificate is said, and no Service's name is put in."""
    words = ("--values", MODES["sidecar"], "--set=webConfigExistingSecret.name=web,webConfigExistingSecret.tls=true")
    (endpoint,) = the(newest_helm.render(*words, f"--set=podMonitor.{told}"), "PodMonitor")["spec"][
        "podMetricsEndpoints"
    ]

    assert "https" == endpoint["scheme"]
    assert [told] == [
        f"tlsConfig.{key}={json.dumps(value)}".replace('"', "") for key, value in endpoint["tlsConfig"].items()
    ]


def test_the_documents_show_the_chart_that_is_tried() -> None:
    """docs/kubernetes.md shows the other chart's dependency, values and template as they are tried here."""
    shown = snippets("docs/kubernetes.md", "yaml")
    (template,) = [text for text in shown if ".Subcharts" in text]

    assert META["version"] == yaml.safe_load((SHOP / "Chart.yaml").read_text())["dependencies"][0]["version"]
    assert all(
        line in (SHOP / "templates" / "deployment.yaml").read_text() for line in template.splitlines() if "{{" in line
    )
    assert (SHOP / "values.yaml").read_text() in shown
