"""The Pod Security Standard "restricted", with "baseline" beneath it, as Kubernetes writes it down.

https://kubernetes.io/docs/concepts/security/pod-security-standards/, as of Kubernetes 1.34. Windows is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from charts import Json

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
PROFILES = {"RuntimeDefault", "Localhost"}
SELINUX = {None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
# fmt: off
SYSCTLS = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
}
# fmt: on


def violations(spec: Json) -> list[str]:
    """What a pod does that "restricted" forbids, each as where it does it."""
    found = [*_of_the_pod(spec)]
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(kind, ()):
            found += [f"{container['name']}: {what}" for what in _of_a_container(container, spec)]
    return found


def _of_the_pod(spec: Json) -> Iterator[str]:
    yield from (name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name))
    for volume in spec.get("volumes", ()):
        if not VOLUMES >= volume.keys() - {"name"} or len(volume) == 1:
            yield f"volume {volume['name']}"
    own = spec.get("securityContext", {})
    yield from (f"sysctl {each['name']}" for each in own.get("sysctls", ()) if each["name"] not in SYSCTLS)
    if own.get("runAsUser") == 0:
        yield "runAsUser"
    yield from _of_either(own)


def _of_either(context: Json) -> Iterator[str]:
    """What neither a pod nor a container may ask for."""
    linux = context.get("seLinuxOptions", {})
    if linux.get("type") not in SELINUX or linux.get("user") or linux.get("role"):
        yield "seLinuxOptions"
    if context.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in PROFILES:
        yield "appArmorProfile"


def _of_a_container(container: Json, spec: Json) -> Iterator[str]:
    own, pod = container.get("securityContext", {}), spec.get("securityContext", {})
    inherited: dict[str, Any] = pod | own
    yield from _of_either(own)
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if own.get("procMount", "Default") != "Default":
        yield "procMount"
    if inherited.get("runAsNonRoot") is not True:
        yield "runAsNonRoot"
    if own.get("runAsUser") == 0:
        yield "runAsUser"
    if inherited.get("seccompProfile", {}).get("type") not in PROFILES:
        yield "seccompProfile"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", ()) or not {"NET_BIND_SERVICE"} >= set(capabilities.get("add", ())):
        yield "capabilities"
    if any(port.get("hostPort") for port in container.get("ports", ())):
        yield "hostPort"
    handlers = [container.get(probe, {}) for probe in PROBES] + [*container.get("lifecycle", {}).values()]
    if any(handler.get(kind, {}).get("host") for handler in handlers for kind in ("httpGet", "tcpSocket")):
        yield "host of a probe"
