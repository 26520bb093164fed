"""That the soak's truth finds a false verdict, one that is not shown, and runs that were lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from builders import at
from chaos.server import Asked
from exporter.simulator.tasks import FROZEN, NORMAL, SimTask
from soak.fleet import Fate, Life
from soak.scraper import Shown
from soak.truth import Truth

if TYPE_CHECKING:
    from datetime import datetime

KEY = ("ids", "7")
START, STOPS, END = at("2024-06-10 12:00:30Z"), at("2024-06-10 12:01:30Z"), at("2024-06-10 12:04:00Z")
PROVABLE = at("2024-06-10 12:02:31Z")  # the deadline of the fire at 12:02, and the longest that a request takes
SECOND = timedelta(seconds=1)


def a_truth(*, stops: bool = True) -> Truth:
    task = SimTask(id=7, name="Task", crontab="* * * * *", created_at=at("2024-06-01 00:00Z"))
    turns = [(STOPS, lambda task, now: task.behave(FROZEN, now))] if stops else []
    return Truth({KEY: Life(task=task, fate=Fate.STOPS if stops else Fate.RUNS, turns=turns)})


def shown(truth: Truth, instant: datetime, **changes: float | None) -> Shown:
    """What an exporter would show that polled just then and has done well."""
    found = truth.subjects[KEY].last_run(instant)
    assert found is not None
    facts = {"missed": float(instant > PROVABLE), "fetched": instant.timestamp()}
    return Shown(**facts | {"runs": float(found[1]), "last_run": found[0].timestamp()} | changes)


def told(truth: Truth, instant: datetime, fault: str | None = None) -> None:
    truth.hear(Asked(at=instant, account="ids", path="/v1/tasks/7", head="", fault=fault, seconds=0.01))


def played(truth: Truth, until: datetime, *, asks: bool = True, **changes: float | None) -> Truth:
    """Each second a true answer and a scrape of it, in which from PROVABLE on some things are otherwise."""
    now = START
    while now <= until:
        truth.look(now)
        if asks:
            told(truth, now)
        truth.see(now + SECOND / 2, {KEY: shown(truth, now, **(changes if now >= PROVABLE else {}))})
        now += SECOND
    return truth


def test_a_faithful_exporter() -> None:
    """Nothing is said against one that shows what is true; it took a second and a half to show the miss."""
    truth = played(a_truth(), END)
    assert ([], []) == (truth.unproven, truth.unseen)
    assert [1.49] == [round(each, 2) for each in truth.latencies]
    assert {0.0: 122, 1.0: 89} == dict(truth.verdicts)


def test_a_false_miss() -> None:
    """A miss of a task that ran on is false; so is one by evidence from before the deadline, or of nobody's."""
    truth = played(a_truth(stops=False), PROVABLE, missed=1.0)
    assert 1 == len(truth.unproven)
    early = a_truth()
    played(early, PROVABLE - 5 * SECOND)
    early.see(END, {KEY: shown(early, PROVABLE - 5 * SECOND, missed=1.0)})
    assert 1 == len(early.unproven)
    early.see(END, {("ids", "8"): Shown(missed=1.0, fetched=END.timestamp())})
    assert 2 == len(early.unproven)


@pytest.mark.parametrize("missed", [0.0, None])
def test_a_miss_that_is_not_shown(missed: float | None) -> None:
    """It is found 5 s after the answer that proves it, whether the contrary is shown or nothing."""
    assert [] == played(a_truth(), PROVABLE + 4 * SECOND, missed=missed).unseen
    assert 1 == len(played(a_truth(), PROVABLE + 6 * SECOND, missed=missed).unseen)


def test_what_proves_nothing() -> None:
    """Without an answer, soon after a lie about the schedule, or once something else has been said, none is owed."""
    assert [] == played(a_truth(), END, asks=False, missed=0.0).unseen
    lied_to = played(a_truth(), PROVABLE - 2 * SECOND)
    told(lied_to, PROVABLE - 2 * SECOND, "U44-reboot")
    now = PROVABLE - SECOND
    for _ in range(40):
        lied_to.look(now)
        told(lied_to, now)
        lied_to.see(now, {KEY: Shown()})
        now += SECOND
    assert [] == lied_to.unseen
    overtaken = played(a_truth(), PROVABLE + 3 * SECOND, missed=0.0)
    told(overtaken, PROVABLE + 4 * SECOND, "U34-enabled-null")
    overtaken.see(END, {KEY: Shown()})
    assert [] == overtaken.unseen


def outlasted(fault: str, seconds: int, **changes: float | None) -> Truth:
    """A miss that was shown, then so many seconds in which nothing but a fault is told."""
    truth = played(a_truth(), END)
    for number in range(1, seconds + 1):
        now = END + number * SECOND
        truth.look(now)
        told(truth, now, fault)
        truth.see(now + SECOND / 2, {KEY: shown(truth, END, **changes)})
    return truth


@pytest.mark.parametrize("missed", [0.0, None])
@pytest.mark.parametrize("fault", ["U8-500", "U17-captive-portal", "U22-stall-in-body", "U58-reset-in-headers"])
def test_a_miss_that_is_lost_in_an_outage(fault: str, missed: float | None) -> None:
    """What was proven and shown has to be shown as long as nothing but failures come, until it is stale."""
    assert [] == outlasted(fault, 2, missed=missed).unseen
    (told_of,) = outlasted(fault, 4, missed=missed).unseen
    assert told_of.endswith(f"known at {PROVABLE:%X}.010000, and shown until {END + SECOND * 1.5:%X.%f}")
    held = outlasted(fault, 58)
    assert [] == held.unseen
    held.see(END + 60 * SECOND, {KEY: Shown()})
    held.see(END + 65 * SECOND, {KEY: Shown()})
    assert [] == held.unseen
    assert 1 == len(held.latencies)


@pytest.mark.parametrize("fault", ["U4-404", "U34-enabled-null", "U44-reboot", "U52-old-Date", "U27-empty-object"])
def test_a_miss_that_is_withdrawn(fault: str) -> None:
    """What is believed instead, and what may be, ends it."""
    assert [] == outlasted(fault, 9, missed=None).unseen


def test_one_that_runs_again() -> None:
    """The evidence decides: from when the task was at fault it holds, from later it does not."""
    truth = played(a_truth(), END)
    truth.subjects[KEY].life.turns = [(END, lambda task, now: task.behave(NORMAL, now))]
    later = END + 90 * SECOND
    truth.look(END + SECOND)
    truth.look(later)
    truth.see(later, {KEY: shown(truth, END)})
    assert [] == truth.unproven
    truth.see(later, {KEY: shown(truth, later)})
    assert 1 == len(truth.unproven)


@pytest.mark.parametrize(
    ("changes", "held", "lost"),
    [
        ({}, 1, 0),
        ({"observed": 0.0}, 1, 1),
        ({"expected": 2.0}, 1, 1),
        ({"missed_runs": 1.0}, 1, 1),
        ({"missed_runs": 3.0, "extra_runs": 1.0}, 1, 1),
        ({"runs": 5.0}, 1, 3),
        ({"fetched": START.timestamp()}, 0, 0),
    ],
)
def test_the_counters(changes: dict[str, float], held: int, lost: int) -> None:
    """One run was seen and two were missed since the first poll; any other count is told of."""
    truth = a_truth()
    played(truth, END - SECOND)
    exact = {"expected": 3.0, "observed": 1.0, "missed_runs": 2.0}
    truth.look(END)
    truth.see(END, {KEY: shown(truth, END, **exact | changes)})
    found = truth.account_for_runs(since_at=END - SECOND)
    assert (held, lost) == (found[0], len(found[1]))


def test_whom_upstream_lied_to() -> None:
    """Its counters prove nothing."""
    truth = played(a_truth(), END)
    told(truth, END, "U51-runs-go-back")
    assert (0, []) == truth.account_for_runs(since_at=START)
