"""A scheduled task of the pretend service: what it says on the wire, and how it runs on its crontab."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import ceil
from random import Random
from typing import TYPE_CHECKING, Any

from exporter.simulator.cron import Cron, parse_cron

if TYPE_CHECKING:
    from collections.abc import Mapping

START_SECONDS = (5, 20)  # after the fire, as the published samples show
LATEST_START = timedelta(seconds=START_SECONDS[1])
LOOKAHEAD = timedelta(days=2)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a task departs from running once, 5 to 20 s after each fire."""

    stops_at: datetime | None = None  # fires after this instant are not performed
    stops_after_runs: int | None = None  # no run once `runs` has come to this
    lag: timedelta = timedelta()  # added to the start of each run
    runs_per_fire: int = 1  # 2: runs double

    def __post_init__(self) -> None:
        if self.runs_per_fire < 1 or self.lag < timedelta():
            raise ValueError("behaviour: expected a run or more per fire and no negative lag")


NORMAL = Behaviour()
FROZEN = Behaviour(stops_at=LONG_AGO)
DOUBLE = Behaviour(runs_per_fire=2)


@dataclass(slots=True, kw_only=True)
class SimTask:
    """One task. Change `crontab`, `timezone`, `enabled` and `behaviour` through `edit` and `behave` only.

    `last_run_at` and `runs` are as of the newest `advance`; a new task with a `created_at` in the past has,
    at its first `advance`, the history of runs it would have had.
    """

    id: int
    name: str
    created_at: datetime
    crontab: str
    api: str = "screenshot"
    query: str = "url=https%3A%2F%2Fexample.com"
    frequency: str = "custom"
    timezone: str = "Etc/UTC"
    enabled: bool = True
    last_run_at: datetime | None = None
    runs: int = 0
    behaviour: Behaviour = NORMAL
    seed: int = 0
    shown: dict[str, Any] = field(default_factory=dict)  # wire values that overrule the true ones
    hidden: set[str] = field(default_factory=set)  # wire names left out
    _cron: Cron | None = field(init=False, repr=False)
    _decided_at: datetime = field(init=False, repr=False)  # each fire up to here has been performed or dropped
    _quiet_until: datetime = field(init=False, repr=False, default=LONG_AGO)

    def __post_init__(self) -> None:
        self._cron = _cron_or_none(self.crontab, self.timezone)
        self._decided_at = max(self.created_at, self.last_run_at or self.created_at)

    def starts_at(self, fire: datetime) -> datetime:
        """When the run of a fire starts: a random delay, but always the same one for the same fire."""
        delay = Random(f"{self.seed}/{self.id}/{fire.timestamp()}").randint(*START_SECONDS)
        return fire + self.behaviour.lag + timedelta(seconds=delay)

    def advance(self, now: datetime) -> None:
        """Perform every run that has started by `now`. Time that goes backwards changes nothing."""
        if now < self._quiet_until or self._cron is None or not self.enabled:
            return
        self._perform(self._cron, now)
        undecided = self._cron.fires(self._decided_at, now + LOOKAHEAD)
        following = next(undecided, None)
        self._quiet_until = self.starts_at(following) if following else now + LOOKAHEAD

    def behave(self, behaviour: Behaviour, now: datetime) -> None:
        """Change how the task runs from `now` on. Dropped fires and lagging runs are not made up."""
        self.advance(now)
        if self._drops(now) or behaviour.lag < self.behaviour.lag:
            self._decided_at = max(self._decided_at, now)
        self.behaviour, self._quiet_until = behaviour, LONG_AGO

    def edit(self, changes: Mapping[str, Any], now: datetime) -> None:
        """Set fields; a new crontab, timezone or enablement counts from `now` on."""
        self.advance(now)
        before = (self.crontab, self.timezone, self.enabled)
        for name, value in changes.items():
            setattr(self, name, value)
        if before != (self.crontab, self.timezone, self.enabled):
            self._cron = _cron_or_none(self.crontab, self.timezone)
            self._decided_at, self._quiet_until = max(self._decided_at, now), LONG_AGO

    def run_once(self, now: datetime) -> None:
        """A run that no fire called for."""
        self.advance(now)
        self.runs, self.last_run_at = self.runs + 1, now

    def to_wire(self, now: datetime) -> dict[str, Any]:
        """The task object as it is sent at `now`, after `shown` and `hidden` had their say."""
        self.advance(now)
        wire = {
            "id": self.id,
            "name": self.name,
            "api": self.api,
            "query": self.query,
            "frequency": self.frequency,
            "crontab": self.crontab,
            "timezone": self.timezone,
            "enabled": self.enabled,
            "created": int(self.created_at.timestamp()),
            "last_run": int(self.last_run_at.timestamp()) if self.last_run_at else None,
            "runs": self.runs,
        }
        return {name: value for name, value in (wire | self.shown).items() if name not in self.hidden}

    def _perform(self, cron: Cron, now: datetime) -> None:
        stop = self.behaviour.stops_at or FAR_AHEAD
        certain = max(self._decided_at, min(now - self.behaviour.lag - LATEST_START, stop))
        recent = [fire for fire in cron.fires(certain, min(now, stop)) if self.starts_at(fire) <= now]
        count = cron.count(self._decided_at, certain) + len(recent)
        last = recent[-1] if recent else cron.latest(self._decided_at, certain)
        allowed = self._allowed_fires()
        if count > allowed:
            count = allowed
            last = next(islice(cron.fires(self._decided_at, now), count - 1, None)) if count else None
        if count and last:
            self.runs += count * self.behaviour.runs_per_fire
            self.last_run_at = self.starts_at(last)
        self._decided_at = max(certain, last or certain)

    def _allowed_fires(self) -> int:
        if self.behaviour.stops_after_runs is None:
            return sys.maxsize
        return max(0, ceil((self.behaviour.stops_after_runs - self.runs) / self.behaviour.runs_per_fire))

    def _drops(self, now: datetime) -> bool:
        return (self.behaviour.stops_at or FAR_AHEAD) <= now or not self._allowed_fires()


def _cron_or_none(crontab: str, timezone: str) -> Cron | None:
    try:
        return parse_cron(crontab, timezone)
    except ValueError:
        return None
