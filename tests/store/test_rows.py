"""Entries to rows of SQLite and back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ledger import Entry
from exporter.model import RunCounts
from exporter.store.rows import CREATE, DELETE, REPLACE, SELECT, from_row, to_row
from store.entries import an_entry

KEY = ("main", "5650820808835072")

texts = st.text(st.characters(exclude_categories=["Cs"]))
instants = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - as hypothesis wants
counts = st.integers(0, 2**70)
entries = st.builds(
    Entry,
    first_seen_at=instants,
    seen_at=instants,
    epoch=st.tuples(st.none() | texts, st.none() | texts, st.none() | st.booleans()),
    observed_since_at=st.none() | instants,
    counted_at=st.none() | instants,
    horizon_at=st.none() | instants,
    last_run_at=st.none() | instants,
    runs=st.none() | counts,
    spare=counts,
    optional=counts,
    counts=st.builds(RunCounts, counts, counts, counts, counts),
)


@given(key=st.tuples(texts, texts), entry=entries)
def test_what_is_saved_comes_back(key: tuple[str, str], entry: Entry) -> None:
    """Every entry survives SQLite exactly: instants to the microsecond, counts beyond 64 bits, any text."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(CREATE)
        db.execute(REPLACE, to_row(key, entry))
        assert [(key, entry)] == [from_row(row) for row in db.execute(SELECT)]
        db.execute(DELETE, key)
        assert [] == db.execute(SELECT).fetchall()


def test_every_field_of_an_entry_has_its_column() -> None:
    """A field that is added to the entry and forgotten here would be lost at a restart: the sample has none at rest."""
    blank = Entry(first_seen_at=an_entry().first_seen_at, seen_at=an_entry().seen_at, epoch=(None, None, None))
    full = an_entry()
    kept = from_row(to_row(KEY, full))[1]
    assert full == kept
    assert set() == {name for name in Entry.__slots__ if getattr(full, name) == getattr(blank, name)} - {
        "first_seen_at",
        "seen_at",
    }


WIDTH = len(to_row(KEY, an_entry()))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (0, None),
        (1, 5),
        (1, b"\xff"),
        (2, None),
        (2, "soon"),
        (2, 1.5),
        (3, 2**62),
        (3, -(2**62)),
        (4, 7),
        (5, b"Etc/UTC"),
        (6, 2),
        (6, "yes"),
        (8, "x"),
        (11, 160),
        (11, "-1"),
        (11, "1e3"),
        (11, "\u0663"),
        (11, "9" * 5000),
        (12, None),
        (13, ""),
        (WIDTH - 1, 0),
    ],
)
def test_a_value_of_another_kind_is_refused(column: int, value: object) -> None:
    """Whatever `to_row` does not write is a ValueError, never a wrong entry or another exception."""
    row = list(to_row(KEY, an_entry()))
    row[column] = value
    with pytest.raises(ValueError):  # noqa: PT011 - the words matter to nobody
        from_row(tuple(row))
