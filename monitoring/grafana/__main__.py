"""Print the provisioning file."""

from __future__ import annotations

import sys

from monitoring.grafana.alerting import RULES, render

sys.stdout.write(render(RULES.read_text(encoding="utf-8")))
