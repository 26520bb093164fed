"""Values of a wrong shape are refused by the chart's schema, which says where and what."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from charts import DEFAULT, Helm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

pytestmark = pytest.mark.real

Row = tuple[str, str, str]
# Values, and the place and the word that both versions of Helm tell of them, each in its own form.
SHAPES = (
    ("existingSecret.nam=x", "existingSecret", "nam"),
    ("replica=2", "", "replica"),
    ("replicas=two", "replicas", "integer"),
    ("replicas=-1", "replicas", "0"),
    ("image.pullPolicy=Sometimes", "image.pullPolicy", "IfNotPresent"),
    ("image.digest=sha256:abc", "image.digest", "pattern"),
    ("image.tag=1", "image.tag", "string"),
    ("containerPort=80", "containerPort", "024"),
    ("sharding.totalShards=0", "sharding.totalShards", "1"),
    ("persistence.accessModes[0]=ReadOnlyMany", "persistence.accessModes.0", "ReadWriteOnce"),
    ("persistence.retentionPolicy.whenGone=Delete", "persistence.retentionPolicy", "whenGone"),
    ("log.level=loud", "log.level", "debug"),
    ("web.telemetryPath=metrics", "web.telemetryPath", "pattern"),
    ("webConfig.basic_auth_user.x=y", "webConfig", "basic_auth_user"),
    ("webConfig.tls_server_config.cert_fil=x", "webConfig.tls_server_config", "cert_fil"),
    (
        "webConfig.tls_server_config.client_auth_type=RequireAndVerify",
        "webConfig.tls_server_config.client_auth_type",
        "NoClientCert",
    ),
    ("webConfig.tls_server_config.min_version=1.2", "webConfig.tls_server_config.min_version", "TLS12"),
    ("webConfig.rate_limit.interval=soon", "webConfig.rate_limit.interval", "pattern"),
    (
        "webConfig.http_server_config.headers.X-Frame-Options=allow",
        "webConfig.http_server_config.headers.X-Frame-Options",
        "pattern",
    ),
    ("webConfig.rate_limit.burst=many", "webConfig.rate_limit.burst", "integer"),
    ("webConfig.rate_limit.bursts=1", "webConfig.rate_limit", "bursts"),
    (
        "webConfig.http_server_config.headers.X-Frame-Option=deny",
        "webConfig.http_server_config.headers",
        "X-Frame-Option",
    ),
    ("livenessProbe.enabled=false", "livenessProbe", "enabled"),
    ("readinessProbe.httpGet.pth=/", "readinessProbe.httpGet", "pth"),
    ("strategy.typ=Recreate", "strategy", "typ"),
    ("securityContext.readOnlyRootFileSystem=true", "securityContext", "readOnlyRootFileSystem"),
    ("revisionHistoryLimit=null", "", "revisionHistoryLimit"),
    ("route=null", "", "route"),
    ("persistence.size=null", "persistence", "size"),
    ("configReloader.watchInterval=0s", "configReloader.watchInterval", "pattern"),
    ("configReloader.image.tag=", "configReloader.image.tag", "1"),
    ("serviceMonitor.interval=soon", "serviceMonitor.interval", "pattern"),
    ("podMonitor.tlsconfig.ca=x", "podMonitor", "tlsconfig"),
    ("prometheusRule.overrides.A.severity=critical", "prometheusRule.overrides.A", "severity"),
    ("prometheusRule.thresholds.manyTaskMissed=7", "prometheusRule.thresholds", "manyTaskMissed"),
    ("prometheusRule.thresholds.manyTasksMissed=0", "prometheusRule.thresholds.manyTasksMissed", "1"),
    ("prometheusRule.thresholds.runsOnTimeObjective=1", "prometheusRule.thresholds.runsOnTimeObjective", "1"),
    ("prometheusRule.thresholds.runsOnTimeObjective=1.5", "prometheusRule.thresholds.runsOnTimeObjective", "pattern"),
    ("prometheusRule.thresholds.snapshotStaleHours=0", "prometheusRule.thresholds.snapshotStaleHours", "0"),
    ("prometheusRule.thresholds.pollFailureWindow=soon", "prometheusRule.thresholds.pollFailureWindow", "pattern"),
    ("networkPolicy.enabled=yes", "networkPolicy.enabled", "boolean"),
    ("extraArgs[0]=web.enable-lifecycle", "extraArgs.0", "pattern"),
    ("extraSecretMounts[0].name=x,extraSecretMounts[0].secretName=y", "extraSecretMounts.0", "mountPath"),
    ("config.pol.interval=1m", "config", "pol"),
    ("config.poll.intervall=1m", "config.poll", "intervall"),
    ("config.accounts[0].name=a,config.accounts[0].acces_key_file=b", "config.accounts.0", "acces_key_file"),
    ("config.api.requests_per_minute=1", "config.api.requests_per_minute", "2"),
)


def together(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in turns of which all can be wrong at once: no two have the same value above them, or one place to be told of."""
    left = list(rows)
    while left:
        turn: dict[str, Row] = {}
        for row in left:
            about = (row[0].partition("=")[0].partition(".")[0].partition("[")[0], f"at {row[1]}")
            if not turn.keys() & about:
                turn |= dict.fromkeys(about, row)
        left = [row for row in left if row not in turn.values()]
        yield list(dict.fromkeys(turn.values()))


TURNS = {row: ",".join(each for each, *_ in turn) for turn in together(SHAPES) for row in turn}


@pytest.fixture(scope="module")
def told(helm: Helm) -> Callable[[str], str]:
    """What Helm says of the values of a turn, all in one run, since starting is most of its work."""
    return cache(lambda values: helm.refusal(*DEFAULT, "--set", values))


@pytest.mark.parametrize("row", SHAPES, ids=lambda row: row[0])
def test_a_value_of_the_wrong_shape_is_refused(told: Callable[[str], str], row: Row) -> None:
    """The schema names the place and what was found or expected there; the exporter's own configuration is held to its own."""
    _, place, word = row
    places = (f"- {place or '(root)'}: ", f"- at '{'/' if place else ''}{place.replace('.', '/')}': ")
    lines = [line.strip() for line in told(TURNS[row]).splitlines()]
    (line,) = [line for line in lines if line.startswith(places) and not line.endswith(": validation failed")]

    assert word in line
