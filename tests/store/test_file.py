"""The ledger's file: what it survives, what it refuses, and who may use it together."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from builders import at
from exporter.store import LedgerError
from exporter.store.file import VERSION, LedgerFile, read_entries
from exporter.store.keeper import LedgerDamagedError
from log_lines import written
from store.disks import execute, full_disk
from store.entries import an_entry, some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENTRIES = some(300)
STAMP = "damaged-20240610T120000.000000Z"


def opened(path: Path) -> LedgerFile:
    return LedgerFile(path, now=lambda: at("2024-06-10 12:00Z"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def saved(path: Path) -> Path:
    """A ledger that was closed in good order."""
    with closing(opened(path)) as file:
        file.save(ENTRIES)
    return path


def names(path: Path) -> set[str]:
    """The files beside the ledger and itself, but for the lock."""
    return {each.name for each in path.parent.iterdir()} - {f"{path.name}.lock"}


def snapshot(path: Path) -> dict[str, tuple[bytes, int]]:
    return {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in path.parent.iterdir()}


def test_what_is_saved_is_there_after_the_next_start(saved: Path) -> None:
    """Only what a save names changes: it adds, replaces and deletes, and the rest stays."""
    changed, added = {("main", "1"): an_entry(runs=161)}, {("other", "1"): an_entry(epoch=("* * * * *", None, False))}
    with closing(opened(saved)) as file:
        assert file.entries() == ENTRIES
        file.save(changed | added, gone=[("main", "2")])
    with closing(opened(saved)) as file:
        assert {
            key: entry for key, entry in ENTRIES.items() if key != ("main", "2")
        } | changed | added == file.entries()
        assert 0 == file.recoveries
    assert {"ledger.db"} == names(saved)


def test_a_save_deletes_first(saved: Path) -> None:
    """A task that expired and came back before it was saved is kept."""
    with closing(opened(saved)) as file:
        file.save(some(1, runs=7), gone=[("main", "1")])
        assert 7 == file.entries()["main", "1"].runs


def test_no_name_and_no_key_is_stored(saved: Path) -> None:
    """Of a task only ids, schedule, instants and counts are kept."""
    with closing(sqlite3.connect(saved)) as db:
        columns = {name for _, name, *_ in db.execute("PRAGMA table_info(entries)")}
    facts = {"account", "task_id", "crontab", "timezone", "enabled", "runs", "spare", "optional"}
    instants = {"first_seen_at", "seen_at", "observed_since_at", "counted_at", "horizon_at", "last_run_at"}
    assert facts | instants | {"expected", "observed", "missed", "extra"} == columns


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a text": lambda path: path.write_text("accounts: []\n" * 900),
    "a short text": lambda path: path.write_text("accounts: []\n"),
    "zeros": lambda path: path.write_bytes(bytes(8192)),
    "header only": lambda path: os.truncate(path, 100),
    "first page only": lambda path: os.truncate(path, 4096),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "no header": lambda path: overwrite(path, 0, bytes(100)),
    "a page of noise": lambda path: overwrite(path, 8192, bytes(range(256)) * 16),
    "schema of noise": lambda path: overwrite(path, 100, b"\xff" * 512),
    "another program's": lambda path: execute(path, "PRAGMA application_id = 252006674"),
    "another program's, newer": lambda path: execute(path, "PRAGMA application_id = 0; PRAGMA user_version = 99"),
    "no table": lambda path: execute(path, "DROP TABLE entries"),
    "another table": lambda path: execute(path, "DROP TABLE entries; CREATE TABLE entries (id INTEGER)"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_used_is_set_aside(saved: Path, damage: str) -> None:
    """It is renamed with its bytes as they were, one line tells of it, it is counted, and a new ledger works."""
    DAMAGES[damage](saved)
    before = saved.read_bytes()
    with written() as lines, closing(opened(saved)) as file:
        assert ({}, 1) == (file.entries(), file.recoveries)
        file.save(some(1))
    assert before == saved.with_name(f"ledger.db.{STAMP}").read_bytes()
    assert 1 == lines.getvalue().count("Ledger set aside; a new one begins")
    assert str(saved) in lines.getvalue()
    with closing(opened(saved)) as file:
        assert (some(1), 0) == (file.entries(), file.recoveries)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_reader_refuses_what_cannot_be_used(saved: Path, damage: str) -> None:
    """A reader says in one sentence what it found, and leaves it where it is."""
    DAMAGES[damage](saved)
    before = snapshot(saved)
    with pytest.raises(LedgerDamagedError, match=r"^storage path '.*/ledger\.db': [^\n]+$"):
        read_entries(saved)
    assert before == snapshot(saved)


def test_the_log_is_set_aside_with_its_file(saved: Path) -> None:
    """What a killed writer left beside a damaged file stays with it: it may be what a rescue needs."""
    for part in ("", "-wal", "-shm"):
        saved.with_name(f"ledger.db{part}").write_text(f"noise{part}\n" * 1000)
    with closing(opened(saved)):
        pass
    aside = saved.with_name(f"ledger.db.{STAMP}")
    assert ["noise\n" * 1000, "noise-wal\n" * 1000] == [Path(f"{aside}{part}").read_text() for part in ("", "-wal")]
    assert {aside.name, f"{aside.name}-wal", f"{aside.name}-shm", "ledger.db"} == names(saved)


@pytest.mark.parametrize("begin", [lambda path: None, lambda path: path.touch()], ids=["nothing", "empty file"])
def test_a_first_start_is_no_recovery(path: Path, begin: Callable[[Path], None]) -> None:
    """Where nothing was, nothing is set aside, and a reader finds nothing wrong."""
    begin(path)
    assert {} == read_entries(path)
    with closing(opened(path)) as file:
        assert ({}, 0) == (file.entries(), file.recoveries)
    assert {"ledger.db"} == names(path)


def test_a_newer_version_is_refused(saved: Path) -> None:
    """A ledger that a newer exporter has written is left alone, by writer and reader."""
    execute(saved, f"PRAGMA user_version = {VERSION + 1}")
    before = saved.read_bytes()
    told = f"found a ledger of version {VERSION + 1}, expected at most {VERSION}: a newer exporter has written it"
    for use in (opened, read_entries):
        with pytest.raises(LedgerError) as caught:
            use(saved)
        assert f"storage path {str(saved)!r}: {told}" == str(caught.value)
    assert before == saved.read_bytes()


@pytest.mark.parametrize("change", ["seen_at = 'x'", "runs = x'ff'", "crontab = CAST(x'ff' AS TEXT)", "spare = '-1'"])
def test_a_row_that_cannot_be_read_costs_only_itself(saved: Path, change: str) -> None:
    """The others are there, and one line says how many are not."""
    execute(saved, f"UPDATE entries SET {change} WHERE task_id IN ('7', '8')")
    with written() as lines, closing(opened(saved)) as file:
        assert set(ENTRIES) - {("main", "7"), ("main", "8")} == set(file.entries())
        assert 0 == file.recoveries
    (line,) = [each for each in lines.getvalue().splitlines() if "level=error" in each]
    assert f'msg="Ledger rows cannot be read; left out" file={saved} rows=2' in line


def in_place_of_the_file(path: Path) -> Path:
    path.mkdir()
    return path


def a_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (lambda path: path.parent / "missing" / "ledger.db", "the directory does not exist"),
        (lambda path: Path(__file__) / "ledger.db", "the directory does not exist"),
        (in_place_of_the_file, "found no regular file, expected one, or none yet"),
        (a_pipe, "found no regular file, expected one, or none yet"),
        (lambda path: path.with_name("n" * 300), "File name too long"),
    ],
    ids=["no directory", "under a file", "a directory", "a pipe", "a long name"],
)
def test_a_place_that_will_not_do(path: Path, place: Callable[[Path], Path], told: str) -> None:
    """What keeps a ledger from being opened is one sentence that names the path."""
    where = place(path)
    with pytest.raises(LedgerError) as caught:
        opened(where)
    assert f"storage path {str(where)!r}: {told}" == str(caught.value)


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A directory of our own, used without a superuser's rights, to whom nothing is forbidden."""
    with tempfile.TemporaryDirectory() as directory:
        superuser = os.geteuid() == 0
        if superuser:
            os.chown(directory, 65534, 65534)
            os.seteuid(65534)
        try:
            yield Path(directory)
        finally:
            if superuser:
                os.seteuid(0)
            Path(directory).chmod(0o700)


def test_a_directory_that_must_not_be_written_to(unprivileged: Path) -> None:
    """A writer refuses to start; a reader finds nothing wrong with it."""
    path = unprivileged / "ledger.db"
    with closing(opened(path)) as file:
        file.save(ENTRIES)
    unprivileged.chmod(0o500)
    path.with_name("ledger.db.lock").chmod(0o400)
    with pytest.raises(LedgerError, match=r"^storage path '.*': Permission denied$"):
        opened(path)
    assert read_entries(path) == ENTRIES


def test_a_file_that_must_not_be_written_to(unprivileged: Path) -> None:
    """It is found out at the start, not at the first save, and is no damage."""
    path = unprivileged / "ledger.db"
    opened(path).close()
    path.chmod(0o400)
    with pytest.raises(LedgerError, match=r"^storage path '.*': attempt to write a readonly database$") as caught:
        opened(path)
    assert LedgerError is type(caught.value)
    assert [] == list(unprivileged.glob("*damaged*"))


def test_a_full_disk_costs_one_save(saved: Path) -> None:
    """A save that finds no room fails whole, is no damage, and succeeds once there is room."""
    more = some(3000, runs=170)
    with closing(opened(saved)) as file:
        with full_disk(saved), pytest.raises(LedgerError) as caught:
            file.save(more)
        assert LedgerError is type(caught.value)
        assert file.entries() == ENTRIES == read_entries(saved)
        file.save(more)
        assert more == file.entries() == read_entries(saved)


def test_another_program_at_work_costs_one_save(saved: Path) -> None:
    """Somebody's shell that holds the file makes a save fail; the next one finds everything in order."""
    with closing(opened(saved)) as file, closing(sqlite3.connect(saved, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="database is locked"):
            file.save(some(1))
        shell.execute("ROLLBACK")
        file.save(some(1))


@pytest.mark.parametrize(
    "disaster",
    [
        lambda path: [each.unlink() for each in path.parent.glob("ledger.db*") if not each.name.endswith(".lock")],
        lambda path: path.with_name("other").write_text("x") and path.with_name("other").rename(path),
        lambda path: path.rename(path.with_name("moved")),
    ],
    ids=["removed", "replaced", "moved"],
)
def test_a_file_that_is_taken_away_in_use(saved: Path, disaster: Callable[[Path], object]) -> None:
    """A save does not write into the void: it says so, and after what is there was set aside, works again."""
    with closing(opened(saved)) as file:
        disaster(saved)
        with pytest.raises(LedgerDamagedError, match="the file was removed or replaced while in use") as caught:
            file.save(some(1))
        file.set_aside(caught.value)
        file.save(some(2))
        assert some(2) == read_entries(saved)


def test_damage_in_use_is_found_by_a_save(saved: Path) -> None:
    """A table that somebody dropped is damage; after it was set aside a new one is written."""
    with closing(opened(saved)) as file:
        execute(saved, "DROP TABLE entries")
        with pytest.raises(LedgerDamagedError, match="no such table: entries") as caught:
            file.save(some(1))
        file.set_aside(caught.value)
        file.save(some(2))
        assert (some(2), 1) == (file.entries(), file.recoveries)


def test_one_writer_at_a_time(saved: Path) -> None:
    """A second one refuses at once, by whatever name it knows the file, and is welcome when the first has gone."""
    link = saved.with_name("link.db")
    link.symlink_to(saved)
    with closing(opened(saved)):
        for name in (saved, link):
            with pytest.raises(LedgerError) as caught:
                opened(name)
            assert f"storage path {str(saved)!r}: another exporter is using this ledger" == str(caught.value)
    with closing(opened(link)) as file:
        assert file.entries() == ENTRIES


def test_a_reader_beside_a_writer_sees_each_save(path: Path) -> None:
    """Readers need no lock and see what was saved last; the writer does not notice them."""
    with closing(opened(path)) as file:
        for runs in range(160, 170):
            file.save(some(50, runs=runs))
            assert some(50, runs=runs) == read_entries(path)


def test_a_reader_changes_nothing(saved: Path) -> None:
    """Without a writer, no file appears, disappears, or is written to; where there is none, none is made."""
    before = snapshot(saved)
    assert read_entries(saved) == ENTRIES
    assert before == snapshot(saved)
    assert {} == read_entries(saved.with_name("none.db"))
    assert before == snapshot(saved)


@pytest.mark.parametrize("parts", [("", "-wal"), ("", "-wal", "-shm")], ids=["in a copy", "in its place"])
def test_a_reader_after_a_kill_sees_the_last_save(path: Path, tmp_path: Path, parts: tuple[str, ...]) -> None:
    """What a killed writer left in its log is read; but for marks in its `-shm` nothing is made or changed."""
    killed = tmp_path / "killed" / "killed.db"
    killed.parent.mkdir()
    with closing(opened(path)) as file:
        file.save(ENTRIES)
        for part in parts:
            shutil.copy(f"{path}{part}", f"{killed}{part}")
    before = snapshot(killed)
    assert read_entries(killed) == ENTRIES
    after = snapshot(killed)
    assert before.keys() == after.keys()
    assert [] == [name for name in before if before[name] != after[name] and not name.endswith("-shm")]
