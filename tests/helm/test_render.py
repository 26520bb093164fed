"""What Helm makes of each CI values file: the agreed manifests, which Kubernetes and the operators take."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from typing import TYPE_CHECKING

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft7Validator

from charts import CHART, META, MODES, NAME, WORKLOADS, Helm, containers, of_kind, pods, the
from documents import ROOT, read
from pod_security import violations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from charts import Json

pytestmark = pytest.mark.real

GOLDEN = ROOT / "tests" / "data" / "helm"
SCHEMAS = ROOT / "tests" / "data" / "kubernetes"
OURS = {path.stem: Draft7Validator(json.loads(path.read_text())) for path in SCHEMAS.glob("*.json")}
VERSIONS = (
    META["kubeVersion"].removeprefix(">=").removesuffix(".0-0"),
    kubernetes_validate.latest_version().removesuffix(".0"),
)
SELECTED = {"app.kubernetes.io/name", "app.kubernetes.io/instance"}


def without_what_is_tested_elsewhere(manifests: list[Json]) -> list[Json]:
    """The rules and the dashboard are long, and files of their own."""
    for each in manifests:
        if each["kind"] == "PrometheusRule":
            each["spec"]["groups"] = [group["name"] for group in each["spec"]["groups"]]
        elif "screenshotmax.json" in each.get("data", ()):
            each["data"]["screenshotmax.json"] = "the dashboard"
    return manifests


@pytest.mark.parametrize("name", MODES)
def test_each_renders_as_was_agreed(mode: Callable[[str], list[Json]], tmp_path: Path, name: str) -> None:
    """Helm makes the manifests that a reviewer has seen."""
    golden = GOLDEN / f"{name}.yaml"
    found = without_what_is_tested_elsewhere(mode(name))
    (tmp_path / golden.name).write_text(yaml.safe_dump_all(found, width=120))
    agreed = [*yaml.safe_load_all(golden.read_text())] if golden.exists() else []

    assert agreed == found, f"where the new one is right: cp {tmp_path / golden.name} {golden}"


@pytest.mark.parametrize("name", MODES)
def test_the_older_helm_makes_the_same(oldest_helm: Helm, mode: Callable[[str], list[Json]], name: str) -> None:
    """To the last rule and panel, for a Kubernetes as new, so that what is shown of one version's is shown of the other's."""
    assert mode(name) == oldest_helm.render("--values", MODES[name], "--kube-version", f"{VERSIONS[1]}.0")


@pytest.mark.parametrize("name", MODES)
def test_each_is_lint_clean(helm: Helm, name: str) -> None:
    """`helm lint --strict` finds nothing to say."""
    done = helm.run("lint", "--strict", CHART, "--values", MODES[name])

    assert done.returncode == 0, done.stdout + done.stderr
    assert [] == re.findall(r"^\[.*", done.stdout + done.stderr, re.MULTILINE)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MODES)
def test_kubernetes_takes_each(mode: Callable[[str], list[Json]], name: str, version: str) -> None:
    """The oldest and the newest Kubernetes know every field; what others brought into it, by their own schemas."""
    for each in mode(name):
        if each["kind"] in OURS:
            assert [] == [f"{error.json_path}: {error.message}" for error in OURS[each["kind"]].iter_errors(each)]
        else:
            kubernetes_validate.validate(each, version, strict=True)


def test_a_field_that_nobody_knows_is_found(mode: Callable[[str], list[Json]]) -> None:
    """The two checks above do refuse: a misspelt field of a pod, one of a monitor."""
    deployment, monitor = the(mode("tls"), "Deployment"), the(mode("tls"), "ServiceMonitor")
    deployment["spec"]["template"]["spec"]["enableServiceLink"] = False
    monitor["spec"]["endpoints"][0]["schema"] = "https"

    with pytest.raises(kubernetes_validate.ValidationError, match="enableServiceLink"):
        kubernetes_validate.validate(deployment, VERSIONS[0], strict=True)
    assert not OURS["ServiceMonitor"].is_valid(monitor)


@pytest.mark.parametrize("name", MODES)
def test_every_pod_is_restricted(mode: Callable[[str], list[Json]], name: str) -> None:
    """Every pod passes the Pod Security Standard "restricted", has a read-only root, no token and no service links."""
    for pod in pods(mode(name)):
        spec = pod["spec"]
        assert [] == violations(spec)
        assert (False, False) == (spec["automountServiceAccountToken"], spec["enableServiceLinks"])
        for container in containers(pod):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("name", MODES)
def test_names_and_labels_are_told_once(mode: Callable[[str], list[Json]], name: str) -> None:
    """No two manifests are the same object, all bear the usual labels, and each is of the namespace that was asked for."""
    manifests = [each for each in mode(name) if "more" not in each["metadata"]["name"]]
    heads = [(each["kind"], each["metadata"]["namespace"], each["metadata"]["name"]) for each in manifests]

    assert len(set(heads)) == len(heads)
    assert {"watching", "monitoring"} >= {namespace for _, namespace, _ in heads}
    for each in manifests:
        if each["kind"] != "Pod":
            labels = each["metadata"]["labels"]
            assert ("Helm", META["appVersion"], f"{NAME}-{META['version']}") == tuple(
                labels[key] for key in ("app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart")
            )


@pytest.mark.parametrize("release", ["1234567", "1e3", "a" * 53])
@pytest.mark.parametrize("change", [(), ("--set", f"fullnameOverride={'b' * 70},persistence.enabled=true")])
def test_long_and_odd_names_stay_valid(newest_helm: Helm, release: str, change: tuple[str, ...]) -> None:
    """Names of any legal length stay below 64, and a release called by a number makes no number of a label."""
    for each in newest_helm.render("--values", MODES["guarded"], *change, release=release):
        assert len(each["metadata"]["name"]) < 64
        assert release == each["metadata"]["labels"]["app.kubernetes.io/instance"]
        assert all(len(label) < 64 for label in each["metadata"]["labels"].values())
        if each["kind"] not in OURS:
            kubernetes_validate.validate(each, VERSIONS[1], strict=True)


def selectors(manifests: list[Json]) -> dict[str, Json]:
    """What each object selects pods by."""
    found = {}
    for each in of_kind(manifests, *WORKLOADS, "PodDisruptionBudget", "ServiceMonitor"):
        found[each["kind"]] = each["spec"]["selector"]["matchLabels"]
    for each in of_kind(manifests, "NetworkPolicy"):
        found["NetworkPolicy"] = each["spec"]["podSelector"]["matchLabels"]
    for each in of_kind(manifests, "Service"):
        found["Service"] = each["spec"]["selector"]
    return found


@pytest.mark.parametrize("name", [name for name in MODES if name != "sidecar"])
def test_selectors_select_the_pods_and_no_others(mode: Callable[[str], list[Json]], name: str) -> None:
    """All selectors are the two labels that never change; the pods have them, the test's pod has not."""
    manifests = mode(name)
    found = selectors(manifests)
    pod = the(manifests, *WORKLOADS)["spec"]["template"]["metadata"]["labels"]
    of_the_test = [each["metadata"]["labels"] for each in of_kind(manifests, "Pod")]

    assert {*found} >= {"Service"}
    for selector in found.values():
        assert SELECTED == selector.keys()
        assert selector.items() <= pod.items()
        assert not [labels for labels in of_the_test if selector.items() <= labels.items()]


@pytest.mark.parametrize("name", [name for name in MODES if name != "sidecar"])
def test_an_upgrade_changes_no_selector(
    newest_helm: Helm, mode: Callable[[str], list[Json]], tmp_path: Path, name: str
) -> None:
    """A later version of chart and exporter, with other labels in the values, selects by what was selected before."""
    later = tmp_path / NAME
    shutil.copytree(CHART, later)
    text = (later / "Chart.yaml").read_text()
    (later / "Chart.yaml").write_text(text.replace("0.1.0", "9.8.7"))
    change = ("--set", "commonLabels.team=other,podLabels.tier=two,image.tag=9.8.7,podAnnotations.x=y")
    upgraded = newest_helm.render("--values", MODES[name], *change, chart=later)

    assert selectors(mode(name)) == selectors(upgraded)
    assert "9.8.7" == upgraded[0]["metadata"]["labels"]["app.kubernetes.io/version"]


def test_an_old_kubernetes_is_refused(helm: Helm) -> None:
    """`kubeVersion` is held to; what is rendered does not depend on the version."""
    words = ("--values", MODES["default"])
    oldest, newest = (helm.render(*words, "--kube-version", f"{version}.0") for version in VERSIONS)

    assert oldest == newest
    assert "incompatible with Kubernetes v1.24.0" in helm.refusal(*words, "--kube-version", "1.24.0")


def test_the_package_holds_what_is_needed(helm: Helm, mode: Callable[[str], list[Json]], tmp_path: Path) -> None:
    """`helm package` makes an archive that renders as the directory does, without what only the repository needs."""
    done = helm.run("package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    package = tmp_path / f"{NAME}-{META['version']}.tgz"
    with tarfile.open(package) as tar:
        names = {name.removeprefix(f"{NAME}/") for name in tar.getnames()}

    assert mode("monitoring") == helm.render("--values", MODES["monitoring"], chart=package)
    assert {"Chart.yaml", "values.schema.json", "README.md", "files/dashboard.json"} <= names
    assert not [name for name in names if name.startswith("ci/")]


def test_all_kinds_are_in_some_mode(mode: Callable[[str], list[Json]]) -> None:
    """The CI values files leave out nothing that the chart can make."""
    kinds = set(
        re.findall(
            r"^kind: (\w+)$",
            "".join(read(f"{path.relative_to(ROOT)}") for path in CHART.rglob("templates/**/*.yaml")),
            re.MULTILINE,
        )
    )

    assert len(kinds) > 12
    assert kinds <= {each["kind"] for name in MODES for each in mode(name)}
