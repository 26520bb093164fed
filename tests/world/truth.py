"""What may and what must be shown of one task, from the world's truth and from what the polls could see of it.

*False* is a missed-run flag of 1 although no mandatory fire of the present epoch, as the polls have seen it, lies
unanswered past its deadline on the evidence: that is, of the schedule that the newest good poll told, since the first
poll of this memory that told it (or since the creation, when no poll of this memory told anything else) and 60 s more,
no fire F has its latest instant + grace at or before the request of that poll, and no run of the true life from
F's earliest instant - early up to that poll's answer. Evidence older than `stale_after`, or a clock more than 60 s
off, proves nothing. A flag that is not false in this sense, but speaks of a time when the user in truth had asked for
something else and no poll of this memory saw that, is *unknowable*: counted, printed, and no fault.

*Provable* is a fire that the true life left without a run of its own until its deadline when the first good poll from
the deadline on still finds the same epoch, which this memory has seen begin at least 60 s before the fire or never
change, and no later or earlier run in the fire's place. It is *lost* unless that very poll shows the flag.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from world.calendar import DAY, HOUR
from world.eyes import STALE_AFTER, Memory, Shown

if TYPE_CHECKING:
    from exporter.model import RunCounts
    from world.life import Life, Owed, Run, Setting, Windows

MARGIN = 60  # after a creation or a seen edit
MOST_SKEW = 60
MOST_IN_A_ROW = 1000
_STALE = STALE_AFTER.total_seconds()


@dataclass(frozen=True, slots=True)
class Bounds:
    """The ledger's counters as they must be; `extra` may lie between two numbers where a clock change blurs it."""

    expected: int = 0
    observed: int = 0
    missed: int = 0
    least_extra: int = 0
    most_extra: int = 0

    def hold(self, counts: RunCounts) -> bool:
        exact = (self.expected, self.observed, self.missed) == (counts.expected, counts.observed, counts.missed)
        return exact and self.least_extra <= counts.extra <= self.most_extra


@dataclass(frozen=True, slots=True)
class Memo:
    """What one memory of the exporter holds of a task, by the world's own reckoning."""

    epoch: tuple[str, str, bool]
    since: int | None  # first seen, on the exporter's clock; None: may be as old as the task
    asked: int  # the newest good poll's request on the exporter's clock
    told: int  # when its answer was made, in truth
    runs: int
    closed: int  # how many of the schedule's mandatory fires are resolved
    begun: int  # when counting in this epoch began, in truth
    bounds: Bounds = Bounds()


class Witness:
    """Follows one life beside an eye, and knows what the eye must show."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.memo: Memo | None = None
        self._before: Memo | None = None
        self.fresh = False  # this process has had a good poll

    def restart(self, memory: Memory) -> None:
        self.memo = {Memory.KEPT: self.memo, Memory.CUT: self._before, Memory.LOST: None}[memory]
        self._before, self.fresh = self.memo, False

    def polled(self, asked: int, told: int) -> None:
        """A good poll: requested at `asked` on the exporter's clock, answered with the truth of `told`."""
        old = self._before = self.memo
        setting = self.life.settings[self.life.setting_at(told)]
        changed = old is not None and old.epoch != setting.epoch
        since = asked if changed else old.since if old else None
        runs = self.life.runs_at(told)
        closed = self._resolved(since, asked, told)
        new = Memo(setting.epoch, since, asked, told, runs, closed, told, old.bounds if old else Bounds())
        if old is not None and not changed and runs >= old.runs:
            new = replace(new, closed=max(closed, old.closed), begun=old.begun)
            new = replace(new, bounds=self._counted(old, new))
        self.memo, self.fresh = new, True

    def must_show(self, now: int) -> Shown:
        """The flag and the count at `now` on the exporter's clock, skew apart."""
        memo = self.memo
        if not self.fresh or memo is None:
            return Shown(None)
        if not memo.epoch[2]:
            return Shown(False, 0)
        if now - memo.asked > _STALE:
            return Shown(None)
        windows, grace, first = self._windows(), self._grace(), self._first_unanswered()
        proven = bisect_right(windows.latest, min(memo.asked, now) - grace)
        row = max(0, proven - first)
        return Shown(row > 0, min(row, MOST_IN_A_ROW))

    def unknowable(self) -> bool:
        """Whether the fire that must be called missed was in truth not asked for, or not all the while."""
        assert self.memo is not None
        start = self._windows().earliest[self._first_unanswered()]
        indices = range(self.life.setting_at(start), self.life.setting_at(self.memo.told) + 1)
        return any(self.life.settings[index].epoch != self.memo.epoch for index in indices)

    def hidden(self, owed: Owed) -> str:
        """Why the newest poll, the first from the deadline on, cannot prove this fire missed; empty when it does."""
        memo, setting = self.memo, self.life.settings[owed.setting]
        assert memo is not None
        start = owed.fire.at[0]
        epochs = {self.life.settings[i].epoch for i in range(owed.setting, self.life.setting_at(memo.told) + 1)}
        if epochs != {setting.epoch}:
            return "edited since"
        if start < self._base():
            return "before the epoch was seen"
        last_run = self.life.last_run(memo.told)
        if last_run is not None and last_run >= start - self.life.early_of(setting.cron):
            return "another run in its place"
        return ""

    def deadline(self, owed: Owed) -> int:
        return owed.fire.at[-1] + self.life.grace_of(self.life.settings[owed.setting].cron)

    def _setting(self, memo: Memo) -> Setting:
        return self.life.settings[self.life.setting_at(memo.told)]

    def _windows(self) -> Windows:
        return self.life.windows(self._setting(self.memo))

    def _grace(self) -> int:
        return self.life.grace_of(self._setting(self.memo).cron)

    def _early(self) -> int:
        return self.life.early_of(self._setting(self.memo).cron)

    def _base(self) -> int:
        return self._base_of(self.memo)

    def _base_of(self, memo: Memo) -> int:
        return max(self.life.created, memo.since or 0) + MARGIN

    def _first_unanswered(self) -> int:
        """The index of the first mandatory fire of the epoch that no run up to the newest answer has answered."""
        start = self._base()
        last_run = self.life.last_run(self.memo.told)
        if last_run is not None:
            start = max(start, last_run + self._early() + 1)
        return bisect_left(self._windows().earliest, start)

    def _resolved(self, since: int | None, asked: int, told: int) -> int:
        """How many mandatory fires a poll resolves: their run is seen, or their deadline has passed, or not owed."""
        setting = self.life.settings[self.life.setting_at(told)]
        windows = self.life.windows(setting)
        last_run = self.life.last_run(told)
        seen = 0 if last_run is None else bisect_right(windows.earliest, last_run + self.life.early_of(setting.cron))
        passed = bisect_right(windows.latest, asked - self.life.grace_of(setting.cron))
        base = bisect_left(windows.earliest, max(self.life.created, since or 0) + MARGIN)
        return max(seen, passed, base)

    def _counted(self, old: Memo, new: Memo) -> Bounds:
        """The counters after a poll of the same epoch: fires newly resolved against the rise of `runs`."""
        observed, bounds = new.runs - old.runs, old.bounds
        expected = new.closed - old.closed if new.epoch[2] else 0
        over = max(0, observed - expected)
        unowed, blurred = self._unowed(old, new) if over else (0, 0)
        return Bounds(
            bounds.expected + expected,
            bounds.observed + observed,
            bounds.missed + max(0, expected - observed),
            bounds.least_extra + max(0, over - blurred),
            bounds.most_extra + max(0, over - unowed),
        )

    def _unowed(self, old: Memo, new: Memo) -> tuple[int, int]:
        """Runs between two polls that are neither owed nor extra: those there were, and the most there might have been.

        They belong to wall times that a clock change touches, or to fires too near the epoch's beginning.
        """
        if not new.epoch[2]:
            return 0, 0
        base, windows, slack = self._base_of(new), self.life.windows(self._setting(new)), 3 * HOUR + DAY
        made = self.life.between(old.told, new.told)
        answered = (self.life.last_run(new.begun) or 0) + self._early()
        owing = windows.earliest[bisect_right(windows.earliest, answered) : bisect_left(windows.earliest, base)]
        truly = sum(self._in_time(run, owing) for run in made)
        touched = sum(
            old.told - slack < fire.first + DAY and fire.first - slack < new.told for fire in windows.irregular
        )
        early_days = bisect_left(windows.earliest, base) - bisect_left(windows.earliest, new.begun - slack)
        return truly, max(truly, touched + (early_days if old.told < base + slack else 0))

    def _in_time(self, run: Run, owing: list[int]) -> bool:
        unowed = run.kind == "optional" or (run.kind == "owed" and run.fire.at[0] in owing)
        return unowed and run.at <= run.fire.last + self._grace()
