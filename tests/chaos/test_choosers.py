from __future__ import annotations

from builders import at
from chaos.choosers import always, by_chance, in_turn, truth
from chaos.faults import FAULTS
from chaos.server import Asked

TASK, LIST = (
    Asked(at=at("2024-06-10 12:00Z"), account="main", path=path, head="") for path in ("/v1/tasks/1", "/v1/tasks")
)


def test_always() -> None:
    """One fault for whatever is asked, or none."""
    assert [("U8-503", FAULTS["U8-503"].play)] * 2 == [always("U8-503", FAULTS)(asked) for asked in (TASK, LIST)]
    assert truth(TASK) is None


def test_in_turn() -> None:
    """A script is played once, and then the truth is told."""
    choose = in_turn(["U8-503", None, "U1-400"], FAULTS)
    chosen = [choose(TASK) for _ in range(5)]
    assert ["U8-503", None, "U1-400", None, None] == [each and each[0] for each in chosen]


def test_by_chance() -> None:
    """The share is kept, the same seed gives the same faults, and none is for another kind of request or for a door."""
    chosen = [
        [by(TASK) for _ in range(5000)] for by in (by_chance(0.6, FAULTS, seed=7), by_chance(0.6, FAULTS, seed=7))
    ]
    names = [each[0] for each in chosen[0] if each]
    assert chosen[0] == chosen[1]
    assert 0.57 < len(names) / 5000 < 0.63
    assert {name for name, fault in FAULTS.items() if fault.on_request and not fault.listed} == set(names)
    listed = by_chance(1, FAULTS, seed=7)
    assert "U41-100000-tasks" in {listed(LIST)[0] for _ in range(5000)}
