"""Values that contradict each other are refused when the chart is rendered, in one sentence; no secret is quoted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from charts import CHART, CLIENTS, DEFAULT, HASH, MODES, MOUNT, PAIR, TLS, USERS, Helm, file_of, of_kind
from exporter.cli import build_parser
from exporter.config import parse, parse_web

pytestmark = pytest.mark.real

CLAIM = "persistence.enabled=true,persistence.existingClaim=mine"
CERTIFIED = f"{CLIENTS}=RequireAndVerifyClientCert"
KEY = "config.accounts[0].name=a,config.accounts[0].access_key_file=/run/secrets/screenshotmax/a"
RULES = "prometheusRule.enabled=true,config.poll.interval=6h"
A_KEY = "config.accounts[0].name=a,config.accounts[0].access_key_env=A,extraEnv[0].name=A"
AT = "config.accounts[0]"
NOT_MOUNTED = "config.accounts of a: access_key_file is %s, and nothing is mounted there: the keys of existingSecret are below /run/secrets/screenshotmax"
RELATIVE = "config.accounts of a: access_key_file is no path from the root, and beside the configuration there is no key: give one such as /run/secrets/screenshotmax/main"
NO_HASH = "webConfig.basic_auth_users: that of someone is no bcrypt hash of a cost from 4 to 16, expected one such as htpasswd -nBC 10 makes"
LEFT = "is not among the flags that are left to give, such as --config.auto-reload-interval=1m"
EGRESS = "networkPolicy lets nothing out but names and port 443, and"
OPEN = "networkPolicy.enabled=true"
# Tried in tests/helm/test_sidecar.py.
OF_THE_SIDECAR = ("sidecar.native needs Kubernetes ", "set sidecar.enabled of screenshotmax-exporter, ")
IDLE = "sidecar.enabled=true,replicas=2,persistence.enabled=true,podAnnotations.a=b,service.labels.a=b"
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
    (f"{A_KEY},{AT}.tasks[0]=90071992547409931", "config.accounts of a: tasks[0] is a number so long that Helm rounds it: put the task id in quotes"),
    (f"{A_KEY},{AT}.exclude[0]=90071992547409931", "config.accounts of a: exclude[0] is a number so long that Helm rounds it: put the task id in quotes"),
    (f"{A_KEY},{AT}.overrides[0].id=90071992547409931", "config.accounts of a: overrides[0].id is a number so long that Helm rounds it: put the task id in quotes"),
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
    (f"podMonitor.enabled=true,{CERTIFIED}", "podMonitor.tlsConfig.cert is needed: the web configuration asks for client certificates, and Prometheus would be refused"),
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
    (f"configReloader.enabled=true,{CERTIFIED}", "configReloader would be refused, as it knows no password and has no client certificate: leave autoReload on, and the exporter watches its configuration itself"),
    ("configReloader.enabled=true,configReloader.containerPort=10142", "configReloader.containerPort and containerPort are both 10142: containers of a pod share its ports"),
    ("sidecar.enabled=true,podMonitor.enabled=true", "podMonitor.selector is needed with sidecar.enabled: the labels of the pods that you put the container into"),
    # The web configuration.
    ("webConfig.basic_auth_users.someone=very-secret", NO_HASH),
    (f"webConfig.basic_auth_users.someone={HASH.replace('$04$', '$17$')}", NO_HASH),
    (f"{MOUNT},{TLS}.cert_file=/run/certificate/tls.crt", "webConfig.tls_server_config: key_file or key is needed: TLS takes a certificate and its key"),
    (f"{TLS}.client_auth_type=RequireAndVerifyClientCert", "webConfig.tls_server_config: cert_file or cert is needed: TLS takes a certificate and its key"),
    (f"{CERTIFIED},{TLS}.client_ca_file=", "webConfig.tls_server_config: client_auth_type RequireAndVerifyClientCert needs client_ca_file or client_ca, the authority of the clients"),
    (f"{PAIR},{TLS}.client_ca=very-secret", "webConfig.tls_server_config: an authority of clients needs client_auth_type, such as RequireAndVerifyClientCert"),
    (f"{PAIR},{TLS}.key_file=/run/certificates/tls.key", "webConfig.tls_server_config.key_file leads to /run/certificates/tls.key, and nothing is mounted there: see extraSecretMounts"),
    (f"{PAIR},{TLS}.cert_file=tls.crt", "webConfig.tls_server_config.cert_file leads to /etc/screenshotmax-exporter-web/tls.crt, and nothing is mounted there: see extraSecretMounts"),
    ("webConfig.rate_limit.interval=1s", "webConfig.rate_limit.burst is needed beside an interval: with none every request is refused"),
    # The configuration.
    ("config.accounts[0].name=a", "config.accounts of a: found 0 access keys, expected exactly one of access_key, access_key_file, access_key_env"),
    (f"{KEY},{AT}.access_key=very-secret", "config.accounts of a: found 2 access keys, expected exactly one of access_key, access_key_file, access_key_env"),
    (f"{KEY},config.accounts[1].name=a", "config.accounts: a is the name of two, and a name is unique"),
    ("config.poll.interval=2s", "config: poll.interval is 2s, expected a duration between 5s and 24h"),
    (f"{KEY},{AT}.api.timeout=1m1s", "config.accounts of a: api.timeout is 1m1s, expected a duration between 1s and 1m"),
    (f"{KEY},{AT}.overrides[0].id=1,{AT}.overrides[0].early=25h", "config.accounts of a: overrides: missed_run.early is 25h, expected a duration between 0s and 1d"),
    ("config.poll.interval=10m,config.poll.stale_after=19m", "config.accounts of main: poll.stale_after is 19m with the interval 10m, expected at least twice the interval"),
    (f"{KEY},{AT}.poll.interval=1h,config.poll.stale_after=1h30m", "config.accounts of a: poll.stale_after is 1h30m with the interval 1h, expected at least twice the interval"),
    ("config.api.base_url=https://api.example.com/v1/", "config: api.base_url ends with /v1, expected the address without it, which is added"),
    ("config.api.base_url=http://127.example.com", "config.accounts of main: api.base_url is plain http, which would show the access key on the way: give https, or allow_http"),
    ("config.poll.fetch=each", "config.accounts of main: poll.fetch is each, and it watches all tasks: give list or auto, or a list of ids"),
    (f"{KEY},{AT}.tasks={{1}},{AT}.exclude={{2}}", "config.accounts of a: exclude is for tasks: all, and tasks is a list"),
    # Access keys.
    (f"{KEY},{AT}.access_key_file=/run/secrets/screenshot-max/a", NOT_MOUNTED % "/run/secrets/screenshot-max/a"),
    (f"{KEY},{AT}.access_key_file=/run/secrets/screenshotmax/../a", NOT_MOUNTED % "/run/secrets/screenshotmax/../a"),
    (f"{KEY},{AT}.access_key_file=/var/lib/screenshotmax-exporter/a", NOT_MOUNTED % "/var/lib/screenshotmax-exporter/a"),
    (f"{KEY},{AT}.access_key_file=very-secret,podAnnotations.a=b", RELATIVE),
    (f"{KEY},{AT}.access_key_file=/run/secrets/screenshotmax/b,existingSecret.name=,podAnnotations.a=b", "config.accounts of a: access_key_file is /run/secrets/screenshotmax/b, and nothing is mounted there: name the Secret that holds the access keys in existingSecret.name"),
    (f"{A_KEY},extraEnv[0].name=B", "config.accounts of a: access_key_env names a variable that the container is not given: add it to extraEnv, or its source to extraEnvFrom"),
    # The network, flags and images.
    (f"{OPEN},config.api.base_url=https://api.example.com:8443", f"config.accounts of main: {EGRESS} base_url is at port 8443: name that in networkPolicy.extraEgress"),
    (f"{OPEN},secretConfig=true,config.api.proxy_url=http://bob:very-secret@[::2]:3128", f"config.accounts of main: {EGRESS} proxy_url is at port 3128: name that in networkPolicy.extraEgress"),
    (f"{OPEN},config.api.proxy_url=http://proxy", f"config.accounts of main: {EGRESS} proxy_url is at port 80: name that in networkPolicy.extraEgress"),
    ("extraArgs[0]=--storage.pat=x", f"extraArgs: --storage.pat {LEFT}"),
    ("extraArgs[0]=--config.auto-reload-interval", f"extraArgs: --config.auto-reload-interval {LEFT}"),
    ("image.repository=registry.example.com/own/name", "image.repository is registry.example.com/own/name, behind the registry ghcr.io: registry.example.com goes into image.registry"),
    ("image.repository=registry:5000/name,global.imageRegistry=mirror", "image.repository is registry:5000/name, behind the registry mirror: registry:5000 goes into image.registry"),
    ("configReloader.enabled=true,configReloader.image.repository=own/name:v1", "configReloader.image.repository is own/name:v1: what is behind the name goes into configReloader.image.tag or configReloader.image.digest"),
    # Monitors.
    ("scrapeConfig.enabled=true,scrapeConfig.interval=30s,scrapeConfig.scrapeTimeout=31s", "scrapeConfig.scrapeTimeout is 31s, and Prometheus takes none above the interval, which is 30s"),
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
    f"{CERTIFIED},{TLS}.client_ca_file=/etc/ssl/certs/ca-certificates.crt,webConfig.basic_auth_users.2={HASH}",
    f"{PAIR},extraSecretMounts[0].mountPath=/etc/screenshotmax-exporter-web/tls,{TLS}.cert_file=tls/a,{TLS}.key_file=./tls/b",
    "webConfig.rate_limit.interval=0s,webConfig.tls_server_config.min_version=TLS13",
    "config.poll.interval=5s,config.poll.stale_after=10s,config.api.timeout=1m,config.missed_run.grace=0,config.missed_run.early=1d",
    "config.poll.interval=24h,config.poll.stale_after=31d,config.missed_run.grace=31d,config.missed_run.early=auto",
    "config.api.base_url=http://[::1]:8080/v1/x,networkPolicy.enabled=true",
    "config.api.base_url=http://api.example.com,config.api.allow_http=true",
    f"{OPEN},config.api.base_url=https://api.example.com:443/v2,config.api.proxy_url=https://proxy",
    f"{OPEN},config.api.proxy_url=http://proxy:3128,networkPolicy.extraEgress[0].ports[0].port=3128",
    f"{KEY},{AT}.access_key_file=/var/run/secrets/screenshotmax/a",
    f"{KEY},{AT}.access_key_file=/vault/secrets/a,podAnnotations.vault=inject",
    f"{KEY},{AT}.access_key_file=/var/lib/screenshotmax-exporter/a,{CLAIM},strategy.type=Recreate",
    f"{A_KEY},extraEnv[0].name=B,extraEnvFrom[0].secretRef.name=environment",
    "image.repository=ghcr.io/own/name,image.registry=mirror.example.com",
    "image.repository=localhost:5000/name,image.registry=",
    "serviceMonitor.enabled=true,serviceMonitor.interval=30s,serviceMonitor.scrapeTimeout=30s",
    "podMonitor.enabled=true,podMonitor.scrapeTimeout=30s",
    "serviceMonitor.honorLabels=false,serviceMonitor.sampleLimit=0",
)  # fmt: skip


@pytest.mark.parametrize("values", TAKEN)
def test_values_that_agree_are_taken(newest_helm: Helm, values: str) -> None:
    """What is mounted below or above the usual directory, rules that fit the intervals, what the exporter takes, and what has an effect."""
    manifests = newest_helm.render(*DEFAULT, "--set", values)

    assert of_kind(manifests, "Deployment")
    assert parse(file_of(manifests, "config.yaml"), name="config.yaml", directory=Path("/etc"))
    if "webConfig" in values:
        assert parse_web(file_of(manifests, "web.yaml"), name="web.yaml", directory=Path("/etc"))


def test_the_flags_that_are_left_are_told() -> None:
    """`extraArgs` takes the flags that no value sets and no others, which values.yaml tells in full."""
    text = (CHART / "templates" / "_checks.tpl").read_text().replace(r"\\", "\\")
    taken, given = re.findall(r'regexMatch "(\^--[^"]*)"', text)
    (told,) = re.findall(r"# -- Further flags of the exporter\. .*", (CHART / "values.yaml").read_text())
    flags = set(re.findall(r"--[a-z][a-z.-]+", build_parser().parse_args(["serve"]).parser.format_help()))
    left = {flag for flag in flags - {"--help", "--version"} if not re.match(taken, flag)}

    assert len(flags) > 10
    assert left == set(re.findall("`(--[^`]+)`", told))
    assert left == {flag for flag in flags if re.match(given, f"{flag}=1")}


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
    values.write_text(
        "config: {accounts: [{name: a, access_key_env: A, tasks: [90071992547409931]}]}\nextraEnv: [{name: A}]"
    )

    assert "tasks[0] is a number so long that Helm rounds it" in helm.refusal("--values", values)


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
