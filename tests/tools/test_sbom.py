"""The bill of materials, from the real program that makes it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter import __version__
from pins import read_pins

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


@pytest.mark.real
def test_the_bill_of_materials_is_the_pins(component: Callable[[str], Path], tmp_path: Path) -> None:
    """Each pin with its version and hashes and nothing else, as part of this version; and nothing of chance."""
    component("cyclonedx-py")
    file = tmp_path / "deep" / "sbom.json"
    done = subprocess.run([ROOT / "tools" / "sbom.sh", file], capture_output=True, text=True, check=True)
    assert (f"{file}\n", "") == (done.stdout, done.stderr)
    bill = json.loads(file.read_text())

    listed = {
        one["name"]: (one["version"], frozenset(each["content"] for each in one["externalReferences"][0]["hashes"]))
        for one in bill["components"]
    }
    whole = bill["metadata"]["component"]
    assert read_pins(ROOT / "requirements" / "runtime.txt") == listed
    assert ("CycloneDX", "screenshotmax-exporter", __version__) == (bill["bomFormat"], whole["name"], whole["version"])
    assert "serialNumber" not in bill
    assert bill["metadata"].get("timestamp") == committed_at()


def committed_at() -> str | None:
    """When the newest commit was made; None where this is no clone."""
    words = ["git", "log", "-1", "--date=format-local:%Y-%m-%dT%H:%M:%S+00:00", "--format=%cd"]
    done = subprocess.run(words, cwd=ROOT, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"}, capture_output=True, check=False)
    return done.stdout.decode().strip() or None
