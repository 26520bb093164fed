"""The nouns of lint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from exporter.model import Task


class Code(StrEnum):
    """What kind of finding; fixed, in the order in which they are told."""

    INVALID_SCHEDULE = "invalid-schedule"
    INVALID_TIMEZONE = "invalid-timezone"
    NEVER_FIRES = "never-fires"
    BOTH_DAYS_RESTRICTED = "both-days-restricted"
    FREQUENCY_MISMATCH = "frequency-mismatch"
    CLOCK_CHANGE = "clock-change"
    STAMPEDE = "stampede"
    GRACE_LONGER_THAN_PERIOD = "grace-longer-than-period"
    FORGOTTEN_PAUSE = "forgotten-pause"


class Severity(StrEnum):
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Date:
    """A date that a finding is about."""

    local: datetime | None = None  # naive, in the task's timezone; None where tasks of several zones are concerned
    utc: tuple[datetime, ...] = ()  # the instants at which the local time comes, or at which some cron takes it to come
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One questionable thing, in one sentence."""

    code: Code
    sentence: str
    severity: Severity = Severity.WARNING
    dates: tuple[Date, ...] = ()
    account: str = ""  # empty: none is known
    tasks: tuple[Task, ...] = ()  # whom it concerns: several for a stampede, else one
