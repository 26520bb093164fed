"""Which files of the chart are made, and from what."""

from __future__ import annotations

from pathlib import Path

from helm.upkeep.changes import render_chart
from helm.upkeep.readme import render_readme
from helm.upkeep.schema import render_schema
from helm.upkeep.values import read_values

ROOT = Path(__file__).parents[2]
CHART = "helm/screenshotmax-exporter"
# Helm reads no file outside the chart.
COPIES = {
    f"{CHART}/files/alerts.yaml": "monitoring/rules/alerts.yaml",
    f"{CHART}/files/recording.yaml": "monitoring/rules/recording.yaml",
    f"{CHART}/files/dashboard.json": "monitoring/dashboard.json",
}


def made_files() -> dict[str, str]:
    """The text of each file that is made, by its path from the root of the tree."""
    values = read_values(_read(f"{CHART}/values.yaml"))
    return {
        f"{CHART}/values.schema.json": render_schema(values),
        f"{CHART}/Chart.yaml": render_chart(_read(f"{CHART}/Chart.yaml"), _read("CHANGELOG.md")),
        f"{CHART}/README.md": render_readme(_read(f"{CHART}/README.md"), values),
        **{copy: _read(original) for copy, original in COPIES.items()},
    }


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")
