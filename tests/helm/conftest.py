"""Helm in both versions, and what the newest makes of a values file, rendered once."""

from __future__ import annotations

import copy
from functools import cache
from typing import TYPE_CHECKING

import pytest

from charts import MODES, Helm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from charts import Json


@pytest.fixture(scope="session", params=["helm3", "helm4"])
def helm(
    request: pytest.FixtureRequest, component: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Helm:
    return Helm(program=component(request.param), home=tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def newest_helm(component: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """One Helm, for what does not depend on its version."""
    return Helm(program=component("helm4"), home=tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def oldest_helm(component: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(program=component("helm3"), home=tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def mode(newest_helm: Helm) -> Callable[[str], list[Json]]:
    """The manifests of a CI values file, by its name; tests/helm/test_render.py holds the older Helm to the same."""
    render = cache(lambda name: newest_helm.render("--values", MODES[name]))
    return lambda name: copy.deepcopy(render(name))
