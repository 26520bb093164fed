"""What docs/kubernetes.md offers to paste, and what Helm prints after an installation, is true of the chart."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
import yaml

from charts import CHART, MODES, NAME, PAIR, USERS, WORKLOADS, Helm, exporter, of_kind, the
from documents import read, rows, section, snippets
from processes import EXPORTER

if TYPE_CHECKING:
    from pathlib import Path

    from charts import Json

pytestmark = pytest.mark.real

VALUES = [
    text
    for text in snippets("docs/kubernetes.md", "yaml")
    if not re.search(r"\{\{|dependencies:|^screenshotmax|^kind:", text, re.MULTILINE)
]


@pytest.mark.parametrize("text", VALUES)
def test_the_values_to_paste_are_taken(helm: Helm, tmp_path: Path, text: str) -> None:
    """Each snippet of values renders beside the Secret that all of them need."""
    (tmp_path / "values.yaml").write_text(text)

    assert len(VALUES) > 2
    assert exporter(helm.render("--values", MODES["default"], "--values", tmp_path / "values.yaml"))


def test_the_command_to_install_is_taken(newest_helm: Helm) -> None:
    """The chart is where the documents say, and is rendered with their values."""
    for document in ("docs/kubernetes.md", f"helm/{NAME}/README.md"):
        (command,) = re.findall(r"^helm install (.*)$", read(document), re.MULTILINE)
        release, chart, *words = shlex.split(command)
        assert f"helm/{NAME}" == chart
        assert exporter(newest_helm.render(*words, release=release))


LEDGERS = [row for row in rows(section("docs/kubernetes.md", "The ledger")) if row[0].isdigit()]
WAYS = [row for row in rows(section("docs/kubernetes.md", "The ledger")) if " and " in row[0]]
FLAGS = {
    "none": "replicas=1",
    "`persistence.enabled`": "persistence.enabled=true",
    "`persistence.existingClaim` too": "persistence.enabled=true,persistence.existingClaim=mine",
    "`sharding.totalShards` above 1": "sharding.totalShards=2",
    "the same and `persistence.enabled`": "sharding.totalShards=2,persistence.enabled=true",
}
# What Kubernetes lets one change in the spec of a workload that is there.
MUTABLE = {
    "Deployment": {"replicas", "template", "strategy", "revisionHistoryLimit"},
    "StatefulSet": {"replicas", "template", "updateStrategy", "persistentVolumeClaimRetentionPolicy"},
}


@pytest.fixture(scope="module")
def workloads(newest_helm: Helm) -> dict[str, Json]:
    """The workload of each row of the table of ledgers, by its number."""
    return {
        number: the(newest_helm.render("--values", MODES["default"], "--set", FLAGS[values]), *WORKLOADS)
        for number, values, *_ in LEDGERS
    }


@pytest.mark.parametrize("row", LEDGERS, ids=lambda row: row[1])
def test_the_table_of_ledgers_is_true(workloads: dict[str, Json], row: list[str]) -> None:
    """Each row names the workload that its values make, and where the ledger is."""
    spec = workloads[row[0]]["spec"]

    assert row[2].startswith(workloads[row[0]]["kind"])
    assert ("Parallel" in row[2]) == ("Parallel" == spec.get("podManagementPolicy"))
    assert ("Recreate" in row[2]) == ("Recreate" == spec.get("strategy", {}).get("type"))
    assert ("claim of its own" in row[3]) == ("volumeClaimTemplates" in spec)


@pytest.mark.parametrize("pair", [*combinations([row[0] for row in LEDGERS], 2)], ids="-".join)
def test_the_way_between_ledgers_is_told(workloads: dict[str, Json], pair: tuple[str, str]) -> None:
    """For each pair of rows the document tells whether Kubernetes changes the workload, replaces it or refuses."""
    ends = [tuple(set(re.findall(r"\d", end)) for end in way.split(" and ")) for way, *_ in WAYS]
    (told,) = [
        way[1]
        for way, (left, right) in zip(WAYS, ends, strict=True)
        if {*pair} & left and {*pair} & right and {*pair} <= left | right
    ]
    before, after = (workloads[number] for number in pair)
    fixed = [
        {key: value for key, value in each["spec"].items() if key not in MUTABLE[each["kind"]]}
        for each in (before, after)
    ]
    way = "is replaced" if before["kind"] != after["kind"] else "is changed" if fixed[0] == fixed[1] else "is refused"

    assert before["metadata"] == after["metadata"]
    assert told.startswith(way)


@pytest.fixture(scope="module")
def notes(newest_helm: Helm, tmp_path_factory: pytest.TempPathFactory):
    """NOTES.txt as Helm would print it; without a cluster it prints none, so here it is a text within a manifest."""
    chart = tmp_path_factory.mktemp("notes") / NAME
    shutil.copytree(CHART, chart)
    text = (chart / "templates" / "NOTES.txt").read_text()
    wrapped = f'{{{{ define "notes" }}}}{text}{{{{ end }}}}kind: Notes\ntext: {{{{ include "notes" . | toJson }}}}'
    (chart / "templates" / "notes.yaml").write_text(wrapped)

    def render(*words: str | Path) -> tuple[str, list[Json]]:
        manifests = newest_helm.render(*words, chart=chart)
        return the(manifests, "Notes")["text"], manifests

    return render


@pytest.mark.parametrize("name", MODES)
def test_the_notes_name_what_is_there(notes, name: str) -> None:
    """The notes name the Service and its port, the Secret that is needed, and leave no blank where a value should be."""
    text, manifests = notes("--values", MODES[name])
    given = yaml.safe_load(MODES[name].read_text())

    assert "<nil>" not in text
    assert "%!" not in text
    for service in of_kind(manifests, "Service"):
        head, port = service["metadata"], service["spec"]["ports"][0]["port"]
        assert f"kubectl --namespace {head['namespace']} port-forward service/{head['name']} " in text
        assert re.search(rf"port-forward .* \d+:{port}$", text, re.MULTILINE)
    assert ("create secret generic" in text) == ("existingSecret" in given and "sidecar" not in given)


def test_the_notes_tell_what_is_missing(notes) -> None:
    """Who scrapes, by which label, and whether there are alerts; nothing of it where all is set."""
    bare, _ = notes("--values", MODES["default"])
    unlabelled, _ = notes("--values", MODES["default"], "--set", "serviceMonitor.enabled=true")
    scraped, _ = notes("--values", MODES["reloader"])
    whole, _ = notes("--values", MODES["monitoring"])

    unseen = "podMonitor.enabled=false,podMonitor.selector=null"
    loopback, _ = notes("--values", MODES["sidecar"], "--set", f"{unseen},sidecar.loopback=true")
    sidecar, _ = notes("--values", MODES["sidecar"], "--set", unseen)
    shop = "config.accounts[0].name=shop,config.accounts[0].access_key_file=/run/secrets/screenshotmax/shop"
    named, _ = notes("--values", MODES["default"], "--set", shop)

    assert "set serviceMonitor.enabled" in bare
    assert "set podMonitor.enabled and podMonitor.selector" in sidecar
    assert [False, False] == [text in loopback for text in ("Nothing tells Prometheus", "set serviceMonitor")]
    assert [True, False] == ["An account is called main" in text for text in (bare, named)]
    assert "--set serviceMonitor.additionalLabels.release=" in unlabelled
    assert "--set scrapeConfig.additionalLabels.release=" in scraped
    assert "set serviceMonitor.enabled" not in scraped
    assert "set prometheusRule.enabled" in unlabelled
    assert not re.search("serviceMonitor|prometheusRule", whole)


@pytest.mark.parametrize(
    ("values", "way"),
    [
        ("serviceMonitor.enabled=true", "serviceMonitor.jobLabel=app.kubernetes.io/instance"),
        ("podMonitor.enabled=true", "podMonitor.jobLabel=app.kubernetes.io/instance"),
        ("scrapeConfig.enabled=true", "scrapeConfig.jobName=smx"),
    ],
)
def test_the_notes_tell_shards_of_the_job(notes, values: str, way: str) -> None:
    """With shards they say what the alerts take for one set, and how to part it; not where that is done, or without shards."""
    words = ("--values", MODES["default"], "--set", values)
    sharded, _ = notes(*words, "--set", "sharding.totalShards=2")
    parted, _ = notes(*words, "--set", f"sharding.totalShards=2,{way}")
    plain, _ = notes(*words)

    assert f"  --set {way}\n" in sharded
    assert [False, False] == ["a job of its own" in text for text in (parted, plain)]


OPEN, SECURED = "networkPolicy.enabled=true", f"{PAIR},{USERS}"
BEFORE = "ingress.enabled=true,ingress.hosts={a.example.com}"
# Values, and the beginnings of the sentences that the notes have because of them.
GUARDED = (
    (OPEN, ["Only pods of the namespace monitoring "]),
    (f"{OPEN},networkPolicy.from=[]", ["Nobody but kubelets and helm test "]),
    (f"{OPEN},networkPolicy.from[0].podSelector.matchLabels.a=b", ["Only whom networkPolicy.from names "]),
    (f"{OPEN},{SECURED},{BEFORE}", ["Only pods of the namespace monitoring ", "The exporter has TLS, and what is before it "]),
    (f"{BEFORE},ingress.annotations.cert-manager\\.io/issuer=authority", ["There is no password: "]),
    ("route.enabled=true,route.parentRefs[0].name=a", ["There is no password: "]),
    (f"{PAIR},{BEFORE}", ["The exporter has TLS, and what is before it ", "There is no password: "]),
    (f"{SECURED},{BEFORE},ingress.annotations.a/backend-protocol=HTTPS", []),
    (f"{BEFORE},ingress.annotations.a/auth-url=https://sso.example.com", []),
    (SECURED, []),
)  # fmt: skip


@pytest.mark.parametrize(("values", "expected"), GUARDED)
def test_the_notes_tell_who_gets_in(notes, values: str, expected: list[str]) -> None:
    """Whom a network policy lets in, that TLS is to be told to what is before it, and that nothing asks for a password."""
    text, _ = notes("--values", MODES["default"], "--set-json" if "[]" in values else "--set", values)

    assert expected == re.findall(
        "^(?:Only .*(?=may reach)|Nobody .*(?=may reach)|The exporter has TLS, and what is before it |There is no password: )",
        text,
        re.MULTILINE,
    )
    assert ("Ingress must be named there, too." in text) == (values.startswith(OPEN) and BEFORE in values)


def test_the_certificate_is_made_for_the_name_that_is_asked(newest_helm: Helm, tmp_path: Path) -> None:
    """The Certificate to paste has the name that Prometheus expects of the release to install, and fills the Secret that is mounted."""
    (text,) = [text for text in snippets("docs/kubernetes.md", "yaml") if "kind: Certificate" in text]
    (values,) = [text for text in VALUES if "cert_file" in text]
    (tmp_path / "values.yaml").write_text(values)
    made = yaml.safe_load(text)
    words = (
        "--values",
        MODES["default"],
        "--values",
        tmp_path / "values.yaml",
        f"--namespace={made['metadata']['namespace']}",
    )
    manifests = newest_helm.render(*words, release="screenshotmax")
    (endpoint,) = the(manifests, "ServiceMonitor")["spec"]["endpoints"]
    secrets = [volume.get("secret", {}) for volume in the(manifests, *WORKLOADS)["spec"]["template"]["spec"]["volumes"]]

    assert [endpoint["tlsConfig"]["serverName"]] == made["spec"]["dnsNames"]
    assert made["spec"]["secretName"] in [secret.get("secretName") for secret in secrets]
    assert made["spec"]["secretName"] == endpoint["tlsConfig"]["ca"]["secret"]["name"]


def test_the_command_checks_the_whole_configuration(newest_helm: Helm, tmp_path: Path) -> None:
    """The line to paste renders the configuration, and has the exporter tell what the chart did not."""
    (command,) = [text for text in snippets("docs/kubernetes.md", "sh") if "config check" in text]
    for name, program in (("helm", newest_helm.program), ("screenshotmax-exporter", shlex.join(EXPORTER))):
        (tmp_path / name).write_text(f'#!/bin/sh\nexec {program} "$@"\n')
        (tmp_path / name).chmod(0o755)
    account = "name: main, access_key_file: /run/secrets/screenshotmax/main"
    told = []
    for ids in ("[1]", "[1, 1]"):
        values = f"existingSecret: {{name: k}}\nconfig: {{accounts: [{{{account}, tasks: {ids}}}]}}\n"
        (tmp_path / "values.yaml").write_text(values)
        line = command.replace(f"helm/{NAME}", str(CHART))
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        told.append(
            subprocess.run(
                ["sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
        )

    assert [0, 1] == [done.returncode for done in told]
    assert "config.yaml: valid, 1 account: main\n" == told[0].stdout
    assert "config.yaml:6: accounts[0].tasks[1]: " in told[1].stderr
