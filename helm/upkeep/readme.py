"""The table of values in the chart's README, from values.yaml."""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from helm.upkeep.values import Value

_TABLE = re.compile(r"(?<=<!-- values -->\n).*(?=<!-- end of values -->)", re.DOTALL)


def render_readme(readme: str, values: Iterable[Value]) -> str:
    """The README with what stands between its two marks made anew."""
    told = [value for value in values if value.text]
    sections = (_section(heading, list(group)) for heading, group in groupby(told, key=lambda value: value.heading))
    table = "\n" + "\n".join(sections)
    return _TABLE.sub(lambda _: table, readme)


def _section(heading: str, values: list[Value]) -> str:
    rows = (f"| `{'.'.join(value.path)}` | `{json.dumps(value.default)}` | {value.text} |\n" for value in values)
    return f"### {heading}\n\n| value | default | meaning |\n|---|---|---|\n{''.join(rows)}"
