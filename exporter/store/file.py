"""The ledger on disk: one SQLite file, one writer for life, any number of readers beside it.

A file that cannot be used is set aside and a new one begun; the old one is renamed, never deleted.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import stat
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import structlog

from exporter.store.keeper import LedgerDamagedError, LedgerError
from exporter.store.rows import CREATE, DELETE, REPLACE, SELECT, from_row, to_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from exporter.ledger import Entry
    from exporter.store.book import Key

VERSION = 1
_APPLICATION_ID = 0x534D5845  # "SMXE", in the file's header: tells our files from other programs'
_PARTS = ("", "-wal", "-shm", "-journal")
_DAMAGE = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_BUSY_SECONDS = 1.0  # what a shell in the middle of a backup may hold us up, before the next round tries again
_MOST_WAL_BYTES = 4 * 1024 * 1024
_log = structlog.get_logger()


class LedgerFile:
    """The one writer of a ledger. Not for two threads at once. Raises LedgerError when it cannot be opened."""

    def __init__(self, path: Path, *, now: Callable[[], datetime]) -> None:
        self._path = _real(path)
        self._now = now
        self.recoveries = 0  # damaged files set aside
        self._identity: tuple[int, int] | None = None
        self._db: sqlite3.Connection | None = None
        with _told(self._path):
            self._lock = _lock(self._path)
        try:
            self._db = self._open()
        except LedgerError:
            os.close(self._lock)
            raise

    def entries(self) -> dict[Key, Entry]:
        """All that is saved; a row that cannot be read is left out, and told of in the log. Raises LedgerError."""
        if self._db is None:
            self._db = self._open()
        try:
            with _told(self._path):
                found = _read(self._db, self._path)
        except LedgerDamagedError as error:
            self.set_aside(error)
            return {}
        _log.info("Loaded ledger", file=str(self._path), tasks=len(found))
        return found

    def save(self, entries: Mapping[Key, Entry], gone: Iterable[Key] = ()) -> None:
        """Write entries and delete those that are gone, all or nothing; on return they are on the disk.

        Raises LedgerDamagedError when the file must be set aside, LedgerError when a later try may succeed.
        """
        if self._db is None:
            self._db = self._open()
        with _told(self._path):
            if _identity(self._path) != self._identity:
                raise LedgerDamagedError(_sentence(self._path, "the file was removed or replaced while in use"))
            with _transaction(self._db):
                self._db.executemany(DELETE, gone)
                self._db.executemany(REPLACE, (to_row(*item) for item in entries.items()))

    def set_aside(self, error: LedgerDamagedError) -> None:
        """Rename what is there; the next `save` begins an empty ledger. Raises LedgerError when it stays there."""
        aside = _part(self._path, f".damaged-{self._now():%Y%m%dT%H%M%S.%fZ}")
        with _told(self._path):
            found = [part for part in _PARTS if _part(self._path, part).exists()]
            for part in found:
                _part(self._path, part).rename(_part(aside, part))
        self._close_file()  # not before: SQLite deletes the log that bears the file's name
        self.recoveries += bool(found)
        _log.error("Ledger set aside; a new one begins", reason=str(error), aside=str(aside) if found else None)

    def close(self) -> None:
        """Fold the log into the file, and let another writer in."""
        with _told(self._path):
            self._close_file()
            os.close(self._lock)

    def _close_file(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = None

    def _open(self) -> sqlite3.Connection:
        try:
            try:
                return self._connect()
            except LedgerDamagedError as error:
                self.set_aside(error)
                return self._connect()
        except LedgerError:
            self._close_file()
            raise

    def _connect(self) -> sqlite3.Connection:
        with _told(self._path):
            self._db = db = _plain_connection(f"{self._path.as_uri()}?mode=rwc")
            _prepare(db, self._path)
            self._identity = _identity(self._path)
        return db


def read_entries(path: Path) -> dict[Key, Entry]:
    """What is saved, beside a writer or without one; nothing when there is no file. Raises LedgerError.

    No file is made or changed, but for SQLite's marks of readers in the `-shm` of a writer that lives or was killed.
    """
    path = _real(path)
    with _told(path):
        if not path.exists():
            _log.warning("No ledger yet", file=str(path))
            return {}
        _check_kind(path)
        with _readable(path) as uri, closing(_plain_connection(uri)) as db:
            return _read(db, path) if _is_begun(db, path) else {}


@contextmanager
def _readable(path: Path) -> Iterator[str]:
    if not _part(path, "-wal").exists():
        # There is no writer, and nothing is to be locked or created: that is what immutable says.
        yield f"{path.as_uri()}?mode=ro&immutable=1"
    elif _part(path, "-shm").exists():
        yield f"{path.as_uri()}?mode=ro"
    else:  # SQLite would make one here, as which not everybody may, nor may the writer then use a stranger's
        with TemporaryDirectory() as folder:
            for part in ("", "-wal"):
                shutil.copyfile(_part(path, part), _part(Path(folder, path.name), part))
            yield f"{Path(folder, path.name).as_uri()}?mode=ro"


def _real(path: Path) -> Path:
    """Without symbolic links, so that all names of a file share its lock; unlike Path.resolve it never raises."""
    return Path(os.path.realpath(path))


def _part(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _sentence(path: Path, fault: str) -> str:
    return f"storage path {str(path)!r}: {fault}"


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors of the system and of SQLite become ours."""
    try:
        yield
    except sqlite3.Error as error:
        kind = LedgerDamagedError if _primary(error) in _DAMAGE else LedgerError
        raise kind(_sentence(path, str(error))) from error
    except OSError as error:
        raise LedgerError(_sentence(path, error.strerror or type(error).__name__)) from error


def _primary(error: sqlite3.Error) -> int | None:
    """SQLite's code without the details in its upper bytes; None for an error of the Python module's own."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _lock(path: Path) -> int:
    """A lock that the system takes back however the process ends; readers need none."""
    if not path.parent.is_dir():
        raise LedgerError(_sentence(path, "the directory does not exist"))
    _check_kind(path)
    lock = os.open(_part(path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if isinstance(error, BlockingIOError):
            raise LedgerError(_sentence(path, "another exporter is using this ledger")) from error
        raise
    return lock


def _check_kind(path: Path) -> None:
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise LedgerError(_sentence(path, "found no regular file, expected one, or none yet"))


def _plain_connection(uri: str) -> sqlite3.Connection:
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS)
    db.text_factory = _decode
    return db


def _decode(text: bytes) -> str | bytes:
    """Bytes that are no UTF-8 stay bytes: one bad value must not hide the other rows."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make sure that it is a sound ledger, begun if there was none, and can be written to."""
    begun = _is_begun(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA journal_size_limit = {_MOST_WAL_BYTES}")
    with _transaction(db):
        if not begun:
            db.execute(CREATE)
            db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {VERSION}")  # written every time: what cannot be, is found out now


def _is_begun(db: sqlite3.Connection, path: Path) -> bool:
    """Whether it is a ledger; False for an empty file. Raises for anything else, and for a damaged one."""
    ((application,),), ((version,),) = (db.execute(f"PRAGMA {name}") for name in ("application_id", "user_version"))
    ((tables,),) = db.execute("SELECT count(*) FROM sqlite_master")
    if (application, version, tables) == (0, 0, 0):
        return False
    if application != _APPLICATION_ID:
        raise LedgerDamagedError(_sentence(path, "found another program's database, expected a ledger"))
    if version > VERSION:
        fault = f"found a ledger of version {version}, expected at most {VERSION}: a newer exporter has written it"
        raise LedgerError(_sentence(path, fault))
    ((finding,),) = db.execute("PRAGMA quick_check(1)")
    if finding != "ok":
        raise LedgerDamagedError(_sentence(path, "the file is damaged"))
    db.execute(f"{SELECT} LIMIT 0")
    return True


def _read(db: sqlite3.Connection, path: Path) -> dict[Key, Entry]:
    found, unreadable = {}, 0
    for row in db.execute(SELECT):
        try:
            key, entry = from_row(row)
        except ValueError:
            unreadable += 1
        else:
            found[key] = entry
    if unreadable:
        _log.error("Ledger rows cannot be read; left out", file=str(path), rows=unreadable)
    return found


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
