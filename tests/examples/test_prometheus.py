"""The scrape configurations to copy: Prometheus takes them, and its own relabelling leads to the right targets."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from documents import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXAMPLE = ROOT / "examples" / "prometheus.yml"
JOBS: dict[str, dict[str, Any]] = {
    job["job_name"]: job for job in yaml.safe_load(EXAMPLE.read_text())["scrape_configs"]
}
ANNOTATION = "__meta_kubernetes_pod_annotation_prometheus_io"


def test_every_job_is_alerted_on() -> None:
    """The alert on a missing exporter looks for one job name, which each of them ends up with."""
    renamed = {
        name: [rule.get("replacement") for rule in job.get("relabel_configs", ()) if rule.get("target_label") == "job"]
        for name, job in JOBS.items()
    }

    assert {"screenshotmax"} == {(new or [name])[-1] for name, new in renamed.items()}


@pytest.mark.real
@pytest.mark.parametrize("name", ["promtool", "promtool3"])
def test_prometheus_takes_them(component: Callable[[str], Path], name: str) -> None:
    """Syntax and values are right for both versions; the files that it names are the reader's to put there."""
    words = [component(name), "check", "config", "--syntax-only", EXAMPLE]
    told = subprocess.run(words, capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stdout + told.stderr


def pod(name: str, *, ip: str = "10.0.0.7", **annotations: str) -> dict[str, str]:
    """What Prometheus knows of a pod with these annotations."""
    known = {"__address__": f"{ip}:8080", "__meta_kubernetes_pod_ip": ip, "__meta_kubernetes_namespace": "web"}
    told = {f"{ANNOTATION}_{key}": value for key, value in annotations.items()}
    return known | {"__meta_kubernetes_pod_name": name} | told


PODS = (
    (pod("plain", scrape="true", port="10142"), "http://10.0.0.7:10142/metrics"),
    (pod("moved", scrape="true", port="10142", path="/smx/metrics"), "http://10.0.0.7:10142/smx/metrics"),
    (pod("tls", scrape="true", port="10142", scheme="https"), "https://10.0.0.7:10142/metrics"),
    (pod("six", ip="fd00::7", scrape="true", port="10142"), "http://[fd00::7]:10142/metrics"),
    (pod("no-port", scrape="true"), "http://10.0.0.7:8080/metrics"),
    (pod("odd-scheme", scrape="true", port="10142", scheme="gopher"), "http://10.0.0.7:10142/metrics"),
    (pod("silent", port="10142"), None),
    (pod("off", scrape="false", port="10142"), None),
)


@pytest.mark.real
def test_pods_are_found_by_their_annotations(component: Callable[[str], Path], tmp_path: Path) -> None:
    """Prometheus's own relabelling makes of each pod the address to scrape, or none, and keeps where it runs."""
    job = {key: value for key, value in JOBS["screenshotmax-pods"].items() if key != "kubernetes_sd_configs"}
    # What Kubernetes would tell is told by a file, since the labels are all that relabelling sees.
    told = [{"targets": [found.pop("__address__")], "labels": found} for found, _ in PODS]
    (tmp_path / "pods.json").write_text(json.dumps(told))
    job["file_sd_configs"] = [{"files": [str(tmp_path / "pods.json")]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    words = ["check", "service-discovery", "--timeout=3s", tmp_path / "prometheus.yml", job["job_name"]]
    done = subprocess.run([component("promtool"), *words], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    kept = [target["labels"] for target in json.loads(done.stdout) if target.get("labels")]
    assert {found["__meta_kubernetes_pod_name"]: address for found, address in PODS if address} == {
        each["pod"]: f"{each['__scheme__']}://{each['__address__']}{each['__metrics_path__']}" for each in kept
    }
    assert {("screenshotmax", "web")} == {(each["job"], each["namespace"]) for each in kept}
