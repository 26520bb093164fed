"""Values that are wrong are refused when the chart is rendered, in words that say where and what; no secret is quoted."""

from __future__ import annotations

import re
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from charts import CHART, MODES, Helm, file_of, of_kind
from exporter.cli import build_parser
from exporter.config import ConfigError, parse
from exporter.model import Shard
from exporter.poller.share import share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

pytestmark = pytest.mark.real

Row = tuple[str, str, str]
DEFAULT = ("--values", MODES["default"])
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


CLAIM = "persistence.enabled=true,persistence.existingClaim=mine"
USERS = "webConfig.basic_auth_users.someone=x"
CLIENTS = "webConfig.tls_server_config.client_auth_type=RequireAndVerifyClientCert"
KEY = "config.accounts[0].name=a,config.accounts[0].access_key_file=/run/secrets/screenshotmax/a"
RULES = "prometheusRule.enabled=true,config.poll.interval=6h"
LONG = "config.accounts[0].name=a,config.accounts[0].access_key_env=A,config.accounts[0]"
# Tried in tests/helm/test_sidecar.py.
OF_THE_SIDECAR = ("sidecar.native needs Kubernetes ", "set sidecar.enabled of screenshotmax-exporter, ")
IDLE = "sidecar.enabled=true,replicas=2,persistence.enabled=true,podAnnotations.a=b,service.labels.a=b"
THREE_IDS = "config.accounts[0].name=a,config.accounts[0].access_key_env=A,config.accounts[0].tasks={1,2,3}"
# Values, and the sentence.
PROXY = "config: the user of a proxy_url would be readable in a ConfigMap: set secretConfig, which keeps the configuration in a Secret"
CONTRADICTIONS = (
    ("existingSecret.name=", "config.accounts of main: access_key_file is /run/secrets/screenshotmax/main, and nothing is mounted there: name the Secret that holds the access keys in existingSecret.name"),
    (f"{KEY},existingSecret.name=,existingSecret.items[0].key=b,existingSecret.items[0].path=a", "config.accounts of a: access_key_file is /run/secrets/screenshotmax/a, and nothing is mounted there: name the Secret that holds the access keys in existingSecret.name"),
    (f"{KEY},existingSecret.items[0].key=b,existingSecret.items[0].path=b", "config.accounts of a: access_key_file is /run/secrets/screenshotmax/a, and existingSecret.items makes no such file: give one of them that path"),
    (f"{KEY},existingSecret.name=,extraVolumeMounts[0].name=x,extraVolumeMounts[0].mountPath=/run/secrets/screen", "config.accounts of a: access_key_file is /run/secrets/screenshotmax/a, and nothing is mounted there: name the Secret that holds the access keys in existingSecret.name"),
    ("config.accounts[0].name=a,config.accounts[0].access_key=very-secret", "config.accounts of a: access_key would be readable in a ConfigMap: put it into a Secret and name that in existingSecret.name, or set secretConfig"),
    ("config.api.proxy_url=http://bob:very-secret@proxy:3128", PROXY),
    ("config.accounts[0].name=a,config.accounts[0].api.proxy_url=http://bob:very-secret@proxy:3128,config.accounts[0].access_key_env=KEY", PROXY),
    (f"{LONG}.tasks[0]=90071992547409931", "config.accounts of a: Helm rounds numbers as long as the task id 90071992547409931: put it in quotes"),
    (f"{LONG}.exclude[0]=90071992547409931", "config.accounts of a: Helm rounds numbers as long as the task id 90071992547409931: put it in quotes"),
    (f"{LONG}.overrides[0].id=90071992547409931", "config.accounts of a: Helm rounds numbers as long as the task id 90071992547409931: put it in quotes"),
    (f"{USERS},webConfigExistingSecret.name=x", "webConfig and webConfigExistingSecret.name exclude each other: give the web configuration once"),
    ("sharding.totalShards=3,replicas=2", "sharding.totalShards is 3 and makes as many pods, so replicas must be 1: for two pods of each shard install the chart twice"),
    ("config=null", "config.accounts is needed, the accounts to watch; or configExistingSecretName, the Secret that holds the whole configuration"),
    ("sharding.totalShards=31", "config.accounts of main: requests_per_minute is 60 for 31 shards, and each needs 2: raise it to 62, or lower sharding.totalShards"),
    ("sharding.totalShards=20,config.poll.interval=15s", "config.accounts of main: requests_per_minute is 60 for 20 shards, so each may send 0 every 15s, expected at least 1: raise it, or poll less often"),
    ("podDisruptionBudget.minAvailable=0,podDisruptionBudget.maxUnavailable=1", "podDisruptionBudget: minAvailable and maxUnavailable exclude each other: give one of them"),
    ("podSecurityContext.runAsUser=0", "runAsUser is 0, and runAsNonRoot lets no such container start: give the number of a user other than root"),
    ("securityContext.runAsUser=0,podSecurityContext.runAsNonRoot=false", "runAsUser is 0, and runAsNonRoot lets no such container start: give the number of a user other than root"),
    ("service.nodePort=30142", "service.nodePort needs service.type NodePort or LoadBalancer: a ClusterIP has no port on the nodes"),
    ("ingress.enabled=true", "ingress.hosts is needed with ingress.enabled: an Ingress of no host leads nowhere"),
    ("route.enabled=true", "route.parentRefs is needed with route.enabled: an HTTPRoute of no gateway leads nowhere"),
    ("persistence.existingClaim=mine", "persistence.existingClaim is given: set persistence.enabled too"),
    (f"{CLAIM},replicas=2", "persistence.existingClaim is for one pod, as a ledger has one writer: leave it out, and each pod gets a claim of its own"),
    (f"{CLAIM},sharding.totalShards=2", "persistence.existingClaim is for one pod, as a ledger has one writer: leave it out, and each pod gets a claim of its own"),
    ("sharding.totalShards=3,replicas=0", "sharding.totalShards is 3 and makes as many pods, so replicas must be 1: for two pods of each shard install the chart twice"),
    ("strategy.type=Recreate,strategy.rollingUpdate.maxSurge=1", "strategy.rollingUpdate is for the type RollingUpdate, and Kubernetes refuses it with Recreate: leave it out"),
    ("strategy.rollingUpdate.maxSurge=0,strategy.rollingUpdate.maxUnavailable=0%", "strategy.rollingUpdate: maxSurge and maxUnavailable are both 0, so no pod could be replaced: raise one of them"),
    ("persistence.enabled=true,strategy.type=Recreate", "strategy is of a Deployment, and persistence or sharding makes a StatefulSet: give updateStrategy"),
    ("updateStrategy.type=OnDelete", "updateStrategy is of a StatefulSet, and these values make a Deployment: give strategy"),
    ("sharding.totalShards=2,updateStrategy.type=OnDelete,updateStrategy.rollingUpdate.partition=1", "updateStrategy.rollingUpdate is for the type RollingUpdate, and Kubernetes refuses it with OnDelete: leave it out"),
    ("persistence.size=2Gi,persistence.retentionPolicy.whenScaled=Delete", "persistence.retentionPolicy, persistence.size: of claims that the chart makes, with persistence.enabled and without persistence.existingClaim, and it makes none here"),
    (f"{CLAIM},persistence.storageClassName=fast", "persistence.storageClassName: of claims that the chart makes, with persistence.enabled and without persistence.existingClaim, and it makes none here"),
    ("persistence.enabled=true,emptyDir.sizeLimit=1Mi", "emptyDir is what the ledger is on without persistence.enabled: leave one of them out"),
    ("webConfigExistingSecret.clientCertificates=true", "webConfigExistingSecret.clientCertificates tells what is in a Secret of your own: name that in webConfigExistingSecret.name"),
    ("sidecar.loopback=true", "sidecar.loopback is for sidecar.enabled: nobody would reach pods of their own on loopback"),
    ("sidecar.enabled=true,podMonitor.enabled=true,podMonitor.selector.matchLabels.a=b,webConfigExistingSecret.name=x,webConfigExistingSecret.tls=true", "podMonitor.tlsConfig.serverName is needed with sidecar.enabled and TLS: Prometheus asks the pod by its address, for which the certificate is hardly made"),
    (f"{CLAIM},strategy.type=RollingUpdate", "strategy must be Recreate with persistence.existingClaim, as a ledger has one writer"),
    ("extraArgs[0]=--web.listen-address=:80", "extraArgs: --web.listen-address is set by a value of its own, which probes and monitors follow: see web, log, sharding, persistence, autoReload and containerPort"),
    ("extraArgs[0]=--no-config.enable-auto-reload", "extraArgs: --no-config.enable-auto-reload is set by a value of its own, which probes and monitors follow: see web, log, sharding, persistence, autoReload and containerPort"),
    ("serviceMonitor.enabled=true,podMonitor.enabled=true", "serviceMonitor and podMonitor exclude each other: with both Prometheus would scrape everything twice"),
    ("podMonitor.enabled=true,scrapeConfig.enabled=true", "podMonitor and scrapeConfig exclude each other: with both Prometheus would scrape everything twice"),
    (f"scrapeConfig.enabled=true,{USERS}", "scrapeConfig.basicAuth is needed: the web configuration has users, and Prometheus would be refused"),
    (f"serviceMonitor.enabled=true,{USERS}", "serviceMonitor.basicAuth is needed: the web configuration has users, and Prometheus would be refused"),
    ("serviceMonitor.enabled=true,webConfigExistingSecret.name=x,webConfigExistingSecret.basicAuth=true", "serviceMonitor.basicAuth is needed: the web configuration has users, and Prometheus would be refused"),
    ("podMonitor.enabled=true,webConfigExistingSecret.name=x,webConfigExistingSecret.clientCertificates=true", "podMonitor.tlsConfig.cert is needed: the web configuration asks for client certificates, and Prometheus would be refused"),
    (f"podMonitor.enabled=true,{CLIENTS}", "podMonitor.tlsConfig.cert is needed: the web configuration asks for client certificates, and Prometheus would be refused"),
    ("prometheusRule.enabled=true,prometheusRule.disabled[0]=Nonsense", "prometheusRule: there is no alert Nonsense, expected one of ScreenshotMAXTaskMissed, "),
    ("prometheusRule.enabled=true,prometheusRule.overrides.Other.for=1m", "prometheusRule: there is no alert Other, expected one of ScreenshotMAXTaskMissed, "),
    (RULES, "config.accounts of main: it is polled every 6h, and prometheusRule.thresholds.pollFailureWindow is 3h: give at least three times the interval, or ScreenshotMAXPollFailing is not to be relied on"),
    (f"{RULES},prometheusRule.thresholds.pollFailureWindow=17h59m,prometheusRule.thresholds.snapshotStaleHours=18", "config.accounts of main: it is polled every 6h, and prometheusRule.thresholds.pollFailureWindow is 17h59m: give at least three times the interval, or ScreenshotMAXPollFailing is not to be relied on"),
    (f"{RULES},prometheusRule.thresholds.pollFailureWindow=18h,prometheusRule.thresholds.snapshotStaleHours=17.5", "config.accounts of main: it is polled every 6h, and prometheusRule.thresholds.snapshotStaleHours is 17.5: give at least three times the interval, or ScreenshotMAXSnapshotStale is not to be relied on"),
    (f"{RULES},prometheusRule.disabled[0]=ScreenshotMAXPollFailing", "config.accounts of main: it is polled every 6h, and prometheusRule.thresholds.pollFailureWindow is 3h: give at least three times the interval, or ScreenshotMAXUpstreamDenied is not to be relied on"),
    ("prometheusRule.enabled=true,scrapeConfig.enabled=true,scrapeConfig.interval=5m", "scrapeConfig.interval is 5m, and the rules look back 5 minutes: scrape every minute, or leave prometheusRule out"),
    (IDLE, "sidecar.enabled makes no pods and no Service, and these values would do nothing: replicas, persistence, podAnnotations, service.labels"),
    ("sidecar.enabled=true,autoReload=false", "sidecar.enabled needs autoReload: this chart cannot roll the pods of another one when the configuration changes"),
    ("sidecar.enabled=true,sharding.totalShards=2", "sidecar.enabled and sharding.totalShards exclude each other"),
    ("sidecar.enabled=true,serviceMonitor.enabled=true", "sidecar.enabled makes no Service for a ServiceMonitor: use podMonitor"),
    ("sidecar.enabled=true,scrapeConfig.enabled=true", "sidecar.enabled makes no Service for a ScrapeConfig: use podMonitor"),
    ("sidecar.enabled=true,configReloader.enabled=true", "sidecar.enabled and configReloader.enabled exclude each other: leave autoReload on, and the exporter watches its configuration itself"),
    (f"configReloader.enabled=true,{USERS}", "configReloader would be refused, as it knows no password and has no client certificate: leave autoReload on, and the exporter watches its configuration itself"),
    (f"configReloader.enabled=true,{CLIENTS}", "configReloader would be refused, as it knows no password and has no client certificate: leave autoReload on, and the exporter watches its configuration itself"),
    ("configReloader.enabled=true,configReloader.containerPort=10142", "configReloader.containerPort and containerPort are both 10142: containers of a pod share its ports"),
    ("sidecar.enabled=true,podMonitor.enabled=true", "podMonitor.selector is needed with sidecar.enabled: the labels of the pods that you put the container into"),
    ("sidecar.enabled=true,sidecar.loopback=true,podMonitor.enabled=true,podMonitor.selector.matchLabels.a=b", "sidecar.loopback and podMonitor exclude each other: Prometheus does not reach loopback"),
)  # fmt: skip


def tell(helm: Helm, values: str, sentence: str) -> bool:
    """Whether the values are refused by that sentence, to its end, without the secret."""
    told = helm.refusal(*DEFAULT, "--set", values)
    return (sentence if sentence.endswith(", ") else f"{sentence}\n") in told and "very-secret" not in told


@pytest.mark.parametrize(("values", "sentence"), CONTRADICTIONS)
def test_values_that_contradict_each_other_are_refused(newest_helm: Helm, values: str, sentence: str) -> None:
    """What would fail later, or work otherwise than it looks, is told in one sentence."""
    assert tell(newest_helm, values, sentence)


@pytest.mark.parametrize(
    ("values", "sentence"), [row for row in CONTRADICTIONS if re.search(r"null|\d{9}|very-secret", row[0])]
)
def test_the_older_helm_refuses_what_it_might_read_otherwise(oldest_helm: Helm, values: str, sentence: str) -> None:
    """The sentences are the templates'; Helm's own are null, long numbers and what it says beside a sentence."""
    assert tell(oldest_helm, values, sentence)


DENIED = "prometheusRule.disabled={ScreenshotMAXUpstreamDenied,ScreenshotMAXSnapshotStale}"
# Values that are just within what is refused above.
TAKEN = (
    f"{KEY},existingSecret.items[0].key=b,existingSecret.items[0].path=a",
    f"{KEY},existingSecret.name=,extraVolumeMounts[0].name=x,extraVolumeMounts[0].mountPath=/run/secrets/screenshotmax/a",
    f"{KEY},existingSecret.name=,extraVolumeMounts[0].name=x,extraVolumeMounts[0].mountPath=/run/secrets/",
    f"{KEY},existingSecret.name=,extraSecretMounts[0].name=x,extraSecretMounts[0].secretName=y,extraSecretMounts[0].mountPath=/run/secrets/screenshotmax",
    f"{KEY},extraVolumeMounts[0].name=x",
    f"{RULES},prometheusRule.thresholds.pollFailureWindow=18h,prometheusRule.thresholds.snapshotStaleHours=18",
    f"{RULES},prometheusRule.overrides.ScreenshotMAXPollFailing.expr=up,{DENIED}",
    "prometheusRule.enabled=true,config.poll.interval=1h,serviceMonitor.enabled=true,serviceMonitor.interval=4m59s",
    "config.poll.interval=6h,serviceMonitor.enabled=true,serviceMonitor.interval=5m",
    "strategy.type=Recreate",
    "strategy.rollingUpdate.maxSurge=0,strategy.rollingUpdate.maxUnavailable=1",
    f"{CLAIM},strategy.type=Recreate,persistence.size=1Gi",
    "emptyDir.medium=Memory,persistence.accessModes[0]=ReadWriteOnce",
)  # fmt: skip


@pytest.mark.parametrize("values", TAKEN)
def test_values_that_agree_are_taken(newest_helm: Helm, values: str) -> None:
    """What is mounted below or above the usual directory, rules that fit the intervals, and what has an effect are not refused."""
    assert of_kind(newest_helm.render(*DEFAULT, "--set", values), "Deployment")


def test_the_flags_that_are_left_are_told() -> None:
    """`extraArgs` takes what no value sets, which values.yaml tells in full."""
    (taken,) = re.findall(r'regexMatch "(\^--[^"]*)"', (CHART / "templates" / "_checks.tpl").read_text())
    (told,) = re.findall(r"# -- Further flags of the exporter\. .*", (CHART / "values.yaml").read_text())
    flags = set(re.findall(r"--[a-z][a-z.-]+", build_parser().parse_args(["serve"]).parser.format_help()))
    left = {flag for flag in flags - {"--help", "--version"} if not re.match(taken.replace(r"\\", "\\"), flag)}

    assert len(flags) > 10
    assert left == set(re.findall("`(--[^`]+)`", told))


EACH = f"{THREE_IDS},config.poll.fetch=each"
# Shards, values, and whether the budget is refused: just beyond each edge, and at it.
BUDGETS = (
    (31, "", True),
    (30, "", False),
    (4, "config.api.requests_per_minute=7", True),
    (4, "config.accounts[0].name=a,config.accounts[0].access_key_env=A,config.accounts[0].api.requests_per_minute=7", True),
    (20, "config.poll.interval=19s999ms", True),
    (20, "config.poll.interval=20s", False),
    (30, f"{EACH},config.poll.interval=29s", True),
    (30, f"{THREE_IDS},config.poll.interval=30s", False),
    (2, f"{EACH},config.api.requests_per_minute=4,config.poll.interval=59s", True),
    (2, f"{THREE_IDS},config.api.requests_per_minute=4,config.poll.interval=1m", False),
    (30, f"{THREE_IDS},config.poll.fetch=list,config.poll.interval=29s", True),
    (4, f"{THREE_IDS.replace('3}', '3,4,5,6,7,8,9}')},config.api.requests_per_minute=10", True),
    (4, f"{THREE_IDS.replace('3}', '3,4,5,6,7,8,9,10}')},config.api.requests_per_minute=10", False),
)  # fmt: skip


@pytest.mark.parametrize(("shards", "values", "refused"), BUDGETS)
def test_the_chart_refuses_a_budget_that_the_pods_refuse(
    newest_helm: Helm, shards: int, values: str, refused: bool
) -> None:
    """What is too little for so many shards is told before a pod has to, and nothing that the pods would take is refused."""
    words = ("template", "smx", CHART, *DEFAULT, "--set", values)
    done = newest_helm.run(*words, f"--set=sharding.totalShards={shards}")
    config = parse(file_of(newest_helm.render(*words[3:]), "config.yaml"), name="config.yaml", directory=Path("/etc"))

    assert (refused, refused) == ("requests_per_minute is" in done.stderr, done.returncode != 0)
    with pytest.raises(ConfigError, match="requests_per_minute") if refused else nullcontext():
        share(config, Shard(0, shards))


def test_with_a_secret_of_ones_own_no_configuration_is_needed(newest_helm: Helm) -> None:
    """Where the configuration is in a Secret that the chart cannot see, nothing is asked of it, shards or not."""
    words = ("--set", "config=null,configExistingSecretName=mine,sharding.totalShards=100")

    assert [] == of_kind(newest_helm.render(*words), "ConfigMap")


# What a sidecar takes no notice of.
IDLE_ALL = (
    "replicas", "revisionHistoryLimit", "terminationGracePeriodSeconds", "persistence", "ingress", "route", "networkPolicy",
    "imagePullSecrets", "strategy", "updateStrategy", "podAnnotations", "podLabels", "priorityClassName", "nodeSelector",
    "tolerations", "affinity", "topologySpreadConstraints", "hostAliases", "dnsPolicy", "dnsConfig", "extraInitContainers",
    "extraContainers", "readinessProbe", "startupProbe", "podDisruptionBudget", "service.annotations", "service.ipFamilies",
    "service.ipFamilyPolicy", "service.labels", "service.nodePort", "service.port", "service.type",
    "serviceAccount.annotations", "serviceAccount.name",
)  # fmt: skip


def test_all_that_a_sidecar_ignores_is_told_at_once(newest_helm: Helm) -> None:
    """Whoever moves from pods of the chart to a sidecar reads in one sentence which values to take away."""
    modes = [word for name in ("full", "secret", "persistent", "replicas") for word in ("--values", MODES[name])]
    further = "updateStrategy.type=OnDelete,topologySpreadConstraints[0].maxSkew=1"
    told = newest_helm.refusal(
        *modes, "--set", f"sidecar.enabled=true,autoReload=true,podMonitor.enabled=false,{further}"
    )

    assert ", ".join(IDLE_ALL) == told.partition("these values would do nothing: ")[2].partition("\n")[0]


def test_a_long_id_in_a_file_is_refused(helm: Helm, tmp_path: Path) -> None:
    """In a values file Helm has rounded the number already when the chart sees it."""
    values = tmp_path / "values.yaml"
    values.write_text("config: {accounts: [{name: a, access_key_env: A, tasks: [90071992547409931]}]}")

    assert "as long as the task id 90071992547409936: put it in quotes" in helm.refusal("--values", values)


def test_every_sentence_is_tried() -> None:
    """The templates have no refusal that is not among the cases above, but for those of the sidecar."""
    text = "".join(path.read_text() for path in (CHART / "templates").rglob("_*.tpl"))
    told = re.findall(r'fail (?:\(printf )?"([^"]*)"', text)
    sentences = [sentence for _, sentence in CONTRADICTIONS]
    untried = [
        each for each in told if not any(re.match(re.sub("%[sdv]", ".*", re.escape(each)), told) for told in sentences)
    ]

    assert len(told) > 15
    assert [True, True] == [each.startswith(OF_THE_SIDECAR) for each in untried]


@pytest.mark.parametrize(
    "values",
    [
        "config.accounts[0].name=a,config.accounts[0].access_key=very secret key",
        "config.accounts[0].name=a,config.accounts[0].access_key.x=very-secret",
        "config.accounts[0].name=a,config.accounts[0].acces_key=very-secret",
        "config.api.proxy_url=very-secret",
        "webConfig.basic_auth_users.a[0]=very-secret",
    ],
)
def test_a_refusal_quotes_no_secret(helm: Helm, values: str) -> None:
    """Where a secret is misspelt, misplaced or malformed, it is not shown, whoever refuses it."""
    done = helm.run("template", "smx", CHART, *DEFAULT, "--set", values)

    assert "very" not in done.stderr
    assert done.returncode != 0 or "proxy_url" in values


def test_a_chart_above_may_say_what_it_says_to_all(helm: Helm) -> None:
    """As part of another chart it takes that chart's globals and the switch of its condition."""
    assert helm.render(*DEFAULT, "--set", "enabled=true,global.anything.at=all,global.imageRegistry=x")
