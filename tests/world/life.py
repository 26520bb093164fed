"""One task's life, decided beforehand: its settings, each run that it makes or misses, and why.

This is the world's truth. It is made from the calendar and a seeded random alone, never from a schedule or a verdict.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from exporter.model import Policy, Task
from world.calendar import DAY, MINUTE, Convention, Cron, Fire, fires

if TYPE_CHECKING:
    from datetime import timedelta


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the user has asked for from `since` on."""

    since: int
    cron: Cron
    zone: str
    enabled: bool = True

    @property
    def epoch(self) -> tuple[str, str, bool]:
        return (self.cron.text, self.zone, self.enabled)


class Run(NamedTuple):
    """`owed`: made for a mandatory fire; `optional`: made by this convention, not by every one; `extra`: for no fire."""

    at: int
    kind: str
    fire: Fire | None = None


class Owed(NamedTuple):
    """A mandatory fire of the true schedule and the runs that were made for it."""

    fire: Fire
    setting: int  # index
    runs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Windows:
    """The mandatory fires of a schedule as two rising lists; which they are is the calendar's answer."""

    earliest: list[int]
    latest: list[int]
    irregular: list[Fire]  # those that a clock change touches


@dataclass
class Life:
    """`resets` are instants at which upstream's count of runs began anew, and the number it began with."""

    task_id: str
    created: int
    end: int
    convention: Convention
    settings: list[Setting]
    runs: list[Run]
    owed: list[Owed]
    resets: list[tuple[int, int]] = field(default_factory=list)
    grace: int | None = None  # None: auto
    early: int | None = None

    @cached_property
    def run_ats(self) -> list[int]:
        return [run.at for run in self.runs]

    @cached_property
    def _setting_ats(self) -> list[int]:
        return [setting.since for setting in self.settings]

    @cached_property
    def _reset_ats(self) -> list[int]:
        return [at for at, _ in self.resets]

    @cached_property
    def _told(self) -> dict[tuple[int, int, int], Task]:
        return {}

    def fires(self, setting: Setting) -> tuple[Fire, ...]:
        """All fires of a schedule over the whole life and a day, whoever was held to them."""
        return fires(setting.cron, setting.zone, self.created, self.end + DAY)

    @cached_property
    def _windows(self) -> dict[tuple[str, str], Windows]:
        return {}

    def setting_at(self, at: int) -> int:
        """The index of the setting in force; the first also before the task was created."""
        return max(0, bisect_right(self._setting_ats, at) - 1)

    def until(self, setting: int) -> int:
        return self.settings[setting + 1].since if setting + 1 < len(self.settings) else self.end

    def last_run(self, at: int) -> int | None:
        index = bisect_right(self.run_ats, at)
        return self.run_ats[index - 1] if index else None

    def runs_at(self, at: int) -> int:
        reset = bisect_right(self._reset_ats, at)
        since, base = self.resets[reset - 1] if reset else (0, 0)
        return base + self.made(since, at)

    def made(self, after: int, until: int) -> int:
        """How many runs there were in (after, until]."""
        return bisect_right(self.run_ats, until) - bisect_right(self.run_ats, after)

    def between(self, after: int, until: int) -> list[Run]:
        return self.runs[bisect_right(self.run_ats, after) : bisect_right(self.run_ats, until)]

    def task_at(self, at: int) -> Task:
        """What upstream says of the task at this instant."""
        key = (self.setting_at(at), bisect_right(self.run_ats, at), bisect_right(self._reset_ats, at))
        if key not in self._told:
            self._told[key] = self._tell(self.settings[key[0]], at)
        return self._told[key]

    def _tell(self, setting: Setting, at: int) -> Task:
        last_run = self.last_run(at)
        return Task(
            id=self.task_id,
            name=f"Task {self.task_id}",
            api="screenshot",
            frequency="custom",
            crontab=setting.cron.text,
            timezone=setting.zone,
            enabled=setting.enabled,
            created_at=moment(self.created),
            last_run_at=None if last_run is None else moment(last_run),
            runs=self.runs_at(at),
        )

    def grace_of(self, cron: Cron) -> int:
        return cron.auto_grace if self.grace is None else self.grace

    def early_of(self, cron: Cron) -> int:
        return cron.auto_early if self.early is None else self.early

    def policy(self, stale_after: timedelta) -> Policy:
        spans = (None if span is None else moment(span) - moment(0) for span in (self.grace, self.early))
        return replace(Policy(stale_after), **dict(zip(("grace", "early"), spans, strict=True)))

    def windows(self, setting: Setting) -> Windows:
        """The mandatory ones among them."""
        if setting.epoch[:2] not in self._windows:
            self._windows[setting.epoch[:2]] = self._window(setting)
        return self._windows[setting.epoch[:2]]

    def _window(self, setting: Setting) -> Windows:
        found = self.fires(setting)
        regular = [fire for fire in found if fire.at]
        return Windows(
            [fire.at[0] for fire in regular],
            [fire.at[-1] for fire in regular],
            [fire for fire in found if len(fire.at) != 1],
        )

    def history(self, around: int, *, most: int = 24) -> list[str]:
        """What happened to the task near an instant, a line each."""
        lines = [(one.since, f"set to {one.epoch}") for one in self.settings]
        lines += [(run.at, f"{run.kind} run") for run in self.runs]
        lines += [(one.fire.first, f"mandatory fire, {len(one.runs)} runs for it") for one in self.owed]
        lines += [(at, f"upstream's runs set to {count}") for at, count in self.resets]
        lines = sorted(lines)
        middle = bisect_left(lines, (around, ""))
        latest = bisect_right([one.since for one in self.settings], around) - 1
        near = lines[max(0, middle - most // 2) : middle + most // 2]
        head = f"created {moment(self.created)}, setting {self.settings[latest].epoch}, {self.convention}"
        grace = self.grace_of(self.settings[latest].cron) // MINUTE
        return [f"{head}, grace {grace} min", *(f"{moment(at)} {text}" for at, text in near)]
