"""Crontab and timezone to fires: the only room that knows croniter and the zone database."""

from __future__ import annotations

from exporter.schedule.crontab import Crontab, ScheduleError, parse_crontab
from exporter.schedule.fires import Schedule, Schedules, parse_schedule, zone_names

__all__ = [
    "Crontab",
    "Schedule",
    "ScheduleError",
    "Schedules",
    "parse_crontab",
    "parse_schedule",
    "zone_names",
]
