"""The check of pods itself: it finds each thing that "restricted" forbids."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from pod_security import violations

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFINED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
GOOD = {
    "containers": [{"name": "one", "securityContext": CONFINED}],
    "volumes": [{"name": "config", "configMap": {}}, {"name": "keys", "secret": {}}],
}


def changed(tree: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a path such as `containers.0.name`; None takes away what is there."""
    whole = copy.deepcopy(dict(tree))
    found: Any = whole
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("."))
    for key in parents:
        found = found.setdefault(key, {}) if isinstance(found, dict) else found[key]
    if value is None:
        del found[last]
    else:
        found[last] = value
    return whole


ONE = "containers.0.securityContext"
FORBIDDEN = (
    ("hostNetwork", True, "hostNetwork"),
    ("hostPID", True, "hostPID"),
    ("hostIPC", True, "hostIPC"),
    ("volumes.0", {"name": "config", "hostPath": {"path": "/"}}, "volume config"),
    ("volumes.0", {"name": "config", "nfs": {}}, "volume config"),
    ("securityContext.sysctls", [{"name": "kernel.msgmax"}], "sysctl kernel.msgmax"),
    ("securityContext.runAsUser", 0, "runAsUser"),
    ("securityContext.seLinuxOptions", {"type": "spc_t"}, "seLinuxOptions"),
    ("securityContext.appArmorProfile", {"type": "Unconfined"}, "appArmorProfile"),
    (f"{ONE}.privileged", True, "one: privileged"),
    (f"{ONE}.allowPrivilegeEscalation", None, "one: allowPrivilegeEscalation"),
    (f"{ONE}.procMount", "Unmasked", "one: procMount"),
    (f"{ONE}.runAsNonRoot", None, "one: runAsNonRoot"),
    (f"{ONE}.runAsUser", 0, "one: runAsUser"),
    (f"{ONE}.seccompProfile", None, "one: seccompProfile"),
    (f"{ONE}.seccompProfile.type", "Unconfined", "one: seccompProfile"),
    (f"{ONE}.capabilities.drop", ["NET_RAW"], "one: capabilities"),
    (f"{ONE}.capabilities.add", ["SYS_ADMIN"], "one: capabilities"),
    ("containers.0.ports", [{"hostPort": 80}], "one: hostPort"),
    ("containers.0.livenessProbe", {"httpGet": {"host": "example.com"}}, "one: host of a probe"),
)


@pytest.mark.parametrize(("path", "value", "what"), FORBIDDEN)
def test_what_is_forbidden_is_found(path: str, value: Any, what: str) -> None:
    """Each forbidden thing is told with where it is, and nothing else is."""
    assert [what] == violations(changed(GOOD, path, value))


def test_init_containers_are_looked_at() -> None:
    """A container that runs before the others is held to the same."""
    assert ["first: privileged"] == violations(
        {**GOOD, "initContainers": [{"name": "first", "securityContext": {**CONFINED, "privileged": True}}]}
    )


def test_a_confined_pod_passes() -> None:
    """Where nothing is forbidden nothing is told; what a container leaves out may be the pod's."""
    of_the_pod = {"runAsNonRoot": True, "seccompProfile": {"type": "Localhost"}}
    of_its_own = {name: CONFINED[name] for name in ("allowPrivilegeEscalation", "capabilities")}

    assert [] == violations(GOOD)
    assert [] == violations(
        {"securityContext": of_the_pod, "containers": [{"name": "one", "securityContext": of_its_own}]}
    )
