"""What really happened to each task, and what an exporter may say of it. JUDGE's rule on facts that are certain."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chaos.faults import FAULTS
from exporter.model import Reason
from exporter.simulator.cron import parse_cron
from soak.fleet import EARLY, GRACE, LIES, SPECS, STALE_AFTER, TIMEOUT_SECONDS, Fate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chaos.server import Asked
    from exporter.simulator.cron import Cron
    from exporter.simulator.tasks import SimTask
    from soak.fleet import Life
    from soak.scraper import Shown

    Key = tuple[str, str]

_MARGIN = timedelta(seconds=60)  # a fire within the minute of an edit may belong to either side
_INSTANT = timedelta.resolution
_SAMPLING = timedelta(seconds=1.5)  # how far apart two of our looks are at most, and an answer and its request
TAKEN_SECONDS = TIMEOUT_SECONDS / 2  # an answer that was out so soon was taken
SHOWN_SECONDS = 5.0  # beside grace and interval
_HELD_SECONDS = 1.5  # that we may hear late why what was shown is no more
_FRESH = STALE_AFTER - timedelta(seconds=2)
# What is refused whatever was asked for. Of a list some of the others are believed, or take tasks away; and a task's
# 404 and a false Date withdraw what was known.
_REFUSED = frozenset(
    name
    for name, fault in FAULTS.items()
    if fault.reason not in {None, Reason.BAD_SHAPE, Reason.WRONG_ID, Reason.HTTP_404, Reason.CLOCK_SKEW}
)


@dataclass(slots=True)
class Subject:
    """One task's history: its schedules by when they began, its runs, and when a run was missing."""

    life: Life
    schedules: list[tuple[datetime, Cron | None]] = field(init=False)  # None: disabled
    runs: list[tuple[datetime, int]] = field(default_factory=list)
    spells: list[tuple[datetime, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.schedules = [(self.life.task.created_at, _cron(self.life.task))]

    def look(self, now: datetime) -> None:
        """Take its turns, let it run, and note what has changed."""
        task = self.life.task
        while self.life.turns and self.life.turns[-1][0] <= now:
            self.life.turns.pop()[1](task, now)
        if self.schedules[-1][1] != _cron(task):
            self.schedules.append((now, _cron(task)))
        task.advance(now)
        if task.last_run_at and (not self.runs or self.runs[-1][0] != task.last_run_at):
            self.runs.append((task.last_run_at, task.runs))
        if self.owes(now):
            self._extend_spell(now)

    def _extend_spell(self, now: datetime) -> None:
        if self.spells and now - self.spells[-1][1] <= 2 * _SAMPLING:
            self.spells[-1] = (self.spells[-1][0], now)
        else:
            self.spells.append((now, now))

    def schedule(self, at: datetime) -> tuple[datetime, Cron | None]:
        return self.schedules[bisect_right(self.schedules, at, key=lambda one: one[0]) - 1]

    def last_run(self, at: datetime) -> tuple[datetime, int] | None:
        index = bisect_right(self.runs, at, key=lambda one: one[0])
        return self.runs[index - 1] if index else None

    def owes(self, at: datetime, *, known_since_at: datetime | None = None) -> bool:
        """Whether a fire's deadline has passed without a run; for whom the schedule was new at `known_since_at`."""
        since_at, cron = self.schedule(at)
        if cron is None:
            return False
        base_at = max(since_at, known_since_at or since_at) + _MARGIN
        last = self.last_run(at)
        answered_at = last[0] + EARLY if last else base_at
        after = answered_at if answered_at >= base_at else base_at - _INSTANT
        return next(cron.fires(after, at - GRACE), None) is not None

    def was_missing(self, at: datetime) -> bool:
        return any(first - _SAMPLING <= at <= last + _SAMPLING for first, last in self.spells)


def _cron(task: SimTask) -> Cron | None:
    return parse_cron(task.crontab, task.timezone) if task.enabled else None


@dataclass(slots=True)
class Belief:
    """What an exporter must take a task's schedule for, by the answers it got."""

    schedule: object = None
    since_at: datetime | None = None
    lied_to: bool = False


@dataclass(slots=True)
class Proof:
    """That a task is missed. It has to be shown from `known_at` on, until that is stale or something is said."""

    known_at: datetime
    evidence_at: datetime  # when the newest answer that bears it was asked for
    shown: bool
    gone_at: datetime | None = None  # since when it is shown no more


class Truth:
    """Judges what is shown by what is true. Tell it of time, answers and scrapes in their order."""

    def __init__(self, lives: Mapping[Key, Life]) -> None:
        self.subjects = {key: Subject(life) for key, life in lives.items()}
        self._beliefs = {key: Belief() for key in lives}
        self._by_account = {spec.name: [key for key in lives if key[0] == spec.name] for spec in SPECS}
        self._proofs: dict[Key, Proof] = {}
        self._missed: set[Key] = set()
        self.reloads_at: Sequence[datetime] = ()  # what was under way then may have been dropped
        self._first: dict[Key, Shown] = {}
        self.newest: Mapping[Key, Shown] = {}
        self.verdicts: Counter[float] = Counter()  # by the value of missed_run
        self.unproven: list[str] = []  # missed, but it was not
        self.unseen: list[str] = []  # it was missed and that could be known, but it was not shown, or no more
        self.latencies: list[float] = []

    def look(self, now: datetime) -> None:
        for subject in self.subjects.values():
            subject.look(now)

    def hear(self, asked: Asked) -> None:
        """One request that is over."""
        for key in self._told_by(asked):
            if asked.fault is None:
                self._learn(key, asked)
            elif asked.fault not in _REFUSED:
                self._proofs.pop(key, None)  # what has been said may have withdrawn it

    def _told_by(self, asked: Asked) -> Iterable[Key]:
        if asked.path != "/v1/tasks":
            key = (asked.account, asked.path.removeprefix("/v1/tasks/"))
            self._note_lie([key], asked)
            return [key] if key in self.subjects else []
        keys = self._by_account.get(asked.account, [])
        self._note_lie(keys[:1], asked)
        return keys

    def _note_lie(self, keys: Iterable[Key], asked: Asked) -> None:
        for key in keys:
            if asked.fault in LIES and key in self._beliefs:
                self._beliefs[key].schedule, self._beliefs[key].lied_to = asked, True

    def _learn(self, key: Key, asked: Asked) -> None:
        """A true answer: from here on the schedule is known, and perhaps a miss."""
        ended_at = asked.at + timedelta(seconds=asked.seconds)
        dropped = any(asked.at - _SAMPLING <= each <= ended_at + _SAMPLING for each in self.reloads_at)
        if dropped or asked.seconds > TAKEN_SECONDS:
            self._proofs.pop(key, None)  # nobody knows what has been heard
            return
        subject, belief = self.subjects[key], self._beliefs[key]
        schedule = subject.schedule(asked.at)
        if belief.schedule is not None and belief.schedule != schedule:
            belief.since_at = ended_at
        belief.schedule = schedule
        request_at = asked.at - timedelta(seconds=TIMEOUT_SECONDS)
        if subject.owes(request_at, known_since_at=belief.since_at):
            proof = self._proofs.setdefault(key, Proof(ended_at, asked.at, shown=key in self._missed))
            proof.evidence_at = asked.at
        else:
            self._proofs.pop(key, None)

    def see(self, at: datetime, shown: Mapping[Key, Shown]) -> None:
        """One scrape that began at `at`."""
        self.newest = shown
        self._missed = {key for key, one in shown.items() if one.missed}
        self.verdicts.update(one.missed for one in shown.values() if one.missed is not None)
        for key, one in shown.items():
            if one.runs is not None and key in self.subjects:
                self._first.setdefault(key, one)
        for key in self._missed:
            self._check_missed(key, shown[key])
        for key in list(self._proofs):
            self._check_proof(key, at)

    def _check_missed(self, key: Key, one: Shown) -> None:
        evidence_at = datetime.fromtimestamp(one.fetched or 0, UTC)
        subject = self.subjects.get(key)
        if subject is None or not subject.was_missing(evidence_at):
            fate = "is nobody's" if subject is None else f"({subject.life.fate}, {subject.life.task.crontab})"
            self.unproven.append(f"{'/'.join(key)} {fate} was shown as missed, by evidence of {evidence_at:%X.%f}")

    def _check_proof(self, key: Key, at: datetime) -> None:
        proof, since_at = self._proofs[key], self._beliefs[key].since_at
        if key in self._missed:
            if not proof.shown:
                self.latencies.append(max(0.0, (at - proof.known_at).total_seconds()))
            proof.shown, proof.gone_at = True, None
        elif at - proof.evidence_at > _FRESH or not self.subjects[key].owes(at, known_since_at=since_at):
            del self._proofs[key]
        elif proof.shown and proof.gone_at is None:
            proof.gone_at = at
        elif (at - (proof.gone_at or proof.known_at)).total_seconds() > (
            _HELD_SECONDS if proof.shown else SHOWN_SECONDS
        ):
            lost = f", and shown until {proof.gone_at:%X.%f}" if proof.gone_at else ""
            self.unseen.append(f"{'/'.join(key)} was missed, which was known at {proof.known_at:%X.%f}{lost}")
            del self._proofs[key]

    def account_for_runs(self, *, since_at: datetime) -> tuple[int, list[str]]:
        """Of how many tasks the counters could be held to the truth, and where they differ from it.

        Of those that upstream never lied about, whose schedule stayed, and that were polled since then.
        """
        held, lost = 0, []
        for key, first in self._first.items():
            subject, last = self.subjects[key], self.newest.get(key)
            lied_to = self._beliefs[key].lied_to or len(subject.schedules) > 1
            if not lied_to and last is not None and (last.fetched or 0) > since_at.timestamp():
                held += 1
                lost += [f"{'/'.join(key)} ({subject.life.fate}) {each}" for each in _lost(subject, first, last)]
        return held, lost


def _lost(subject: Subject, first: Shown, last: Shown) -> Iterable[str]:
    """In what the ledger differs from the truth between two polls."""
    fetched_at = datetime.fromtimestamp(last.fetched or 0, UTC)
    true = {found[1] for each in (timedelta(), _SAMPLING) if (found := subject.last_run(fetched_at + each))}
    if last.runs not in true:
        yield f"has {last.runs} runs, expected {sorted(true)}"
    cron = subject.schedules[0][1]
    assert cron is not None  # noqa: S101 - no task begins disabled
    expected = cron.count(_horizon(first), _horizon(last))
    observed = (last.runs or 0) - (first.runs or 0)
    if (last.expected, last.observed) != (expected, observed):
        yield f"counted {last.expected} fires and {last.observed} runs, expected {expected} and {observed}"
    if last.missed_runs - last.extra_runs != expected - observed:
        yield f"counted {last.missed_runs} missed and {last.extra_runs} extra of {expected} fires and {observed} runs"
    if last.extra_runs and subject.life.fate is not Fate.LATE:
        yield f"counted {last.extra_runs} extra runs, expected none"


def _horizon(shown: Shown) -> datetime:
    """Up to when each fire has been resolved by this evidence."""
    by_run_at = datetime.fromtimestamp(shown.last_run or 0, UTC) + EARLY
    return max(by_run_at, datetime.fromtimestamp(shown.fetched or 0, UTC) - GRACE)
