"""Which entries the ledger holds in memory, which are still to be saved, and which it forgets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import a_task
from exporter.store import Book
from store.entries import NOON, an_entry, some

MINUTE = timedelta(minutes=1)


def test_what_was_saved_goes_on() -> None:
    """A restored entry keeps its counts and is compared with the first poll; it is not to be saved before."""
    old = an_entry(runs=160, counted_at=NOON, last_run_at=a_task().last_run_at, seen_at=NOON)
    book = Book(entries={("main", "1001"): old})
    assert ({}, old) == (book.take_unsaved(), book.entry("main", "1001"))
    book.record("main", a_task(runs=162), fetched_at=NOON + MINUTE)
    assert old.counts.observed + 2 == book.entries["main", "1001"].counts.observed


def test_only_what_has_changed_is_to_be_saved() -> None:
    """Each poll makes its tasks' entries unsaved, once; taking them ends that."""
    book = Book(entries=some(2))
    for _ in range(2):
        book.record("main", a_task(id="1"), fetched_at=NOON + MINUTE)
    assert {("main", "1"): book.entry("main", "1")} == book.take_unsaved()
    assert {} == book.take_unsaved()


def test_a_draft_changes_nothing() -> None:
    """What a poll will make of an entry is worked out ahead; the entry and what is to be saved stay until it is recorded."""
    book = Book(entries=some(1, runs=160))
    draft = book.draft("main", a_task(id="1", runs=162), fetched_at=NOON + MINUTE)
    assert (160, {}) == (book.entry("main", "1").runs, book.take_unsaved())
    entry, outlook = book.record("main", a_task(id="1", runs=162), fetched_at=NOON + MINUTE, draft=draft)
    assert (entry, outlook) == (draft.entry, draft.outlook) == (book.entry("main", "1"), draft.outlook)


def test_a_draft_of_another_entry_is_not_taken() -> None:
    """One that was overtaken by another poll would lose what that has told, such as that `runs` began anew."""
    book, first, second = Book(entries=some(1, runs=160)), a_task(id="1", runs=3), a_task(id="1", runs=5)
    draft = book.draft("main", second, fetched_at=NOON + 2 * MINUTE)
    book.record("main", first, fetched_at=NOON + MINUTE)
    book.record("main", second, fetched_at=NOON + 2 * MINUTE, draft=draft)
    assert some(1)["main", "1"].counts.observed + 2 == book.entry("main", "1").counts.observed


def test_what_is_only_shown_costs_no_count() -> None:
    """A disabled task owes nothing: where its expectation cannot be worked out, its runs are counted all the same."""
    book = Book()
    for number in range(2):
        odd = a_task(enabled=False, created_at=NOON.replace(tzinfo=None), runs=160 + number)
        book.record("main", odd, fetched_at=NOON + number * MINUTE)
    assert 1 == book.entries["main", "1001"].counts.observed


def test_an_outlook_stays_while_its_facts_do() -> None:
    """So that nothing is worked out anew for a poll that tells nothing new."""
    book = Book()
    _, first = book.record("main", a_task(), fetched_at=NOON)
    _, same = book.record("main", a_task(), fetched_at=NOON + MINUTE, known=first)
    _, other = book.record("main", a_task(runs=161), fetched_at=NOON + 2 * MINUTE, known=same)
    assert first is same is not other


@pytest.mark.parametrize(("unseen", "there"), [(timedelta(days=90), True), (timedelta(days=90, microseconds=1), False)])
def test_an_entry_expires_after_90_days_unseen(unseen: timedelta, there: bool) -> None:
    """Until then a task may come back, say from an account that was denied, and its counts go on."""
    book = Book(entries=some(1, seen_at=NOON))
    assert ([] if there else [("main", "1")]) == book.expire(NOON + unseen)
    assert there is (("main", "1") in book.entries)


def test_an_expired_entry_is_not_to_be_saved() -> None:
    """What has gone is not taken for saving any more."""
    book = Book()
    book.record("main", a_task(id="1"), fetched_at=NOON)
    book.expire(NOON + timedelta(days=91))
    assert {} == book.take_unsaved()


def test_of_too_many_entries_the_longest_unseen_go() -> None:
    """At most 100,000 are remembered, so that neither memory nor file grows without end."""
    entry = an_entry()
    entries = {
        ("main", str(number)): replace(entry, seen_at=NOON + number * MINUTE / 1000) for number in range(100_003)
    }
    book = Book(entries=entries)
    assert [("main", "0"), ("main", "1"), ("main", "2")] == book.expire(NOON)
    assert 100_000 == len(book.entries)
    assert [] == book.expire(NOON)


def test_ids_that_an_api_invents_do_not_fill_the_memory() -> None:
    """Of an account's tasks that are gone ten thousand are remembered; those that it has, and other accounts', all."""
    entry, ids = an_entry(), [str(number) for number in range(12_000)]
    entries = {(account, task_id): replace(entry, seen_at=NOON) for account in ("main", "other") for task_id in ids}
    entries["main", "7"] = replace(entry, seen_at=NOON - timedelta(days=1))
    book, there = Book(entries=entries), {"main": set(ids[100:1500]), "new": set[str]()}
    gone = book.expire(NOON, there=there)
    assert 600 == len(gone)
    assert ("main", "7") in gone
    assert not any(account == "other" or task_id in there["main"] for account, task_id in gone)
    assert [] == book.expire(NOON, there=there)


def test_accounts_do_not_multiply_what_expiry_costs() -> None:
    """It comes with nearly every save, in the event loop: each entry is looked at for its own account only."""
    compared = 0

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str(self) == str(other)

    entry, names, ids = an_entry(), [Name(number) for number in range(50)], [str(number) for number in range(10)]
    book = Book(entries={(name, task_id): entry for name in names for task_id in ids})
    compared = 0
    assert [] == book.expire(NOON, there=dict.fromkeys(names, ids[1:]))
    assert compared <= 2 * len(book.entries)
