"""Every value does something: without it a CI values file makes something else."""

from __future__ import annotations

import copy
import re
import shutil
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from charts import CHART, META, MODES, NAME, Helm
from helm.upkeep.values import read_values

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

    from charts import Json

pytestmark = pytest.mark.real

Path = tuple[str, ...]

GIVEN: dict[str, Json] = {name: yaml.safe_load(path.read_text()) for name, path in MODES.items()}
ALL: list[Path] = [value.path for value in read_values((CHART / "values.yaml").read_text()) if value.text]
# What no CI values file shows, and where it is tried.
ELSEWHERE = {
    ("configReloader", "image", "tag"): "its digest wins, as that of the image: tests/helm/test_reloader.py",
    ("serviceAccount", "automountServiceAccountToken"): "a token is what nobody should want: below",
    ("webConfigExistingSecret", "clientCertificates"): "only refuses monitors: tests/helm/test_refusals.py",
    ("webConfigExistingSecret", "basicAuth"): "only refuses monitors: tests/helm/test_refusals.py",
    ("sidecar", "native"): "of the template for others: tests/helm/test_sidecar.py",
    ("sidecar", "loopback"): "of the template for others: tests/helm/test_sidecar.py",
}
# What others need: without one of these the chart refuses its values, and with them all that is rendered beside them.
NEEDED = {
    ("config",),
    ("configExistingSecretName",),
    ("existingSecret", "name"),
    ("extraEnv",),
    ("extraSecretMounts",),
    ("ingress", "hosts"),
    ("persistence", "enabled"),
    ("podMonitor", "basicAuth"),
    ("podMonitor", "selector"),
    ("podMonitor", "tlsConfig"),
    ("route", "parentRefs"),
    ("scrapeConfig", "basicAuth"),
    ("secretConfig",),
    ("service", "type"),
    ("serviceMonitor", "authorization"),
    ("webConfigExistingSecret", "name"),
}
FREE = [path for path in ALL if path not in {*ELSEWHERE, *NEEDED}]
NOTHING: Path = ()
AGAIN: Path = ("", "again")


def holds(tree: Any, path: Path) -> bool:
    return not path or (isinstance(tree, dict) and path[0] in tree and holds(tree[path[0]], path[1:]))


def without(tree: Json, path: Path) -> Json:
    pruned = copy.deepcopy(tree)
    below = pruned
    for key in path[:-1]:
        below = below[key]
    del below[path[-1]]
    return pruned


def side_by_side(helm: Helm, place: pathlib.Path, values: dict[Path, Json]) -> dict[Path, str]:
    """What each of these values makes, all as parts of one chart: starting Helm takes ten times as long as rendering one."""
    parts = {f"part{number:03}": path for number, path in enumerate(values)}
    uses = [{"name": NAME, "version": META["version"], "alias": part} for part in parts]
    whole = {"apiVersion": "v2", "name": "whole", "version": "1.0.0", "dependencies": uses}
    shutil.copytree(CHART, place / "charts" / NAME)
    (place / "Chart.yaml").write_text(yaml.safe_dump(whole))
    (place / "values.yaml").write_text(yaml.safe_dump({part: values[path] for part, path in parts.items()}))
    done = helm.run("template", "smx", place)
    told = re.sub(r"part\d+", lambda part: f"without {'.'.join(parts[part[0]])}", done.stderr)
    assert done.returncode == 0, f"what is refused when it is left out is NEEDED: {told}"
    found = dict.fromkeys(values, "")
    for document in done.stdout.split("---\n# Source: whole/charts/")[1:]:
        part = document.partition("/")[0]
        found[parts[part]] += document.replace(part, NAME).rstrip()
    return found


@pytest.fixture(scope="module")
def rendered(newest_helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[Path, str]]:
    """What a CI values file makes without each of its values, and twice as it is."""

    @cache
    def render(name: str) -> dict[Path, str]:
        pruned = {path: without(GIVEN[name], path) for path in FREE if holds(GIVEN[name], path)}
        values = {NOTHING: GIVEN[name], **pruned, AGAIN: GIVEN[name]}
        return side_by_side(newest_helm, tmp_path_factory.mktemp(name), values)

    return render


@pytest.mark.parametrize("path", FREE, ids=".".join)
def test_every_value_does_something(rendered: Callable[[str], dict[Path, str]], path: Path) -> None:
    """Some CI values file gives it, and renders otherwise where it is left out, but not where nothing is."""
    shown = [rendered(name) for name, values in GIVEN.items() if holds(values, path)]

    assert shown
    assert all(texts[NOTHING] == texts[AGAIN] != "" for texts in shown)
    assert any(texts[NOTHING] != texts[path] for texts in shown)


@pytest.mark.parametrize("path", sorted(NEEDED), ids=".".join)
def test_what_others_need_is_missed(newest_helm: Helm, tmp_path: pathlib.Path, path: Path) -> None:
    """Some CI values file gives it, and is refused where it is left out."""
    shown = [name for name, values in GIVEN.items() if holds(values, path)]
    for name in shown:
        (tmp_path / name).write_text(yaml.safe_dump(without(GIVEN[name], path)))

    assert any(newest_helm.run("template", "smx", CHART, "--values", tmp_path / name).returncode for name in shown)


def test_a_token_is_mounted_where_it_is_asked_for(newest_helm: Helm) -> None:
    """Who needs a token, for a container of his own, can have it."""
    text = newest_helm.text("--values", MODES["default"], "--set", "serviceAccount.automountServiceAccountToken=true")

    assert "automountServiceAccountToken: true" in text
    assert "automountServiceAccountToken: false" not in text
