from __future__ import annotations

import pytest

from exporter.simulator.faults import Fault, Faults

DENIED = Fault(status=403)
BROKEN = Fault(status=500)


@pytest.mark.parametrize(
    ("account", "task_id", "asked_account", "asked_task", "played"),
    [
        (None, None, None, None, True),
        (None, None, "main", "7", False),  # played before the account is known, not again after
        ("main", None, "main", None, True),
        ("main", None, "main", "7", True),
        ("main", None, "other", "7", False),
        ("main", None, None, None, False),
        ("main", 7, "main", "7", True),
        ("main", "7", "main", "8", False),
        ("main", "7", "main", None, False),
    ],
)
def test_who_meets_a_fault(
    account: str | None, task_id: str | int | None, asked_account: str | None, asked_task: str | None, played: bool
) -> None:
    """A fault is met by the requests of its scope and by no others."""
    faults = Faults()
    faults.add(DENIED, account=account, task_id=task_id)
    assert (DENIED if played else None) == faults.take(account=asked_account, task_id=asked_task)


def test_a_counted_fault_ends_by_itself() -> None:
    """It is played so many times, and then what was in force before is again."""
    faults = Faults()
    faults.add(BROKEN, account="main")
    faults.add(counted := Fault(status=429, count=2), account="main")
    assert [counted, counted, BROKEN, BROKEN] == [faults.take(account="main") for _ in range(4)]


@pytest.mark.parametrize(
    ("clear", "left"),
    [
        ({}, [None, None, None]),
        ({"account": "main"}, [DENIED, None, None]),
        ({"account": "main", "task_id": 7}, [DENIED, BROKEN, BROKEN]),
    ],
)
def test_clear(clear: dict[str, object], left: list[Fault | None]) -> None:
    """Faults are cleared for one task, for an account with its tasks, or wholly."""
    faults = Faults()
    faults.add(DENIED)
    faults.add(BROKEN, account="main")
    faults.add(DENIED, account="main", task_id="7")
    faults.clear(**clear)
    taken = [faults.take(account=None), faults.take(account="main"), faults.take(account="main", task_id="7")]
    assert left == taken


def test_a_task_without_its_account_is_refused() -> None:
    """Task ids belong to accounts."""
    with pytest.raises(ValueError, match="expected its account"):
        Faults().add(DENIED, task_id=7)
