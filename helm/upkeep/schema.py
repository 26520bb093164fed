"""The schema of the chart's values, draft-07: `config` is the exporter's own, the rest is of the defaults and a table.

Helm reads patterns as Go does: no lookaround, and no repetition beyond 1000. Helm 4 quotes what does not match a
pattern, so what may hold a secret has none.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from exporter.config import ClientAuth, json_schema, web_file_leaves
from exporter.config.web_file import FILE, Section, Several, Users

if TYPE_CHECKING:
    from collections.abc import Iterable

    from helm.upkeep.values import Value

_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_FREE = {"type": "object"}
_ANY: dict[str, Any] = {}
# `--set` makes a text of a number with decimals.
_SHARE = {
    "type": ["number", "string"],
    "exclusiveMinimum": 0,
    "exclusiveMaximum": 1,
    "pattern": r"^0?\.[0-9]*[1-9][0-9]*$",
}
_POSITIVE = {
    "type": ["number", "string"],
    "exclusiveMinimum": 0,
    "pattern": r"^([0-9]*[1-9][0-9]*(\.[0-9]+)?|0?\.[0-9]*[1-9][0-9]*)$",
}
_PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
_CONTAINER_PORT = {"type": "integer", "minimum": 1024, "maximum": 65535}
_DIGEST = {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}
_DURATION = {"type": "string", "pattern": "^([0-9]+(ms|[smhdwy]))*$"}
_SECRET_KEYS = {"access_key", "proxy_url"}


def _only(*required: str, **properties: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return found | ({"required": list(required)} if required else {})


def _list_of(*items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items[0] if len(items) == 1 else {"anyOf": list(items)}}


def _one_of(*values: Any) -> dict[str, Any]:
    return {"enum": list(values)}


def _keys(*names: str, **properties: dict[str, Any]) -> dict[str, Any]:
    """A map of known keys whose values Kubernetes checks itself; a misspelt one would do nothing, or fail late."""
    return _only(**dict.fromkeys(names, _ANY), **properties)


def _known(kind: object) -> dict[str, Any]:
    """A part of the web configuration file, as the exporter reads it; it checks most of the values itself."""
    if isinstance(kind, Section):
        return _only(**{key: _known(below) for key, below in kind.keys.items()})
    if isinstance(kind, Several):
        return _list_of(_known(kind.leaf))
    if isinstance(kind, web_file_leaves.Named):
        return _one_of(*kind.table)
    if isinstance(kind, web_file_leaves.Header) and kind.values:
        return {"type": "string", "pattern": rf"^\s*({'|'.join(kind.values)})?\s*$"}
    return _TEXTS if isinstance(kind, Users) else _OF_THE_WEB.get(kind, _ANY)


_TEXT = {"type": "string"}
_NAME = {"type": "string", "minLength": 1}
_FLAG = {"type": "boolean"}
_OF_THE_WEB: dict[object, dict[str, Any]] = {
    web_file_leaves.read_path: _TEXT,
    web_file_leaves.read_pem: _TEXT,
    web_file_leaves.read_client_auth: _one_of("", *ClientAuth),
    web_file_leaves.read_boolean: _FLAG,
    web_file_leaves.read_interval: {
        "type": ["string", "integer"],
        "minimum": 0,
        "pattern": "^\\+?(0|([0-9.]+(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$",  # both signs of micro
    },
    web_file_leaves.read_san: _NAME,
    web_file_leaves.read_burst: {"type": "integer", "minimum": 0, "maximum": web_file_leaves.MOST_BURST},
}
_PULL_POLICY = _one_of("Always", "IfNotPresent", "Never")
_RESOURCES = _only(requests=_FREE, limits=_FREE, claims={"type": "array"})
_ITEMS = _list_of(_only("key", "path", key=_NAME, path=_NAME, mode={"type": "integer"}))
_MOUNT: dict[str, dict[str, Any]] = {
    "name": _NAME,
    "mountPath": {"type": "string", "pattern": "^/"},
    "items": _ITEMS,
    "optional": _FLAG,
}
_PROBE = _keys(
    *("exec", "grpc", "tcpSocket", "initialDelaySeconds", "periodSeconds", "timeoutSeconds"),
    *("successThreshold", "failureThreshold", "terminationGracePeriodSeconds"),
    httpGet=_keys("host", "httpHeaders", "path", "port", "protocol", "scheme"),
)
_CONFINED = _keys(
    *("allowPrivilegeEscalation", "appArmorProfile", "capabilities", "privileged", "procMount"),
    *("readOnlyRootFilesystem", "runAsGroup", "runAsNonRoot", "runAsUser"),
    *("seLinuxOptions", "seccompProfile", "windowsOptions"),
)
_POD_CONFINED = _keys(
    *("appArmorProfile", "fsGroup", "fsGroupChangePolicy", "runAsGroup", "runAsNonRoot", "runAsUser"),
    *("seLinuxChangePolicy", "seLinuxOptions", "seccompProfile"),
    *("supplementalGroups", "supplementalGroupsPolicy", "sysctls", "windowsOptions"),
)
_MONITORS = ("serviceMonitor", "podMonitor", "scrapeConfig")
_MONITOR = {"interval": _DURATION, "scrapeTimeout": _DURATION, "scheme": _one_of("", "http", "https")}
_RULE: dict[str, dict[str, Any]] = {
    "expr": _NAME,
    "for": _NAME,
    "keep_firing_for": _NAME,
    "labels": _TEXTS,
    "annotations": _TEXTS,
}

# What a default does not tell. What Kubernetes and the operators check themselves is passed on as it is.
_TOLD: dict[str, dict[str, Any]] = {
    "config": {"$ref": "#/definitions/Config"},
    "existingSecret.items": _ITEMS,
    "global.imagePullSecrets": _list_of(_NAME, _only("name", name=_NAME)),
    "imagePullSecrets": _list_of(_NAME, _only("name", name=_NAME)),
    "image.digest": _DIGEST,
    "image.pullPolicy": _PULL_POLICY,
    "configReloader.image.tag": _NAME,
    "configReloader.image.digest": _DIGEST,
    "configReloader.image.pullPolicy": _PULL_POLICY,
    "configReloader.watchInterval": {"type": "string", "pattern": "^([1-9][0-9]*(ms|[smh]))+$"},
    "configReloader.containerPort": _CONTAINER_PORT,
    "configReloader.resources": _RESOURCES,
    "configReloader.securityContext": _CONFINED,
    "sharding.totalShards": {"type": "integer", "minimum": 1},
    "persistence.accessModes": {
        **_list_of(_one_of("ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany")),
        "minItems": 1,
    },
    "persistence.retentionPolicy": _only(
        whenDeleted=_one_of("Retain", "Delete"), whenScaled=_one_of("Retain", "Delete")
    ),
    "emptyDir": _only(medium=_one_of("", "Memory"), sizeLimit=_NAME),
    "resources": _RESOURCES,
    "podSecurityContext": _POD_CONFINED,
    "securityContext": _CONFINED,
    "strategy": _only(type=_one_of("RollingUpdate", "Recreate"), rollingUpdate=_keys("maxSurge", "maxUnavailable")),
    "updateStrategy": _only(
        type=_one_of("RollingUpdate", "OnDelete"), rollingUpdate=_keys("partition", "maxUnavailable")
    ),
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "startupProbe": _PROBE,
    "dnsPolicy": _one_of("", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "extraArgs": _list_of({"type": "string", "pattern": "^--"}),
    "extraEnv": _list_of(_FREE),
    "extraVolumeMounts": _list_of(_FREE),
    "extraSecretMounts": _list_of(_only("name", "secretName", "mountPath", secretName=_NAME, **_MOUNT)),
    "extraConfigmapMounts": _list_of(_only("name", "configMap", "mountPath", configMap=_NAME, **_MOUNT)),
    "containerPort": _CONTAINER_PORT,
    "web.externalUrl": {"type": "string", "pattern": "^(https?://.+)?$"},
    "web.routePrefix": {"type": "string", "pattern": "^(/.*)?$"},
    "web.telemetryPath": {"type": "string", "pattern": "^/."},
    "webConfig": _known(FILE),
    "log.level": _one_of("debug", "info", "warn", "error"),
    "log.format": _one_of("logfmt", "json"),
    "service.type": _one_of("ClusterIP", "NodePort", "LoadBalancer"),
    "service.port": _PORT,
    "service.nodePort": {**_PORT, "type": ["integer", "null"]},
    "service.ipFamilyPolicy": _one_of("", "SingleStack", "PreferDualStack", "RequireDualStack"),
    "service.ipFamilies": _list_of(_one_of("IPv4", "IPv6")),
    "ingress.hosts": _list_of(_NAME),
    "route.hostnames": _list_of(_NAME),
    "networkPolicy.from": _list_of(_FREE),
    "podDisruptionBudget": _only(
        minAvailable={"type": ["integer", "string"]},
        maxUnavailable={"type": ["integer", "string"]},
        unhealthyPodEvictionPolicy=_one_of("IfHealthyBudget", "AlwaysAllow"),
    ),
    **{f"{kind}.{key}": told for kind in _MONITORS for key, told in _MONITOR.items()},
    "scrapeConfig.targets": _list_of(_NAME),
    "prometheusRule.thresholds.manyTasksMissed": {"type": "integer", "minimum": 1},
    "prometheusRule.thresholds.runsOnTimeObjective": _SHARE,
    "prometheusRule.thresholds.pollFailureWindow": {"type": "string", "pattern": "^([1-9][0-9]*(ms|[smhdwy]))+$"},
    "prometheusRule.thresholds.snapshotStaleHours": _POSITIVE,
    "prometheusRule.thresholds.clockSkewSeconds": _POSITIVE,
    "prometheusRule.disabled": _list_of(_NAME),
    "prometheusRule.overrides": {"type": "object", "additionalProperties": _only(**_RULE)},
    "grafanaDashboard.instanceSelector": _FREE,
    "extraManifests": _list_of(_TEXT, _FREE),
}
# Whose absence the templates take: globals are of a chart above, and null is the way back to a threshold's default.
_MAY_BE_MISSING = re.compile(r"global|prometheusRule\.thresholds(\..*)?")
_MAPS_OF_TEXTS = re.compile(r".*(labels|annotations)|nodeSelector", re.IGNORECASE)


def render_schema(values: Iterable[Value]) -> str:
    """The whole of values.schema.json."""
    found: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}}
    for value in values:
        parent = found
        for key in value.path[:-1]:
            parent = parent["properties"][key]
        parent["properties"][value.path[-1]] = _shape(value)
        if _is_needed(value):
            parent.setdefault("required", []).append(value.path[-1])
    # What a chart above this one may give: whatever its other charts share, and the switch that its condition asks for.
    found["properties"]["global"]["additionalProperties"] = True
    found["properties"]["enabled"] = {"type": "boolean", "description": "For the condition of a chart above this one."}
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of screenshotmax-exporter"}
    return json.dumps(head | found | {"definitions": _config_definitions()}, indent=2) + "\n"


def _shape(value: Value) -> dict[str, Any]:
    name = ".".join(value.path)
    if not value.text:
        return {"type": "object", "additionalProperties": False, "properties": {}}
    shape = _TOLD.get(name) or (_TEXTS if _MAPS_OF_TEXTS.fullmatch(value.path[-1]) and value.default == {} else None)
    shape = shape or {"type": _type_of(value.default)} | ({"minimum": 0} if type(value.default) is int else {})
    return shape if "$ref" in shape else {"description": value.text, **shape}


def _is_needed(value: Value) -> bool:
    """Helm drops a key without a value before it looks here; then a text, list or map is empty, as one would expect.

    A section, a flag or a number is missing, and so is what has to say something. `--reuse-values` lacks what is new.
    """
    if _MAY_BE_MISSING.fullmatch(".".join(value.path)):
        return False
    says_something = bool(value.default) and not isinstance(value.default, dict)
    return not value.text or isinstance(value.default, int) or says_something


def _type_of(default: Any) -> str:
    names = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
    return names[type(default)]


def _config_definitions() -> dict[str, Any]:
    """The exporter's own schema of its configuration, as draft-07 and Go have it."""
    whole = json_schema()
    definitions = whole.pop("$defs") | {"Config": {key: whole[key] for key in whole if key != "$schema"}}
    for definition in definitions.values():
        for name in _SECRET_KEYS & definition["properties"].keys():
            definition["properties"][name] = {"type": ["string", "null"] if name == "proxy_url" else "string"}
    text = json.dumps(definitions).replace("#/$defs/", "#/definitions/")
    found: dict[str, Any] = json.loads(re.sub(r"\{(\d+),\d{4,}\}", r"{\1,}", text))
    return found
