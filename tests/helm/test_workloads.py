"""How many pods there are, how they are replaced and what has them replaced; and a ledger never has two writers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from charts import DEFAULT, MODES, WORKLOADS, Helm, exporter, the

if TYPE_CHECKING:
    from collections.abc import Callable

    from charts import Json

pytestmark = pytest.mark.real


def writers(manifests: list[Json]) -> tuple[str, int, str, str]:
    """Of the workload: kind, number of pods, how they are replaced, and where the ledger lies."""
    workload = the(manifests, *WORKLOADS)
    spec = workload["spec"]
    kinds = [
        {*volume} - {"name"}
        for volume in spec["template"]["spec"]["volumes"]
        if volume["name"] == "screenshotmax-ledger"
    ]
    claims = [
        "claim of its own"
        for claim in spec.get("volumeClaimTemplates", ())
        if claim["metadata"]["name"] == "screenshotmax-ledger"
    ]
    (place,) = [kind for (kind,) in kinds] + claims
    strategy = spec["strategy" if workload["kind"] == "Deployment" else "updateStrategy"]
    return workload["kind"], spec["replicas"], strategy["type"], place


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("", ("Deployment", 1, "RollingUpdate", "emptyDir")),
        ("replicas=3", ("Deployment", 3, "RollingUpdate", "emptyDir")),
        ("persistence.enabled=true", ("StatefulSet", 1, "RollingUpdate", "claim of its own")),
        ("persistence.enabled=true,replicas=2", ("StatefulSet", 2, "RollingUpdate", "claim of its own")),
        ("persistence.enabled=true,updateStrategy.type=OnDelete", ("StatefulSet", 1, "OnDelete", "claim of its own")),
        (
            "persistence.enabled=true,persistence.existingClaim=mine",
            ("Deployment", 1, "Recreate", "persistentVolumeClaim"),
        ),
        (
            "persistence.enabled=true,persistence.existingClaim=mine,strategy.type=Recreate",
            ("Deployment", 1, "Recreate", "persistentVolumeClaim"),
        ),
        ("sharding.totalShards=3", ("StatefulSet", 3, "RollingUpdate", "emptyDir")),
        (
            "sharding.totalShards=3,persistence.enabled=true",
            ("StatefulSet", 3, "RollingUpdate", "claim of its own"),
        ),
    ],
)
def test_a_ledger_never_has_two_writers(newest_helm: Helm, values: str, expected: tuple[str, int, str, str]) -> None:
    """A volume that outlives its pod is the pod's own, or its one pod is replaced only after it has ended."""
    assert expected == writers(newest_helm.render(*DEFAULT, "--set", values))


KUBERNETES = {"maxSurge": "25%", "maxUnavailable": "25%"}
CLAIM = "persistence.enabled=true,persistence.existingClaim=mine"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("", {"type": "RollingUpdate", "rollingUpdate": KUBERNETES}),
        ("strategy.type=RollingUpdate", {"type": "RollingUpdate", "rollingUpdate": KUBERNETES}),
        (
            "strategy.rollingUpdate.maxSurge=0",
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "25%"}},
        ),
        ("strategy.type=Recreate", {"type": "Recreate"}),
        (CLAIM, {"type": "Recreate"}),
        (f"{CLAIM},strategy.type=Recreate", {"type": "Recreate"}),
    ],
)
def test_a_deployment_tells_its_strategy_in_full(newest_helm: Helm, values: str, expected: Json) -> None:
    """A server-side apply takes back what it gave alone, so `rollingUpdate` is given until the type is Recreate."""
    assert expected == the(newest_helm.render(*DEFAULT, "--set", values), "Deployment")["spec"]["strategy"]


@pytest.mark.parametrize(
    ("version", "values", "expected"),
    [
        ("1.34", "", {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
        ("1.35", "", {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 1}}),
        (
            "1.35",
            "updateStrategy.rollingUpdate.partition=2",
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 2, "maxUnavailable": 1}},
        ),
        (
            "1.34",
            "updateStrategy.rollingUpdate.maxUnavailable=3",
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 3}},
        ),
        ("1.35", "updateStrategy.type=OnDelete", {"type": "OnDelete"}),
    ],
)
def test_a_stateful_set_tells_its_strategy_in_full(
    newest_helm: Helm, version: str, values: str, expected: Json
) -> None:
    """It gives all that Kubernetes of that version would fill in, so that OnDelete can be reached by an upgrade."""
    words = (*DEFAULT, "--kube-version", version, "--set", "persistence.enabled=true", "--set", values)

    assert expected == the(newest_helm.render(*words), "StatefulSet")["spec"]["updateStrategy"]


def test_shards_know_their_pod(mode: Callable[[str], list[Json]], newest_helm: Helm) -> None:
    """With shards each pod learns its name, from which its ordinal comes; without, none is asked for."""
    sharded, plain = exporter(mode("sharded")), exporter(mode("persistent"))

    assert ["--shard=auto", "--total-shards=4"] == [word for word in sharded["args"] if "shard" in word]
    assert [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}] == sharded["env"]
    assert not [word for word in plain["args"] if "shard" in word]
    assert "env" not in plain
    assert (
        plain["args"]
        == exporter(newest_helm.render("--values", MODES["persistent"], "--set", "sharding.totalShards=1"))["args"]
    )


def annotations(manifests: list[Json]) -> Json:
    return the(manifests, *WORKLOADS)["spec"]["template"]["metadata"].get("annotations", {})


def test_a_change_of_the_configuration_is_reloaded_or_rolls(newest_helm: Helm) -> None:
    """With auto-reload a change of the configuration leaves the pods as they are; without it they are replaced."""
    change = ("--set", "config.poll.interval=2m")
    for words, rolls in ((DEFAULT, False), ((*DEFAULT, "--set", "autoReload=false"), True)):
        before, after = newest_helm.render(*words), newest_helm.render(*words, *change)
        assert rolls == (annotations(before) != annotations(after))
        assert rolls == ("--config.enable-auto-reload" not in exporter(before)["args"])
        assert the(before, "ConfigMap") != the(after, "ConfigMap")


@pytest.mark.parametrize(
    ("change", "rolls"),
    [
        ("webConfig.rate_limit.burst=21", True),
        ("webConfig.basic_auth_users.other=$2b$04$......................abcdefghijklmnopqrstuvwxyz01234", False),
        ("webConfig.tls_server_config.min_version=TLS13", False),
    ],
)
def test_what_of_the_web_configuration_waits_for_a_restart_rolls(
    newest_helm: Helm, mode: Callable[[str], list[Json]], change: str, rolls: bool
) -> None:
    """A new rate limit replaces the pods, since it waits for a start; users and the rest of TLS do not."""
    changed = newest_helm.render("--values", MODES["guarded"], "--set", change)

    assert rolls == (annotations(mode("guarded")) != annotations(changed))
