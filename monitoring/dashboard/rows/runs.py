"""Runs, as the ledger and the API count them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.dashboard.grafana import (
    BLUE,
    FEW_POINTS,
    GREEN,
    ORANGE,
    POLLED,
    RED,
    Panel,
    Query,
    graph,
)
from monitoring.dashboard.queries import (
    TASK,
    added,
    joined,
    on_time,
    runs,
    task,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_RUNS = ("expected", "observed", "missed", "extra")
RUNS: Sequence[Panel] = (
    graph(
        "Runs against expected runs",
        "Runs that the schedules called for and those that the API's count shows, in each step; missed ones once their"
        " deadline has passed, extra ones that no fire called for.",
        *(Query(runs(kind, ""), kind) for kind in _RUNS),
        unit="none",
        style="bars",
        interval=POLLED,
        points=FEW_POINTS,
        decimals=0,
        colours=dict(zip(_RUNS, (BLUE, GREEN, RED, ORANGE), strict=True)),
    ),
    graph(
        "On time, in one day",
        "Share of the expected runs of the last 24 hours that came in time, for each account.",
        Query(on_time("account", "1d"), "{{account}}"),
        unit="percentunit",
        points=FEW_POINTS,
        max=1,
    ),
    graph(
        "Runs by account",
        "Runs by which the API's own count rose in each step; a fall is a reset upstream and is shown as 0.",
        Query(added(joined(f"clamp_min(delta({task('runs')}[$__rate_interval]), 0)", TASK), "account"), "{{account}}"),
        unit="none",
        style="bars",
        interval=POLLED,
        points=FEW_POINTS,
        decimals=0,
        width=24,
    ),
)
