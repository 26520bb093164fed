"""Every value does something: without it a CI values file makes something else."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from charts import CHART, MODES, Helm
from helm.upkeep.values import read_values

if TYPE_CHECKING:
    from pathlib import Path

    from charts import Json

pytestmark = pytest.mark.real

GIVEN: dict[str, Json] = {name: yaml.safe_load(path.read_text()) for name, path in MODES.items()}
ALL = [value.path for value in read_values((CHART / "values.yaml").read_text()) if value.text]
# What no CI values file shows, and where it is tried.
ELSEWHERE = {
    ("configReloader", "image", "tag"): "its digest wins, as that of the image: tests/helm/test_reloader.py",
    ("serviceAccount", "automountServiceAccountToken"): "a token is what nobody should want: below",
    ("webConfigExistingSecret", "clientCertificates"): "only refuses monitors: tests/helm/test_refusals.py",
    ("webConfigExistingSecret", "basicAuth"): "only refuses monitors: tests/helm/test_refusals.py",
    ("sidecar", "native"): "of the template for others: tests/helm/test_sidecar.py",
    ("sidecar", "loopback"): "of the template for others: tests/helm/test_sidecar.py",
}


def holds(tree: Any, path: tuple[str, ...]) -> bool:
    return not path or (isinstance(tree, dict) and path[0] in tree and holds(tree[path[0]], path[1:]))


def without(tree: Json, path: tuple[str, ...]) -> Json:
    pruned = copy.deepcopy(tree)
    below = pruned
    for key in path[:-1]:
        below = below[key]
    del below[path[-1]]
    return pruned


def outcome(helm: Helm, file: Path, values: Json) -> str:
    """What Helm renders, or what it says where it refuses."""
    file.write_text(yaml.safe_dump(values))
    done = helm.run("template", "smx", CHART, "--values", file)
    return done.stdout or done.stderr


@pytest.fixture(scope="module")
def whole(newest_helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each CI values file makes as it is."""
    place = tmp_path_factory.mktemp("values")
    return {name: outcome(newest_helm, place / name, values) for name, values in GIVEN.items()}


@pytest.mark.parametrize("path", [path for path in ALL if path not in ELSEWHERE], ids=".".join)
def test_every_value_does_something(
    newest_helm: Helm, whole: dict[str, str], tmp_path: Path, path: tuple[str, ...]
) -> None:
    """Some CI values file gives it, and renders otherwise where it is left out."""
    shown = [name for name, values in GIVEN.items() if holds(values, path)]

    assert shown
    assert any(whole[name] != outcome(newest_helm, tmp_path / name, without(GIVEN[name], path)) for name in shown)


def test_a_token_is_mounted_where_it_is_asked_for(newest_helm: Helm) -> None:
    """Who needs a token, for a container of his own, can have it."""
    text = newest_helm.text("--values", MODES["default"], "--set", "serviceAccount.automountServiceAccountToken=true")

    assert "automountServiceAccountToken: true" in text
    assert "automountServiceAccountToken: false" not in text
