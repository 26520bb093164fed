"""Print the dashboard as JSON."""

from __future__ import annotations

import json
import sys

from monitoring.dashboard.frame import build_dashboard

sys.stdout.write(json.dumps(build_dashboard(), indent=2, ensure_ascii=False) + "\n")
