"""The soak's own modules lie in bench, beside scripts that no test imports."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "bench"))
