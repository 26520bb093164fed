"""What docs/kubernetes.md offers to paste, and what Helm prints after an installation, is true of the chart."""

from __future__ import annotations

import re
import shlex
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from charts import CHART, MODES, NAME, Helm, exporter, of_kind, the
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


def test_the_command_to_install_is_taken(helm: Helm) -> None:
    """The chart is where the documents say, and is rendered with their values."""
    for document in ("docs/kubernetes.md", f"helm/{NAME}/README.md"):
        (command,) = re.findall(r"^helm install (.*)$", read(document), re.MULTILINE)
        release, chart, *words = shlex.split(command)
        assert f"helm/{NAME}" == chart
        assert exporter(helm.render(*words, release=release))


@pytest.mark.parametrize("row", rows(section("docs/kubernetes.md", "The ledger"))[1:], ids=lambda row: row[0])
def test_the_table_of_ledgers_is_true(helm: Helm, row: list[str]) -> None:
    """Each row names the workload that its values make."""
    flags = {
        "none": "replicas=1",
        "`persistence.enabled`": "persistence.enabled=true",
        "`persistence.existingClaim` too": "persistence.enabled=true,persistence.existingClaim=mine",
        "`sharding.totalShards` above 1": "sharding.totalShards=2",
    }
    workload = the(helm.render("--values", MODES["default"], "--set", flags[row[0]]), "Deployment", "StatefulSet")

    assert row[1].startswith(workload["kind"])
    assert ("Parallel" in row[1]) <= ("Parallel" == workload["spec"].get("podManagementPolicy"))
    assert ("Recreate" in row[1]) == ("Recreate" == workload["spec"].get("strategy", {}).get("type"))


@pytest.fixture
def notes(helm: Helm, tmp_path: Path):
    """NOTES.txt as Helm would print it; without a cluster it prints none, so here it is a text within a manifest."""
    chart = tmp_path / NAME
    shutil.copytree(CHART, chart)
    text = (chart / "templates" / "NOTES.txt").read_text()
    wrapped = f'{{{{ define "notes" }}}}{text}{{{{ end }}}}kind: Notes\ntext: {{{{ include "notes" . | toJson }}}}'
    (chart / "templates" / "notes.yaml").write_text(wrapped)

    def render(*words: str | Path) -> tuple[str, list[Json]]:
        manifests = helm.render(*words, chart=chart)
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

    assert "set serviceMonitor.enabled" in bare
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
