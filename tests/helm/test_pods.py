"""What the pods are given is what the exporter takes: flags, files, mounts, an image."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest
import yaml

from charts import DEFAULT, MODES, WORKLOADS, Helm, containers, exporter, file_of, of_kind, ours, pods, the
from exporter.cli import build_parser
from exporter.config import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from charts import Json

pytestmark = pytest.mark.real

CONFIG = "/etc/screenshotmax-exporter"
LEDGER = "/var/lib/screenshotmax-exporter"
POD_MODES = [name for name in MODES if name != "sidecar"]


def mounted(container: Json, path: str) -> Json:
    """The mount that a path lies under."""
    (found,) = [mount for mount in container["volumeMounts"] if PurePosixPath(path).is_relative_to(mount["mountPath"])]
    return found


@pytest.mark.parametrize("name", POD_MODES)
def test_the_flags_are_the_exporters(mode: Callable[[str], list[Json]], name: str) -> None:
    """The exporter takes its arguments, and each file among them is in a volume; only the ledger's may be written to."""
    container = exporter(mode(name))
    options = build_parser().parse_args(["serve", *container["args"]])
    files = [options.config_file, *([options.web_config_file] if options.web_config_file else [])]
    (port,) = container["ports"]

    assert [f":{port['containerPort']}"] == options.listen_addresses
    assert Path(CONFIG, "config.yaml") == options.config_file
    assert [True] * len(files) == [mounted(container, str(path))["readOnly"] for path in files]
    assert "readOnly" not in mounted(container, str(options.storage_path))


@pytest.mark.parametrize("name", [name for name in MODES if name != "external"])
def test_the_configuration_is_valid(mode: Callable[[str], list[Json]], name: str) -> None:
    """The exporter takes the configuration, and every key file that it names lies in a Secret's volume."""
    manifests = mode(name)
    config = parse(file_of(manifests, "config.yaml"), name="config.yaml", directory=Path(CONFIG))
    files = [str(account.access_key_file) for account in config.accounts if account.access_key_file]

    for pod in pods(manifests):
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        for container in ours(pod):
            assert all("secret" in volumes[mounted(container, path)["name"]] for path in files)


@pytest.mark.parametrize("name", POD_MODES)
def test_files_are_mounted_as_directories(mode: Callable[[str], list[Json]], name: str) -> None:
    """No mount has a subPath, which would keep it from ever changing; each has its volume, and no directory has two."""
    manifests = mode(name)
    for pod in pods(manifests):
        claims = (
            the(manifests, *WORKLOADS)["spec"].get("volumeClaimTemplates", ())
            if "restartPolicy" not in pod["spec"]
            else ()
        )
        names = [volume["name"] for volume in pod["spec"]["volumes"]] + [claim["metadata"]["name"] for claim in claims]
        assert len(set(names)) == len(names)
        for container in ours(pod):
            mounts = container["volumeMounts"]
            assert not [mount for mount in mounts if mount.keys() & {"subPath", "subPathExpr"}]
            assert {mount["name"] for mount in mounts} <= set(names)
            assert len({mount["mountPath"] for mount in mounts}) == len(mounts)


@pytest.mark.parametrize("name", POD_MODES)
def test_secrets_are_files(mode: Callable[[str], list[Json]], name: str) -> None:
    """No variable of the environment comes from a Secret unless a value of ours said so, and only the owner and the group may read one."""
    given = yaml.safe_load(MODES[name].read_text())
    for pod in pods(mode(name)):
        for container in ours(pod):
            own = [each["name"] for each in container.get("env", ())]
            assert {each["name"] for each in given.get("extraEnv", ())} | {"POD_NAME"} >= set(own)
            assert container.get("envFrom", []) in ([], given.get("extraEnvFrom"))
        modes = [volume["secret"]["defaultMode"] for volume in pod["spec"]["volumes"] if "secret" in volume]
        assert {0o440} >= set(modes)


def images(manifests: list[Json]) -> Iterator[str]:
    yield from (container["image"] for pod in pods(manifests) for container in containers(pod))


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ("", "ghcr.io/screenshotmax-exporter/screenshotmax-exporter:0.1.0"),
        ("image.tag=v9", "ghcr.io/screenshotmax-exporter/screenshotmax-exporter:v9"),
        (
            f"image.tag=v9,image.digest=sha256:{'a' * 64}",
            f"ghcr.io/screenshotmax-exporter/screenshotmax-exporter@sha256:{'a' * 64}",
        ),
        ("image.registry=,image.repository=own/name", "own/name:0.1.0"),
        (
            "image.registry=one.example.com,global.imageRegistry=two.example.com:5000,image.repository=n",
            "two.example.com:5000/n:0.1.0",
        ),
    ],
)
def test_the_image_is_found(newest_helm: Helm, values: str, image: str) -> None:
    """Registry, repository, tag and digest make the name; the test's pod has the same image."""
    assert {image} == set(images(newest_helm.render(*DEFAULT, "--set", values)))


def test_a_cluster_that_gives_users_itself_can_be_served(helm: Helm) -> None:
    """On OpenShift the numeric ids are taken away by null, and everything else stays."""
    gone = ("runAsUser", "runAsGroup", "fsGroup")
    found = helm.render(*DEFAULT, "--set", ",".join(f"podSecurityContext.{name}=null" for name in gone))

    assert [{"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}] * 2 == [
        pod["spec"]["securityContext"] for pod in pods(found)
    ]


def test_ids_of_tasks_stay_what_they_are(mode: Callable[[str], list[Json]]) -> None:
    """Ids come through Helm exactly, in quotes or without."""
    config = parse(file_of(mode("secret"), "config.yaml"), name="config.yaml", directory=Path(CONFIG))

    assert {"5650820808835072", "5678133109850112"} == {str(task) for task in config.accounts[0].tasks}


def test_the_network_policy_is_about_the_port_of_the_pod(mode: Callable[[str], list[Json]]) -> None:
    """Who may come in comes to the container's port by its name; the test's pod may; out go names, HTTPS and what was asked for."""
    manifests = mode("full")
    spec = the(manifests, "NetworkPolicy")["spec"]
    (rule,) = spec["ingress"]
    of_the_test = the(manifests, "Pod")["metadata"]["labels"]

    assert [exporter(manifests)["ports"][0]["name"]] == [port["port"] for port in rule["ports"]]
    assert {"podSelector": {"matchLabels": of_the_test}} in rule["from"]
    assert {53, 443, 3128} == {port["port"] for each in spec["egress"] for port in each["ports"]}


def test_the_test_asks_through_the_service(mode: Callable[[str], list[Json]]) -> None:
    """`helm test` checks the configuration with its keys, then asks at the Service's name and port for readiness and for a metric that every pod has."""
    for name in set(POD_MODES) - {"external"}:
        manifests = mode(name)
        checked, asked = ours(the(manifests, "Pod"))
        (service,) = of_kind(manifests, "Service")
        check, options = (build_parser().parse_args(each["args"]) for each in (checked, asked))
        daemon = build_parser().parse_args(["serve", *exporter(manifests)["args"]])

        assert (True, Path(CONFIG, "config.yaml")) == (check.with_keys, check.config_file)
        assert (True, daemon.telemetry_path) == (options.ready, options.telemetry_path)
        assert options.metric == (
            "screenshotmax_up" if daemon.total_shards == 1 else "screenshotmax_exporter_shard_ordinal"
        )
        assert f"//{service['metadata']['name']}:{service['spec']['ports'][0]['port']}" in options.url


@pytest.mark.parametrize("name", POD_MODES)
def test_the_account_is_the_one_that_was_made(mode: Callable[[str], list[Json]], name: str) -> None:
    """Pods run as the service account of the chart, which mounts no token either, or as `default` where none is made."""
    manifests = mode(name)
    made = of_kind(manifests, "ServiceAccount")

    assert [False] * len(made) == [each["automountServiceAccountToken"] for each in made]
    expected = {each["metadata"]["name"] for each in made} or {"default"}
    assert expected == {pod["spec"]["serviceAccountName"] for pod in pods(manifests)}
