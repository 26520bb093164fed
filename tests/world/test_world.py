"""Never a false alarm, never a lost run: years of a pretend world before the exporter, against the world's own truth.

`WORLD_SEED`, `WORLD_FLEETS` and `WORLD_LOOKS` choose another or a longer one (`make soak`). What counts as false,
provable and lost is said in tests/world/truth.py.
"""

from __future__ import annotations

import os
from random import Random

import pytest

from world import broken
from world.chance import Era, a_life
from world.eyes import House
from world.fleets import HISTORY, SPAN, TASKS, ZONES, an_era, day, play, play_all
from world.play import Totals

SEED = int(os.environ.get("WORLD_SEED", "0"))
FLEETS = int(os.environ.get("WORLD_FLEETS", "60"))
LOOKS = int(os.environ.get("WORLD_LOOKS", "100"))
TENTH = range(10)
BREAKS = (
    broken.NoGrace,
    broken.NoEarly,
    broken.NoEpochs,
    broken.StaleEvidence,
    broken.LatestFire,
    broken.AwareCroniter,
    broken.SkippedIsMandatory,
)


@pytest.fixture(scope="module")
def parts() -> list[Totals]:
    """The whole world before the exporter itself, a tenth after the other."""
    return [play_all(SEED, range(part, FLEETS, 10), eye=House, looks=LOOKS) for part in TENTH]


@pytest.mark.parametrize("part", TENTH)
def test_the_exporter_is_never_wrong(parts: list[Totals], part: int) -> None:
    """No false missed verdict, no provable miss that the first poll after its deadline does not show, exact counts."""
    totals = parts[part]

    assert not totals.failures, "\n\n".join([f"{totals}", *totals.failures])
    assert (0, 0, 0) == (totals.false, totals.lost, totals.wrong_counts)


def test_the_world_was_worth_living_in(
    parts: list[Totals], pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hundreds of tasks, a hundred thousand verdicts, thousands of misses: none of the zeros is for want of trying."""
    totals = Totals()
    for part in parts:
        totals.add(part)
    with capsys.disabled():
        pytestconfig.get_terminal_writer().line(f"\nworld of seed {SEED}, {FLEETS * TASKS} tasks: {totals}")

    assert FLEETS * TASKS >= 300
    assert totals.verdicts >= 200 * FLEETS * TASKS
    assert totals.shown >= totals.verdicts // 25
    assert totals.provable >= 15 * FLEETS * TASKS
    assert min(totals.unknown, totals.unknowable, *totals.hidden.values()) > 0


def test_the_small_judge_is_sound() -> None:
    """What the next test breaks is right before it is broken."""
    totals = play_all(0, range(5), eye=broken.Small, looks=60)

    assert [] == totals.failures
    assert totals.verdicts > 5_000


@pytest.mark.parametrize("eye", BREAKS, ids=lambda eye: eye.__name__)
def test_a_broken_judge_is_caught(eye: type[broken.Small]) -> None:
    """The world tells each break from the sound judge: it finds false alarms or lost runs."""
    found = (play(0, index, eye=eye, looks=60) for index in range(5))

    assert any(totals.false + totals.lost for totals in found)


def test_every_clock_change_is_lived_through() -> None:
    """Most zones change their clocks in their year, those of history do so oddly, and the fleets leave none out."""
    for zone, begin in HISTORY:
        assert Era((zone,), day(begin), day(begin) + SPAN).changes(zone), zone
    assert sum(len(Era((zone,), day("2024-01-10"), day("2024-01-10") + SPAN).changes(zone)) > 1 for zone in ZONES) >= 22
    lived = {zone for index in range(FLEETS) for zone in an_era(Random(index), index).zones}
    assert set() == {*ZONES, *(zone for zone, _ in HISTORY[:12])} - lived


def test_the_same_numbers_give_the_same_world() -> None:
    """A failure can be played again from the seed and the fleet that it prints."""
    one, two = (a_life(Random("x"), an_era(Random("y"), 0), "1") for _ in range(2))

    assert (one.settings, one.runs, one.resets) == (two.settings, two.runs, two.resets)
    assert play(7, 1, eye=broken.Small, looks=20) == play(7, 1, eye=broken.Small, looks=20)
