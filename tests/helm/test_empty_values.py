"""A key with nothing behind it: Helm drops it, and its default with it; then it is empty, or asked for by its name."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft7Validator

from charts import CHART, MODES, Helm, the
from helm.upkeep.values import read_values

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from charts import Json

SCHEMA: Json = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS: Json = yaml.safe_load((CHART / "values.yaml").read_text())
GIVEN: dict[str, Json] = {name: yaml.safe_load(path.read_text()) for name, path in MODES.items()}


def needed(schema: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, below in schema.get("properties", {}).items():
        if key in schema.get("required", ()):
            yield (*path, key)
        yield from needed(below, (*path, key))


def changed(values: Json, path: tuple[str, ...], value: Any) -> Json:
    found = copy.deepcopy(values)
    below = found
    for key in path[:-1]:
        below = below.setdefault(key, {})
    below.setdefault(path[-1], value)
    return found


def without(values: Json, path: tuple[str, ...]) -> Json:
    key, *rest = path
    below = {key: without(values[key], tuple(rest))} if rest else {}
    return {name: value for name, value in values.items() if name != key} | below


NEEDED = [*needed(SCHEMA)]
# What is empty by default; but for it a section, a flag or a number is needed, and a map of the chart's own may be emptied.
EMPTY = [
    value.path
    for value in read_values((CHART / "values.yaml").read_text())
    if value.text and value.path not in NEEDED and (not value.default or not isinstance(value.default, dict))
]


def test_a_value_that_is_needed_is_asked_for() -> None:
    """A section, a flag, a number, or what has to say something: where it is left out, its own name is told and nothing else."""
    validator = Draft7Validator(SCHEMA)

    assert [] == [*validator.iter_errors(DEFAULTS)]
    assert {("sharding",), ("replicas",), ("tests",), ("log", "level"), ("configReloader", "image", "tag")} <= {*NEEDED}
    for path in NEEDED:
        (error,) = validator.iter_errors(without(DEFAULTS, path))
        assert f"{path[-1]!r} is a required property" == error.message


@pytest.mark.real
@pytest.mark.parametrize("name", MODES)
def test_a_key_with_nothing_behind_it_is_empty(newest_helm: Helm, tmp_path: pathlib.Path, name: str) -> None:
    """`podLabels:` with only comments under it is no labels; so is every text, list and map that is empty by default."""
    values = GIVEN[name]
    for path in EMPTY:
        values = changed(values, path, None)
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))

    assert {("podLabels",), ("extraEnv",), ("prometheusRule", "rules"), ("web", "externalUrl")} <= {*EMPTY}
    assert values != GIVEN[name]
    assert newest_helm.text("--values", MODES[name]) == newest_helm.text("--values", tmp_path / "values.yaml")


@pytest.mark.real
def test_maps_of_the_chart_can_be_emptied(helm: Helm) -> None:
    """A house whose cluster confines pods itself gives the security contexts without a value."""
    contexts = "securityContext=null,podSecurityContext=null,configReloader.securityContext=null"
    manifests = helm.render("--values", MODES["default"], "--set", f"configReloader.enabled=true,{contexts}")
    pod = the(manifests, "Deployment")["spec"]["template"]["spec"]

    assert "securityContext" not in pod
    assert [{}, {}] == [container["securityContext"] for container in pod["containers"]]
