"""Which worlds are played: a number names a fleet, its zones and years, and all that happens in it."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

from world.calendar import DAY
from world.chance import Era, a_life
from world.play import Play, Totals, a_fortune

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from exporter.model import Policy
    from world.eyes import Eye

TASKS = 5  # of a fleet
SPAN = 400 * DAY  # more than a year: every clock change of a zone comes at least once

ZONES = (
    "Africa/Cairo", "Africa/Casablanca", "America/Asuncion", "America/Bogota", "America/Chicago", "America/Havana",
    "America/Los_Angeles", "America/New_York", "America/Nuuk", "America/Santiago", "America/Scoresbysund",
    "America/St_Johns", "Antarctica/Troll", "Asia/Almaty", "Asia/Beirut", "Asia/Gaza", "Asia/Jerusalem",
    "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tokyo", "Atlantic/Azores", "Australia/Adelaide", "Australia/Lord_Howe",
    "Australia/Sydney", "Etc/UTC", "Europe/Berlin", "Europe/Chisinau", "Europe/Dublin", "Europe/Lisbon",
    "Europe/London", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Easter",
)  # fmt: skip
YEARS = ("2023-03-01", "2023-09-20", "2024-01-10", "2024-10-01", "2025-02-01")

# Zones that changed their offset for good, skipped a day, or did it at odd hours, and the year in which they did.
HISTORY = (
    ("Pacific/Apia", "2011-06-01"), ("Europe/Moscow", "2010-12-01"), ("Asia/Pyongyang", "2015-03-01"),
    ("Asia/Pyongyang", "2018-01-01"), ("Europe/Istanbul", "2015-12-01"), ("America/Caracas", "2015-12-01"),
    ("Europe/Volgograd", "2018-05-01"), ("Europe/Volgograd", "2020-05-01"), ("America/Sao_Paulo", "2018-03-01"),
    ("Africa/Juba", "2020-09-01"), ("America/Mexico_City", "2022-01-01"), ("Asia/Amman", "2022-01-01"),
    ("Asia/Tehran", "2022-01-01"), ("Antarctica/Casey", "2020-01-01"), ("Pacific/Norfolk", "2019-02-01"),
    ("Antarctica/Vostok", "2023-06-01"), ("Pacific/Fakaofo", "2011-06-01"), ("Asia/Qyzylorda", "2018-06-01"),
)  # fmt: skip


def day(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def an_era(rng: Random, index: int) -> Era:
    """Mostly a year in some zones; every fifth a year of history, every fifth six busy days round a clock change."""
    if index % 5 == 3:
        zone, begin = HISTORY[index // 5 % len(HISTORY)]
        return Era((zone, zone, "Etc/UTC"), day(begin), day(begin) + SPAN)
    begin = day(rng.choice(YEARS))
    year = Era(tuple(ZONES[(4 * index + number) % len(ZONES)] for number in range(4)), begin, begin + SPAN)
    if index % 5 < 3:
        return year
    zone = rng.choice(("America/New_York", "Australia/Lord_Howe", "Europe/London", "Asia/Gaza", "Antarctica/Troll"))
    change = rng.choice(year.changes(zone))
    return Era((zone, zone, "America/Havana"), change - 3 * DAY, change + 3 * DAY, busy=True)


def play(seed: int, index: int, *, eye: Callable[[Mapping[str, Policy]], Eye], looks: int) -> Totals:
    """Make fleet number `index` of a seed and play it through before an eye. The same numbers, the same play."""
    name = f"seed {seed}, fleet {index}, looks {looks}"
    rng = Random(name)
    era = an_era(rng, index)
    lives = [a_life(rng, era, str(1000 + number)) for number in range(TASKS)]
    fortune = a_fortune(rng, era, lives, looks=looks)
    return Play(name, lives, fortune, eye=eye, rng=rng).run()


def play_all(seed: int, indices: Iterable[int], *, eye: Callable[[Mapping[str, Policy]], Eye], looks: int) -> Totals:
    totals = Totals()
    for index in indices:
        totals.add(play(seed, index, eye=eye, looks=looks))
    return totals
