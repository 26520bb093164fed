"""Scenario by scenario, from configuration to /metrics over the simulator, without a socket and without waiting."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from builders import Clock, Scene, at, config_text, samples
from exporter.simulator.faults import Fault, Kind
from exporter.simulator.tasks import SimTask

LABELS = 'account="main",task_id="7001",task_name="Shop front"'
MISSED = f"screenshotmax_task_missed_run{{{LABELS}}}"
STATE = f"screenshotmax_task_state{{{LABELS},state=%r}}"


def hourly(**changes: object) -> SimTask:
    facts = {"id": 7001, "name": "Shop front", "frequency": "custom", "crontab": "0 * * * *"}
    return SimTask(**facts | {"created_at": at("2024-05-01 00:00Z"), "runs": 3} | changes)
