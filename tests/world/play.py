"""A fleet's lives and an exporter's fortunes played through, instant by instant, before one eye."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

from exporter.model import Reason
from world.calendar import DAY, MINUTE
from world.eyes import STALE_AFTER, Memory
from world.life import moment
from world.truth import MOST_SKEW, Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from exporter.model import Policy
    from world.chance import Era
    from world.eyes import Eye, Shown
    from world.life import Life, Owed


@dataclass(slots=True)
class Totals:
    """`verdicts`: flags looked at, `shown`: of them 1. `misses` and what became of them are counted in fires."""

    verdicts: int = 0
    shown: int = 0
    unknown: int = 0
    unknowable: int = 0
    false: int = 0
    misses: int = 0
    provable: int = 0
    lost: int = 0
    ledgers: int = 0  # comparisons of all four counters
    wrong_counts: int = 0
    hidden: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)  # the first few, told with their history

    def add(self, more: Totals) -> None:
        for name in self.__dataclass_fields__:
            if name == "hidden":
                self.hidden.update(more.hidden)
            else:
                setattr(self, name, getattr(self, name) + getattr(more, name))

    def __str__(self) -> str:
        hidden = ", ".join(f"{count} {why}" for why, count in self.hidden.most_common())
        return (
            f"{self.verdicts} verdicts: {self.shown} missed, {self.unknown} unknown, {self.unknowable} unknowable, "
            f"{self.false} false; {self.misses} fires missed: {self.provable} provable, {self.lost} lost ({hidden}); "
            f"{self.ledgers} ledgers compared, {self.wrong_counts} wrong"
        )


@dataclass(slots=True, kw_only=True)
class Fortune:
    """What happens to the exporter: when it looks, and what goes wrong."""

    instants: list[int]
    outages: list[tuple[int, int]]
    steps: list[tuple[int, int, int]]  # the own clock is so many seconds off from one instant to another
    restarts: dict[int, Memory]
    longest_answer: int = 10  # seconds that a request may take; one that takes longer gives no evidence

    def off(self, at: int) -> int:
        return next((seconds for start, end, seconds in self.steps if start <= at < end), 0)

    def down(self, at: int) -> bool:
        return any(start <= at < end for start, end in self.outages)


def a_fortune(rng: Random, era: Era, lives: list[Life], *, looks: int) -> Fortune:
    """Looks at every instant that matters, as far as `looks` reaches, at chance instants and on a coarse grid."""

    def spells(count: int, longest: int) -> list[tuple[int, int]]:
        starts = (rng.randrange(era.begin, era.end) for _ in range(count))
        return [(at, at + rng.randrange(MINUTE, longest)) for at in starts]

    span = era.end - era.begin
    outages = spells(4, max(2, span // 200)) + spells(2, max(2, span // 20))
    offs = (-59, -30, 30, 59, 300, 3600, -3600, DAY, -DAY, 365 * DAY, -365 * DAY)
    steps = sorted((*spell, rng.choice(offs)) for spell in spells(5, span // 50))
    restarts = {rng.randrange(era.begin, era.end): rng.choice(tuple(Memory)) for _ in range(rng.choice((0, 2, 5)))}
    edges = [at + d for at in chain(*outages, *(step[:2] for step in steps)) for d in (-1, 0, 1, MINUTE)]
    grid = range(era.begin + rng.randrange(DAY), era.end, max(MINUTE, span // 120))
    chances = [rng.randrange(era.begin, era.end) for _ in range(looks // 8)]
    wanted = sorted({at for life in lives for at in _weighty(life)})
    usual = sorted({at for life in lives for at in _usual(life)})
    wanted = rng.sample(wanted, min(len(wanted), looks))
    usual = rng.sample(usual, min(len(usual), looks // 2))
    instants = sorted({*edges, *grid, *chances, *wanted, *usual, *restarts})
    return Fortune(
        instants=[at for at in instants if era.begin <= at < era.end],
        outages=outages,
        steps=steps,
        restarts=restarts,
    )


def _deadline(life: Life, owed: Owed) -> int:
    return owed.fire.at[-1] + life.grace_of(life.settings[owed.setting].cron)


def _answered(life: Life, owed: Owed) -> bool:
    return any(at <= _deadline(life, owed) for at in owed.runs)


def _weighty(life: Life) -> list[int]:
    """Deadlines of missed fires, edits, and what a clock change touches, to the second."""
    missed = [_deadline(life, owed) for owed in life.owed if not _answered(life, owed)]
    edits = [setting.since + margin for setting in life.settings for margin in (0, MINUTE)]
    touched = [
        at
        for setting in life.settings
        for fire in life.windows(setting).irregular
        for at in _about(life, setting, fire)
    ]
    exact = [at + d for at in (*missed, *edits) for d in (-1, 0, 1)]
    return [*exact, *touched, *(at for at, _ in life.resets)]


def _about(life: Life, setting, fire) -> list[int]:
    grace = life.grace_of(setting.cron)
    return [
        at + d for at in (fire.at or (fire.gap_end, fire.shifted)) for d in (-1, 0, 40, grace - 1, grace, grace + 1)
    ]


def _usual(life: Life) -> list[int]:
    runs = [run.at + d for run in life.runs for d in (-1, 0)]
    owed = [at for one in life.owed for at in (one.fire.at[0], _deadline(life, one) - 1, _deadline(life, one))]
    return runs + owed


class Play:
    """One exporter before one fleet. `name` is printed with a failure: it is what makes the same play again."""

    def __init__(
        self, name: str, lives: list[Life], fortune: Fortune, *, eye: Callable[[Mapping[str, Policy]], Eye], rng: Random
    ) -> None:
        self._name = name
        self._fortune = fortune
        self._rng = rng
        self._lives = lives
        self._witnesses = {life.task_id: Witness(life) for life in lives}
        self._eye = eye({life.task_id: life.policy(STALE_AFTER) for life in lives})
        self._waiting = {life.task_id: _misses(life) for life in lives}
        self._next = dict.fromkeys(self._waiting, 0)
        self._skewed = False  # a good answer was refused for its Date, and none has been taken since
        self._hinted = False  # a failed answer's Date said as much: either way of showing is sound
        self.totals = Totals(misses=sum(map(len, self._waiting.values())))

    def run(self) -> Totals:
        free = 0  # polls do not overlap
        for at in self._fortune.instants:
            if at in self._fortune.restarts:
                self._restart(self._fortune.restarts[at])
            if at >= free:
                free = self._poll(at)
            else:
                self._look(at)
        for task_id, waiting in self._waiting.items():
            self.totals.hidden["never looked at again"] += len(waiting) - self._next[task_id]
        return self.totals

    def _restart(self, memory: Memory) -> None:
        self._eye.restart(memory)
        self._skewed = self._hinted = False
        for witness in self._witnesses.values():
            witness.restart(memory)

    def _poll(self, at: int) -> int:
        """One round; when it ended."""
        takes = self._rng.randint(0, self._fortune.longest_answer + 2) if self._rng.random() < 0.1 else 0
        answered, off = at + takes, self._fortune.off(at)
        if takes > self._fortune.longest_answer or self._fortune.off(answered) != off:
            return self._failed(Reason.TIMEOUT, answered, skew=None)
        if self._fortune.down(at):
            return self._failed(Reason.HTTP_5XX, answered, skew=self._rng.choice((None, -off)))
        if abs(off) > MOST_SKEW:
            return self._failed(Reason.CLOCK_SKEW, answered, skew=-off)
        told = self._rng.randint(at, answered)
        there = [witness for witness in self._witnesses.values() if witness.life.created <= told]
        tasks = [witness.life.task_at(told) for witness in there]
        self._eye.polled(tasks, fetched_at=moment(at + off), seconds=float(at), skew=timedelta(seconds=-off))
        self._skewed = self._hinted = False
        for witness in there:
            witness.polled(at + off, told)
        self._look(answered, polled=at + off)
        return answered + 1

    def _failed(self, reason: Reason, at: int, *, skew: int | None) -> int:
        self._eye.failed(reason, skew=None if skew is None else timedelta(seconds=skew))
        self._skewed |= reason is Reason.CLOCK_SKEW
        self._hinted |= abs(skew or 0) > MOST_SKEW
        self._look(at)
        return at + 1

    def _look(self, at: int, *, polled: int | None = None) -> None:
        """Compare all that is shown with what must be. `polled`: when the poll that has just ended was sent."""
        now = at + self._fortune.off(at)
        shown = self._eye.shown(moment(now))
        for task_id, witness in self._witnesses.items():
            if witness.fresh and task_id in shown:
                self._compare(witness, shown[task_id], now, at)
                if polled is not None:
                    self._close(witness, shown[task_id], polled, at)

    def _compare(self, witness: Witness, shown: Shown, now: int, at: int) -> None:
        totals, must = self.totals, witness.must_show(now)
        known = must.missed is not None and witness.memo.epoch[2]
        may = None if known and (self._skewed or (self._hinted and shown.missed is None)) else must.missed
        totals.verdicts += 1
        totals.shown += shown.missed is True
        totals.unknown += shown.missed is None
        if shown.missed and not may:
            totals.false += 1
            self._fail(f"false: missed is shown, must be {may}", witness, at)
        elif may and not shown.missed:
            totals.lost += 1
            self._fail(f"lost: {shown.missed} is shown of a proven miss", witness, at)
        elif shown.missed != may:
            totals.false += may is None
            self._fail(f"wrong: {shown.missed} is shown, must be {may}", witness, at)
        elif may:
            totals.unknowable += witness.unknowable()
            if shown.consecutive not in (must.consecutive, None):
                totals.wrong_counts += 1
                self._fail(f"{shown.consecutive} missed in a row, must be {must.consecutive}", witness, at)
        if shown.counts is not None:
            self._compare_counts(witness, shown, at)

    def _compare_counts(self, witness: Witness, shown: Shown, at: int) -> None:
        self.totals.ledgers += 1
        if not witness.memo.bounds.hold(shown.counts):
            self.totals.wrong_counts += 1
            self._fail(f"ledger: {shown.counts}, must be {witness.memo.bounds}", witness, at)

    def _close(self, witness: Witness, shown: Shown, asked: int, at: int) -> None:
        """The first good poll from a missed fire's deadline on: it proves the miss, or never will."""
        waiting, index = self._waiting[witness.life.task_id], self._next[witness.life.task_id]
        while index < len(waiting) and witness.deadline(waiting[index]) <= asked:
            why = witness.hidden(waiting[index])
            if why:
                self.totals.hidden[why] += 1
            self.totals.provable += not why
            if not why and not shown.missed:
                self.totals.lost += 1
                self._fail(f"lost: fire of {moment(waiting[index].fire.at[0])} is not shown as missed", witness, at)
            index += 1
        self._next[witness.life.task_id] = index

    def _fail(self, text: str, witness: Witness, at: int) -> None:
        if len(self.totals.failures) < 3:
            lines = [f"{self._name}, task {witness.life.task_id}, at {moment(at)}: {text}", f"memory: {witness.memo}"]
            self.totals.failures.append("\n  ".join([*lines, *witness.life.history(at)]))


def _misses(life: Life) -> list[Owed]:
    """Mandatory fires that got no run of their own by their deadline, in the order of their deadlines."""
    missed = (owed for owed in life.owed if not _answered(life, owed))
    return sorted(missed, key=lambda owed: _deadline(life, owed))
