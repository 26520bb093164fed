from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

from exporter.simulator.tasks import SimTask
from exporter.simulator.world import Account, World, id_sequence, sped_up_clock

START = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)


def test_a_sped_up_clock() -> None:
    """It shows its start when made, and sixty seconds for each real one after."""
    real = iter([100.0, 100.0, 101.5])
    clock = sped_up_clock(start=START, speed=60, monotonic=lambda: next(real))
    assert [START, START + timedelta(seconds=90)] == [clock(), clock()]


def test_requests_are_counted_by_the_minute_of_the_clock() -> None:
    """The count starts anew with each minute, not a minute after the first request."""
    account = Account(name="main", access_key="pretend-key")
    counts = [account.count_request(START + timedelta(seconds=seconds)) for seconds in (0, 1, 29, 30, 89, 90)]
    assert [1, 2, 3, 1, 2, 1] == counts


def test_ids_are_large_and_some_beyond_a_double() -> None:
    """Ids have 16 digits or more, are all different, the same for a seed, and a third does not survive a float."""
    ids, again = id_sequence(7), id_sequence(7)
    made = [next(ids) for _ in range(300)]
    assert made == [next(again) for _ in range(300)]
    assert 300 == len(set(made))
    assert min(len(str(number)) for number in made) >= 16
    assert sum(int(float(number)) != number for number in made) >= 90


def test_a_new_id_is_nobodys() -> None:
    """An id that a task of any account has already is passed over."""
    taken, free = islice(id_sequence(7), 2)
    world = World(clock=lambda: START, seed=7)
    task = SimTask(id=taken, name="a task", created_at=START, crontab="* * * * *")
    world.add_account(Account(name="main", access_key="pretend-key"), [task])
    assert free == world.new_id()


def test_accounts_are_found_by_the_key_they_have_now() -> None:
    """A rotated key is dead at once, and no account answers to an empty one."""
    world = World(clock=lambda: START)
    main = world.add_account(Account(name="main", access_key="old"))
    main.rotate("new")
    assert [None, main, None] == [world.find_account(key) for key in ("old", "new", "")]
