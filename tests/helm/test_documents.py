"""What docs/kubernetes.md offers to paste, and what Helm prints after an installation, is true of the chart."""

from __future__ import annotations

import re
import shlex
import shutil
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
import yaml

from charts import CHART, MODES, NAME, WORKLOADS, Helm, exporter, of_kind, the
from documents import read, rows, section, snippets

if TYPE_CHECKING:
    from pathlib import Path

    from charts import Json

pytestmark = pytest.mark.real

VALUES = [
    text
    for text in snippets("docs/kubernetes.md", "yaml")
    if not re.search(r"\{\{|dependencies:|^screenshotmax", text, re.MULTILINE)
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

    loopback, _ = notes("--values", MODES["sidecar"], "--set", "podMonitor.enabled=false,sidecar.loopback=true")
    sidecar, _ = notes("--values", MODES["sidecar"], "--set", "podMonitor.enabled=false")
    named, _ = notes(
        "--values", MODES["default"], "--set", "config.accounts[0].name=shop,config.accounts[0].access_key_env=KEY"
    )

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
