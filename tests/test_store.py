"""What the store keeps and lets go, poll by poll."""

from __future__ import annotations

from datetime import timedelta

import pytest

from builders import a_task, at
from exporter.model import Reason
from exporter.store import Store, TaskFacts

NOON = at("2024-06-10 12:00Z")
MINUTE = timedelta(minutes=1)


def a_store(listed: tuple[str, ...] | None = None) -> Store:
    store = Store()
    store.add_account("main", interval=MINUTE, listed=listed)
    return store


def facts(store: Store) -> dict[str, TaskFacts]:
    return dict(next(iter(store.read()))[1])


def account(store: Store):
    return next(iter(store.read()))[0]


def test_a_listed_id_is_there_before_its_first_poll() -> None:
    """What was configured is shown from the start, as nothing known."""
    assert {"1": TaskFacts("1"), "2": TaskFacts("2")} == facts(a_store(("1", "2")))
    assert account(a_store(("1",))).tasks is None


def test_a_list_poll_replaces_what_was_there() -> None:
    """Absent from a valid list is gone; a listed id that is absent stays as not found."""
    store = a_store(("1", "2"))
    store.record_list("main", [a_task(id="1"), a_task(id="2")], dropped=0, fetched_at=NOON)
    store.record_list("main", [a_task(id="1")], dropped=3, fetched_at=NOON + MINUTE)
    assert (None, False, 2) == (facts(store)["2"].task, facts(store)["2"].fetch_success, facts(store)["2"].not_found)
    assert (1, 3, NOON + MINUTE) == (account(store).tasks, account(store).dropped, account(store).last_success_at)
    every = a_store()
    every.record_list("main", [a_task(id="1"), a_task(id="2")], dropped=0, fetched_at=NOON)
    every.record_list("main", [a_task(id="2")], dropped=0, fetched_at=NOON)
    assert ["2"] == list(facts(every))


def test_a_failure_keeps_the_old_facts() -> None:
    """An outage loses no fact; it says that the newest fetch failed and why."""
    store = a_store()
    store.record_list("main", [a_task()], dropped=0, fetched_at=NOON)
    store.record_failure("main", Reason.TIMEOUT)
    kept = facts(store)["1001"]
    assert (a_task(), NOON, False) == (kept.task, kept.fetched_at, kept.fetch_success)
    told = account(store)
    assert (False, Reason.TIMEOUT, 2, {Reason.TIMEOUT: 1}) == (told.up, told.last_reason, told.polls, told.failures)


def test_a_404_counts_only_when_confirmed() -> None:
    """The first keeps the facts, the second in a row withdraws them, and neither makes the account down."""
    store = a_store(("1001",))
    store.record_task("main", a_task(), fetched_at=NOON)
    store.record_failure("main", Reason.HTTP_404, task_id="1001")
    assert (a_task(), False, True) == (
        facts(store)["1001"].task,
        facts(store)["1001"].fetch_success,
        account(store).up,
    )
    store.record_failure("main", Reason.HTTP_404, task_id="1001")
    assert (None, 2, 0) == (facts(store)["1001"].task, facts(store)["1001"].not_found, account(store).tasks)


def test_a_good_poll_between_two_404s_starts_the_count_anew() -> None:
    """Only two in a row confirm."""
    store = a_store(("1001",))
    store.record_task("main", a_task(), fetched_at=NOON)
    store.record_failure("main", Reason.HTTP_404, task_id="1001")
    store.record_task("main", a_task(), fetched_at=NOON + MINUTE)
    store.record_failure("main", Reason.HTTP_404, task_id="1001")
    assert a_task() == facts(store)["1001"].task


def test_a_404_of_the_list_is_the_accounts_fault() -> None:
    """List Tasks answering 404 means a wrong base URL: nothing can be said of the tasks, and none is withdrawn."""
    store = a_store()
    store.record_list("main", [a_task()], dropped=0, fetched_at=NOON)
    for _ in range(3):
        store.record_failure("main", Reason.HTTP_404)
    assert (False, a_task()) == (account(store).up, facts(store)["1001"].task)


@pytest.mark.parametrize(
    ("changes", "since"),
    [
        ({"runs": 161}, None),
        ({"name": "Renamed", "api": "pdf"}, None),
        ({"crontab": "0 13 * * *"}, NOON + MINUTE),
        ({"timezone": "Europe/Berlin"}, NOON + MINUTE),
        ({"enabled": False}, NOON + MINUTE),
    ],
)
def test_an_epoch_begins_when_the_schedule_or_the_switch_changes(changes: dict[str, object], since) -> None:
    """What was seen first at the second poll is judged from that poll on; a rename or a run begins nothing."""
    store = a_store()
    store.record_list("main", [a_task()], dropped=0, fetched_at=NOON)
    store.record_list("main", [a_task(**changes)], dropped=0, fetched_at=NOON + MINUTE)
    store.record_list("main", [a_task(**changes)], dropped=0, fetched_at=NOON + 2 * MINUTE)
    assert since == facts(store)["1001"].observed_since_at


def test_a_field_that_was_unusable_for_one_poll_begins_no_epoch() -> None:
    """A garbled answer between two good ones is no edit."""
    store = a_store()
    for task in (a_task(), a_task(enabled=None, bad_fields=frozenset({"enabled"})), a_task()):
        store.record_list("main", [task], dropped=0, fetched_at=NOON)
    assert facts(store)["1001"].observed_since_at is None


def test_requests_are_tallied() -> None:
    """Codes are counted, durations land in their bucket, the newest skew stands until the next."""
    store = a_store()
    for code, seconds, skew in (("200", 0.05, timedelta()), ("200", 0.3, MINUTE), ("none", 10.0, None)):
        store.record_request("main", code=code, seconds=seconds, skew=skew)
    told = account(store)
    assert ({"200": 2, "none": 1}, MINUTE) == (told.requests, told.clock_skew)
    assert told.durations is not None
    assert [1, 1, 1, 2, 2, 2, 2, 3, 3, 3] == [count for _, count in told.durations.buckets]
    assert pytest.approx(10.35) == told.durations.sum_seconds


def test_every_write_raises_the_version() -> None:
    """A reader can tell by one number that its answer has aged."""
    store = a_store()
    writes = [
        lambda: store.record_list("main", [a_task()], dropped=0, fetched_at=NOON),
        lambda: store.record_task("main", a_task(), fetched_at=NOON),
        lambda: store.record_failure("main", Reason.DNS),
        lambda: store.record_request("main", code="200", seconds=1, skew=None),
        lambda: store.record_block("main", NOON),
        lambda: store.record_round("main"),
        lambda: store.record_internal_error("poll"),
    ]
    for write in writes:
        before = store.version
        write()
        assert store.version > before
    assert {"poll": 1} == store.internal_errors
