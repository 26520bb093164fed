"""Crontab and timezone to fires: the only room that knows croniter and the zone database."""

from __future__ import annotations

from exporter.schedule.changes import ClockChange, zone_changes
from exporter.schedule.crontab import Crontab, ScheduleError, parse_crontab
from exporter.schedule.fires import Schedule, Schedules, parse_schedule, zone_names, zones_version

__all__ = [
    "ClockChange",
    "Crontab",
    "Schedule",
    "ScheduleError",
    "Schedules",
    "parse_crontab",
    "parse_schedule",
    "zone_changes",
    "zone_names",
    "zones_version",
]
