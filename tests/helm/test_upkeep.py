"""What of the chart is made from elsewhere is as it would be made now, and its parts tell of one another truthfully."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import kubernetes_validate
import pytest
import yaml

from charts import CHART, META, MODES
from documents import ROOT, read
from exporter import __version__
from helm.upkeep.changes import render_chart
from helm.upkeep.chart import made_files
from helm.upkeep.values import Value, read_values

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
TEMPLATES = "".join(path.read_text() for path in sorted((CHART / "templates").rglob("*.*")))


@pytest.mark.parametrize("name", made_files())
def test_it_is_what_would_be_made(name: str) -> None:
    """Each file that is made is up to date; `make chart` makes it anew."""
    assert made_files()[name] == read(name)


def test_the_versions_are_the_exporters() -> None:
    """The chart installs the exporter of this tree, and says so wherever it names a version."""
    assert __version__ == META["appVersion"]
    assert {image_of(VALUES["image"]), image_of(VALUES["configReloader"]["image"])} == {
        each["image"] for each in yaml.safe_load(META["annotations"]["artifacthub.io/images"])
    }


def image_of(image: dict[str, str]) -> str:
    return f"{image['registry']}/{image['repository']}:{image['tag'] or __version__}"


def test_the_links_lead_into_the_tree() -> None:
    """Icon, documents and changelog are files of this tree, at the address that the chart calls its home."""
    raw = META["home"].replace("github.com", "raw.githubusercontent.com")
    links = [META["icon"], *(each["url"] for each in yaml.safe_load(META["annotations"]["artifacthub.io/links"]))]
    named = [re.fullmatch(f"{raw}/main/(.*)|{META['home']}/blob/main/(.*)", link) for link in links]
    paths = [found[1] or found[2] for found in named if found]

    assert ["docs/icon.svg", "docs/kubernetes.md", "CHANGELOG.md"] == paths
    assert [True] * 3 == [(ROOT / path).exists() for path in paths]
    assert {f"{META['home']}/issues"} == {*links} - {found[0] for found in named if found}


def test_the_icon_is_a_picture() -> None:
    """It is well-formed SVG that loads nothing from elsewhere."""
    icon = read("docs/icon.svg")

    assert "{http://www.w3.org/2000/svg}svg" == ET.fromstring(icon).tag
    assert not re.search("href|url\\(|<script|<style", icon)


def test_the_changes_are_those_of_the_changelog() -> None:
    """Of the newest version in the changelog, which is not released or this one, the entries that name the chart."""
    newest = re.findall(r"^## \[(.*?)\]", read("CHANGELOG.md"), re.MULTILINE)[0]
    told = yaml.safe_load(META["annotations"]["artifacthub.io/changes"])

    assert newest in {"Unreleased", META["appVersion"]}
    assert told
    assert {"kind", "description"} == set().union(*told)
    assert {"added", "changed", "deprecated", "removed", "fixed", "security"} >= {each["kind"] for each in told}


def test_changes_are_read_from_the_newest_version() -> None:
    """Each entry of any length has its kind and loses its marks; what is not of the chart and what is older stays out."""
    changelog = (
        "# Changelog\n\n## [2.0.0] - 2026-11-23\n\n### Added\n\n- A `flag`.\n- The chart: a [value](docs/a.md)\n  "
        'named "x".\n\n### Fixed\n\n- `helm/a`: b.\n\n## [1.0.0]\n\n### Removed\n\n- The chart of before.\n'
    )
    chart = "annotations:\n  artifacthub.io/changes: |\n    - kind: old\n"
    told = yaml.safe_load(yaml.safe_load(render_chart(chart, changelog))["annotations"]["artifacthub.io/changes"])

    assert [
        {"kind": "added", "description": 'The chart: a value named "x".'},
        {"kind": "fixed", "description": "helm/a: b."},
    ] == told


def test_values_are_read_with_comment_and_heading() -> None:
    """A value has its own comment over all its lines; a value without one leads to those below it, one with one has them in its default."""
    text = (
        "# Of the file.\n\n## One\n\n# -- First,\n# and more.\na: 1\n\nb:\n  # -- Below.\n  c: {d: 2}\n\n"
        '## Two\n\n# -- Whole.\ne:\n  f:\n    g: [3]\n#   example: 4\n# -- Last.\nh: ""\n'
    )

    assert [
        Value(path=("a",), default=1, text="First, and more.", heading="One"),
        Value(path=("b",), default={"c": {"d": 2}}, text="", heading="One"),
        Value(path=("b", "c"), default={"d": 2}, text="Below.", heading="One"),
        Value(path=("e",), default={"f": {"g": [3]}}, text="Whole.", heading="Two"),
        Value(path=("h",), default="", text="Last.", heading="Two"),
    ] == [*read_values(text)]


def test_every_value_is_told() -> None:
    """Each value has a text, or only values below it that have; none of them is twice in the table."""
    values = read_values((CHART / "values.yaml").read_text())
    told = {value.path for value in values if value.text}

    assert {value.path[:1] for value in values} == {(key,) for key in VALUES}
    for value in values:
        assert value.text or any(path[: len(value.path)] == value.path for path in told), value.path
        assert not value.text or isinstance(value.default, dict) or value.text.endswith("."), value.path


def test_every_value_that_is_read_is_there() -> None:
    """No template reads a value that values.yaml does not have."""
    for path in set(re.findall(r"\.Values\.((?:\w+\.?)+)", TEMPLATES)):
        found: Any = VALUES
        for key in path.strip(".").split("."):
            assert isinstance(found, dict), path
            assert key in found or found in ({}, VALUES["config"], VALUES["webConfig"]), path
            found = found.get(key, {})


def objects(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    if "properties" in schema:
        yield path, schema
        for name, below in schema["properties"].items():
            yield from objects(below, (*path, name))


def test_the_schema_is_closed() -> None:
    """Every object with known keys refuses others, but the globals, which belong to all charts of a release."""
    open_ones = [path for path, schema in objects(SCHEMA) if schema.get("additionalProperties") is not False]
    own = [name for name, schema in SCHEMA["definitions"].items() if schema["additionalProperties"] is not False]

    assert [("global",)] == open_ones
    assert [] == own
    assert len([*objects(SCHEMA)]) > 20


# Values whose keys the schema knows, and what Kubernetes calls the objects that they become.
OF_KUBERNETES = {
    "livenessProbe": "probe-v1",
    "readinessProbe": "probe-v1",
    "startupProbe": "probe-v1",
    "livenessProbe.httpGet": "httpgetaction-v1",
    "strategy": "deploymentstrategy-apps-v1",
    "strategy.rollingUpdate": "rollingupdatedeployment-apps-v1",
    "updateStrategy": "statefulsetupdatestrategy-apps-v1",
    "updateStrategy.rollingUpdate": "rollingupdatestatefulsetstrategy-apps-v1",
    "podSecurityContext": "podsecuritycontext-v1",
    "securityContext": "securitycontext-v1",
    "configReloader.securityContext": "securitycontext-v1",
}


@pytest.mark.parametrize("name", OF_KUBERNETES)
def test_the_schema_knows_the_keys_of_kubernetes(name: str) -> None:
    """Where a misspelt key would do nothing, the keys are those of the newest Kubernetes, all of them and no others."""
    version = f"v{kubernetes_validate.latest_version()}-local-strict"
    folder = resources.files(kubernetes_validate) / "kubernetes-json-schema" / version
    known = json.loads((folder / f"{OF_KUBERNETES[name]}.json").read_text())["properties"]
    schema = SCHEMA
    for key in name.split("."):
        schema = schema["properties"][key]

    assert known.keys() == schema["properties"].keys()


def test_the_schema_has_no_pattern_that_go_cannot_read() -> None:
    """Helm compiles patterns with Go, which has no lookaround and repeats at most 1000 times."""
    patterns = re.findall(r'"pattern": "(.*)"', (CHART / "values.schema.json").read_text())

    assert len(patterns) > 10
    assert [] == [each for each in patterns if re.search(r"\(\?[=!<]|\{\d*,?\d{4,}\}", each)]


def test_the_chart_is_told_where_it_is_looked_for() -> None:
    """Every CI values file has a comment that says what it is for."""
    assert len(MODES) > 10
    for path in MODES.values():
        assert re.match(r"# [A-Z].*\.\n", path.read_text()), path.name
    assert (ROOT / "docs" / "kubernetes.md").exists()
