"""Lives by chance: seeded, so that the same number always gives the same world."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import islice, takewhile
from operator import attrgetter
from typing import TYPE_CHECKING

from world.calendar import CONVENTIONS, DAY, HOUR, MINUTE, Cron, clock_changes, fires, stretches
from world.life import Life, Owed, Run, Setting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from world.calendar import Fire

_LATEST = 3 * HOUR  # beyond the deadline


@dataclass(frozen=True, slots=True)
class Temper:
    """How often, out of one, a fire's run is left out, comes late, early, or twice."""

    missing: float
    late: float
    early: float
    double: float


TEMPERS = (Temper(0, 0, 0, 0), Temper(0.02, 0.02, 0.02, 0.01), Temper(0.1, 0.1, 0.1, 0.05), Temper(0.3, 0.05, 0.05, 0))


@dataclass(frozen=True, slots=True)
class Era:
    """Where and when lives are lived. `busy`: crontabs of many fires an hour, so keep it short."""

    zones: tuple[str, ...]
    begin: int
    end: int
    busy: bool = False

    def changes(self, zone: str) -> tuple[int, ...]:
        return clock_changes(zone, self.begin, self.end)


def a_life(rng: Random, era: Era, task_id: str) -> Life:
    """A task that is created at some time of the era, with all that ever happens to it."""
    span = era.end - era.begin
    created = era.begin + rng.randrange(span // 6)
    convention, temper = rng.choice(CONVENTIONS), rng.choice(TEMPERS)
    life = Life(task_id, created, era.end, convention, [], [], [])
    if rng.random() < 0.3:
        life.grace = rng.choice((MINUTE, 5 * MINUTE, 20 * MINUTE, 2 * HOUR))
        life.early = rng.choice((None, 0, 30, 5 * MINUTE))
    life.settings = list(_settings(rng, era, created))
    pauses = [(at, at + rng.randrange(span // 8)) for at in _instants(rng, era, rng.choice((0, 0, 1, 2)))]
    for index, setting in enumerate(life.settings):
        if setting.enabled:
            _live(rng, life, index, temper, pauses)
    life.runs += [Run(at, "extra") for at in _instants(rng, era, rng.choice((0, 0, 0, 4))) if at > created]
    life.runs.sort(key=lambda run: run.at)
    # A count without a last run would be implausible: another test's matter.
    resets = [at for at in _instants(rng, era, rng.choice((0, 0, 0, 1, 2))) if life.last_run(at) is not None]
    life.resets = [(at, rng.choice((0, 0, 1, 40))) for at in resets]
    return life


def _instants(rng: Random, era: Era, count: int) -> list[int]:
    return sorted(rng.randrange(era.begin, era.end) for _ in range(count))


def _settings(rng: Random, era: Era, created: int) -> Iterator[Setting]:
    """Edits, pauses and resumes; some are taken back within minutes, some fall on the minute of a fire."""
    zone = rng.choice(era.zones)
    now = Setting(created, a_cron(rng, era, zone), zone)
    yield now
    for at in _instants(rng, era, rng.choice((0, 0, 2, 6, 12))):
        since = _near_a_fire(rng, now, at) if rng.random() < 0.5 else at
        if since <= now.since:
            continue
        before, now = now, _edited(rng, era, now, since)
        yield now
        if now.enabled and before.enabled and rng.random() < 0.7:
            continue
        back = now.since + rng.choice((30, 5 * MINUTE, HOUR, 3 * DAY)) + rng.randrange(600)
        now = Setting(back, before.cron, before.zone)
        yield now


def _edited(rng: Random, era: Era, now: Setting, since: int) -> Setting:
    kind = rng.random()
    if kind < 0.35:
        return Setting(since, now.cron, now.zone, not now.enabled)
    if kind < 0.55:
        return Setting(since, now.cron, rng.choice(era.zones), now.enabled)
    return Setting(since, a_cron(rng, era, now.zone), now.zone, now.enabled)


def _near_a_fire(rng: Random, setting: Setting, at: int) -> int:
    found = fires(setting.cron, setting.zone, at - 2 * DAY, at + 2 * DAY)
    return rng.choice(found).first + rng.randint(-90, 90) if found else at


def a_cron(rng: Random, era: Era, zone: str) -> Cron:
    """A crontab; often one with a fire at a wall time that a clock change of the era skips or repeats."""
    hour, minute = _touched(rng, era, zone) if rng.random() < 0.6 else (rng.randrange(24), rng.randrange(60))
    rare = (
        f"{minute} {hour} * * *",
        f"{minute} {hour} * * *",
        f"{minute} {hour},{(hour + 1) % 24} * * *",
        f"{minute},{(minute + 30) % 60} {hour} * * *",
        f"{minute} {hour} * * {rng.randrange(7)}",
        f"{minute} {hour} * * 1-5",
        f"{minute} {hour} {rng.randint(1, 28)} * *",
        f"{minute} {hour} {rng.randint(1, 31)} * {rng.randrange(7)}",
        f"{minute} {hour} */2 * 1-5",
        f"{minute} */2 * * *",
        f"{minute} */{rng.choice((3, 4, 6))} * * *",
        f"{minute} * * * *",
        f"{minute} 1-6 * {rng.randint(1, 12)} *",
    )
    often = ("* * * * *", "*/5 * * * *", "*/15 * * * *", f"{minute} * * * *", f"*/10 {hour} * * *", "0,30 * * * *")
    return Cron(rng.choice(often if era.busy else rare))


def _touched(rng: Random, era: Era, zone: str) -> tuple[int, int]:
    between = stretches(zone, era.begin, era.end)
    if len(between) == 1:
        return rng.randrange(24), rng.randrange(60)
    index = rng.randrange(1, len(between))
    old, new = between[index - 1].offset, between[index].offset
    wall = between[index].start + min(old, new) + rng.randrange(-30 * MINUTE, abs(new - old) + 30 * MINUTE)
    return wall // HOUR % 24, wall // MINUTE % 60


def _live(rng: Random, life: Life, index: int, temper: Temper, pauses: list[tuple[int, int]]) -> None:
    setting, until = life.settings[index], life.until(index)
    found = life.fires(setting)
    near = bisect_left(found, setting.since - 2 * DAY, key=attrgetter("first"))
    for fire in takewhile(lambda fire: fire.first < until, islice(found, near, None)):
        instants = [at for at in fire.performed(life.convention) if setting.since <= at < until]
        silent = any(start <= fire.first < end for start, end in pauses)
        made = [] if silent else [_made(rng, life, setting, at, temper) for at in instants]
        made = [[at for at in ats if at < until or rng.random() < 0.5] for ats in made]
        if fire.at and setting.since <= fire.at[0] and fire.at[-1] < until:
            life.owed.append(Owed(fire, index, tuple(at for ats in made for at in ats)))
        for number, ats in enumerate(made):
            life.runs += _named(ats, fire, owed=bool(fire.at) and number == 0)


def _named(ats: list[int], fire: Fire, *, owed: bool) -> Iterator[Run]:
    for number, at in enumerate(ats):
        kind = "owed" if owed else "optional"
        yield Run(at, "extra" if number else kind, fire)


def _made(rng: Random, life: Life, setting: Setting, at: int, temper: Temper) -> list[int]:
    """When the run of one fire starts: mostly once, within half a minute."""
    grace, early = life.grace_of(setting.cron), life.early_of(setting.cron)
    luck = rng.random()
    if luck < temper.missing:
        return []
    if luck < temper.missing + temper.late:
        edge = (grace - 1, grace, grace + 1, rng.randint(30, grace), grace + rng.randrange(_LATEST))
        return [at + rng.choice(edge)]
    if luck < temper.missing + temper.late + temper.early:
        return [max(setting.since, at - rng.randint(0, early))]
    start = at + rng.randint(3, 30)
    return [start, start + rng.choice((1, 60, HOUR))] if rng.random() < temper.double else [start]
