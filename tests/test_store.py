"""What the store keeps and lets go, poll by poll."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from builders import a_task, at
from exporter.model import Reason
from exporter.store import Book, Store, TaskFacts

if TYPE_CHECKING:
    from exporter.model import Task

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
    assert since == facts(store)["1001"].entry.observed_since_at


def test_a_field_that_was_unusable_for_one_poll_begins_no_epoch() -> None:
    """A garbled answer between two good ones is no edit."""
    store = a_store()
    for task in (a_task(), a_task(enabled=None, bad_fields=frozenset({"enabled"})), a_task()):
        store.record_list("main", [task], dropped=0, fetched_at=NOON)
    assert facts(store)["1001"].entry.observed_since_at is None


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


def test_a_404_after_other_failures_is_the_first_again() -> None:
    """Only two in a row confirm: a 500 between them says nothing of the task."""
    store = a_store(("1001",))
    store.record_task("main", a_task(), fetched_at=NOON)
    for reason in (Reason.HTTP_404, Reason.HTTP_5XX, Reason.HTTP_5XX, Reason.HTTP_404):
        store.record_failure("main", reason, task_id="1001")
    assert a_task() == facts(store)["1001"].task


def test_404s_alone_do_not_make_an_account_up() -> None:
    """Where every id is unknown from the start, the base URL is wrong."""
    store = a_store(("1", "2"))
    store.record_failure("main", Reason.HTTP_404, task_id="1")
    assert (False, Reason.HTTP_404) == (account(store).up, account(store).last_reason)


def test_a_task_that_comes_back_keeps_its_epoch() -> None:
    """Absent from one list, back in the next: what was known of its schedule is not forgotten meanwhile."""
    store = a_store()
    edited = a_task(crontab="0 9 * * *")
    for number, tasks in enumerate(([a_task()], [edited], [], [edited])):
        store.record_list("main", tasks, fetched_at=NOON + number * MINUTE)
    assert NOON + MINUTE == facts(store)["1001"].entry.observed_since_at


def test_a_listed_id_that_comes_back_after_404s_keeps_its_epoch() -> None:
    """Withdrawn is not forgotten."""
    store = a_store(("1001",))
    store.record_task("main", a_task(), fetched_at=NOON)
    for _ in range(2):
        store.record_failure("main", Reason.HTTP_404, task_id="1001")
    store.record_task("main", a_task(crontab="0 9 * * *"), fetched_at=NOON + 5 * MINUTE)
    assert NOON + 5 * MINUTE == facts(store)["1001"].entry.observed_since_at


def test_what_an_unreadable_element_may_be_stays() -> None:
    """While a list holds elements that cannot be read, an absent task may be one of them: its facts stay, its fetch failed."""
    store = a_store()
    store.record_list("main", [a_task(id="1"), a_task(id="2")], fetched_at=NOON)
    store.record_list("main", [a_task(id="1")], fetched_at=NOON + MINUTE, unreadable=1)
    kept = facts(store)["2"]
    assert (a_task(id="2"), NOON, False) == (kept.task, kept.fetched_at, kept.fetch_success)
    store.record_list("main", [a_task(id="1")], fetched_at=NOON + 2 * MINUTE)
    assert ["1"] == list(facts(store))


OLD = {"last_run_at": at("2024-06-09 12:00:14Z"), "runs": 159}


@pytest.mark.parametrize(
    ("changes", "minutes", "kept"),
    [
        (OLD, 1, True),
        (OLD, 14, True),
        (OLD, 15, False),
        (OLD | {"runs": 160}, 1, False),
        (OLD | {"last_run_at": at("2024-06-10 12:00:15Z")}, 1, False),
        ({"last_run_at": None, "runs": 0}, 1, False),
    ],
)
def test_an_answer_that_goes_back_in_both_is_a_copy(changes: dict[str, object], minutes: int, kept: bool) -> None:
    """A last run and a count that both went back come from a cache; what keeps saying so is believed in the end."""
    store = a_store()
    store.record_list("main", [a_task()], fetched_at=NOON)
    store.record_list("main", [a_task(**changes)], fetched_at=NOON + minutes * MINUTE)
    assert (NOON if kept else NOON + minutes * MINUTE) == facts(store)["1001"].fetched_at


@pytest.mark.parametrize(("seconds", "runs"), [(999.0, 160), (1000.0, 161)])
def test_evidence_is_never_replaced_by_older_evidence(seconds: float, runs: int) -> None:
    """A copy whose Age dates it before what is known tells nothing, of a list and of a task."""
    for listed in (None, ("1001",)):
        store = a_store(listed)
        store.record_list("main", [a_task(), a_task(id="2")], fetched_at=NOON, seconds=1000.0)
        if listed:
            store.record_task("main", a_task(runs=161), fetched_at=NOON, seconds=seconds)
        else:
            store.record_list("main", [a_task(runs=161)], fetched_at=NOON, seconds=seconds)
            assert (seconds == 1000) == ("2" not in facts(store))
        assert (runs, True) == (facts(store)["1001"].task.runs, account(store).up)


def test_single_polls_make_an_account_down_only_by_a_whole_round() -> None:
    """One id that always fails is its own trouble; a round without one good answer is the account's."""
    store = a_store(("1", "2"))
    ups = []
    for good in (True, True, False, True):
        store.record_failure("main", Reason.HTTP_5XX, detail="upstream answered 500", task_id="1")
        ups.append(account(store).up)
        if good:
            store.record_task("main", a_task(id="2"), fetched_at=NOON)
        else:
            store.record_failure("main", Reason.TIMEOUT, detail="too late", task_id="2")
        store.record_round("main")
        ups.append(account(store).up)
    assert [False, True, True, True, True, False, False, True] == ups


def test_a_copy_just_after_a_restart_is_not_told() -> None:
    """The ledger knows more than the answer: until a fresh one comes, nothing is told and nothing counted."""
    before = a_store()
    before.record_list("main", [a_task()], fetched_at=NOON)
    entries = before.book.entries
    after = Store(Book(entries=entries))
    after.add_account("main", interval=MINUTE, listed=None)
    after.record_list("main", [a_task(**OLD)], fetched_at=NOON + MINUTE)
    assert (None, True) == (facts(after)["1001"].task, facts(after)["1001"].fetch_success)
    assert entries == after.book.entries
    after.record_list("main", [a_task()], fetched_at=NOON + 2 * MINUTE)
    assert a_task() == facts(after)["1001"].task


def test_a_copy_ends_a_row_of_404s() -> None:
    """Old as it is, it shows that the id is known."""
    store = a_store(("1001",))
    store.record_task("main", a_task(), fetched_at=NOON)
    store.record_failure("main", Reason.HTTP_404, task_id="1001")
    store.record_task("main", a_task(**OLD), fetched_at=NOON + MINUTE)
    store.record_failure("main", Reason.HTTP_404, task_id="1001")
    assert a_task() == facts(store)["1001"].task


@pytest.mark.parametrize("by_list", [False, True])
@pytest.mark.parametrize("changes", [{}, OLD])
def test_a_copy_shows_that_the_clocks_agree_again(changes: dict[str, object], by_list: bool) -> None:
    """Where an answer was refused for its Date, the next good one lifts that, though it is a cache's copy."""
    store = a_store(("1001",))

    def record(task: Task, **when: Any) -> None:
        if by_list:
            store.record_list("main", [task], **when)
        else:
            store.record_task("main", task, **when)

    record(a_task(), fetched_at=NOON, seconds=100.0)
    store.record_failure("main", Reason.CLOCK_SKEW, task_id=None if by_list else "1001")
    assert facts(store)["1001"].skewed
    record(a_task(**changes), fetched_at=NOON - timedelta(seconds=5), seconds=95.0)
    found = facts(store)["1001"]
    assert (False, True, a_task(), NOON) == (found.skewed, found.fetch_success, found.task, found.fetched_at)


def test_a_copy_of_a_list_speaks_only_of_what_it_holds() -> None:
    """A task that it is silent about stays doubted, and one that was not there in a newer list stays away."""
    store = a_store(("1", "2", "3"))
    store.record_list("main", [a_task(id="1"), a_task(id="2")], fetched_at=NOON, seconds=100.0)
    store.record_failure("main", Reason.CLOCK_SKEW)
    store.record_list("main", [a_task(id="3"), a_task(id="1")], fetched_at=NOON, seconds=95.0)
    found = facts(store)
    assert [("1", False, True), ("2", True, False)] == [
        (each.task_id, each.skewed, each.fetch_success) for each in found.values() if each.task
    ]
    assert (None, False) == (found["3"].task, found["3"].fetch_success)


def test_a_clock_that_was_set_back_hides_no_news() -> None:
    """A poll dated before the newest known one is looked at, not taken for a quiet one."""
    store = a_store()
    store.record_list("main", [a_task()], fetched_at=NOON)
    store.record_list("main", [a_task()], fetched_at=NOON - timedelta(hours=1))
    assert NOON - timedelta(hours=1) == facts(store)["1001"].entry.seen_at


def test_a_bug_in_the_books_of_one_task_costs_no_facts() -> None:
    """What the ledger cannot work with is counted once for each poll; the task is told all the same, and so are the others."""
    store, odd = a_store(), a_task(id="2", created_at=NOON.replace(tzinfo=None))  # which nothing compares with
    for number in range(2):
        store.record_list("main", [a_task(id="1"), odd, a_task(id="3")], fetched_at=NOON + number * MINUTE)
        assert {"ledger": number + 1} == store.internal_errors
    found = facts(store)
    assert ["1", "2", "3"] == list(found)
    assert (odd, True, NOON + MINUTE, None) == (
        found["2"].task,
        found["2"].fetch_success,
        found["2"].fetched_at,
        found["2"].entry,
    )
    assert all(found[task_id].entry is not None for task_id in ("1", "3"))


def test_looking_ahead_changes_only_what_recording_costs() -> None:
    """What was worked out ahead of a list is what it would be worked out to; what cannot be is told by recording it."""
    odd = a_task(id="2", created_at=NOON.replace(tzinfo=None))  # which nothing compares with
    told = [[a_task(id="1"), odd], [a_task(id="1", runs=162), a_task(id="3")], [a_task(id="3")]]
    ahead, bare = a_store(), a_store()
    for number, tasks in enumerate(told):
        fetched_at = NOON + number * MINUTE
        drafts = dict(ahead.look_ahead("main", tasks, fetched_at=fetched_at))
        assert {task.id for task in tasks if task is not odd} == set(drafts)
        ahead.record_list("main", tasks, fetched_at=fetched_at, drafts=drafts)
        bare.record_list("main", tasks, fetched_at=fetched_at)
        assert [replace(each, outlook=None) for each in facts(bare).values()] == [
            replace(each, outlook=None) for each in facts(ahead).values()
        ]
        assert ahead.book.entries == bare.book.entries
    assert {"ledger": 1} == ahead.internal_errors == bare.internal_errors
