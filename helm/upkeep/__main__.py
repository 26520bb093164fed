"""Make anew what of the chart is made from elsewhere."""

from __future__ import annotations

from helm.upkeep.chart import ROOT, made_files

for name, text in made_files().items():
    (ROOT / name).write_text(text, encoding="utf-8")
