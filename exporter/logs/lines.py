"""Writes lines without ever holding up who says them: what nobody takes waits a while, then is dropped and counted."""

from __future__ import annotations

import contextlib
import os
import threading
from queue import SimpleQueue
from time import monotonic
from typing import TextIO

import structlog

_PATIENCE_SECONDS = 0.2  # for all lines together; a second gives it back
_MOST_WAITING = 10_000  # lines
_log = structlog.get_logger(source="log")


def lines_to(stream: TextIO) -> Lines:
    """A closed or full stream is nobody's error but its lines'."""
    try:
        return _Queue(stream.fileno(), encoding=stream.encoding)
    except (OSError, ValueError):
        return Lines(stream)


class Lines:
    """Lines into memory, where nothing is in the way."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> bool:
        """Whether there was room for it."""
        return self._take(f"{line}\n")

    debug = info = warning = error = critical = exception = msg

    def _take(self, text: str) -> bool:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
            return True
        return False

    def flush(self, most_seconds: float) -> None:
        """Wait until everything is written, but no longer than that."""


class _Queue(Lines):
    """Lines to a file of the system's, by a thread of its own, which alone a full pipe or a disk that hangs can stop.

    A healthy one has each line when `msg` returns, so that nothing that is written elsewhere overtakes it, unless too
    much is said at once. Who writes is held up for 0.2 s, and then a fifth of the time at most.
    Past the stream and its lock, at which the interpreter's end would wait for the thread.
    """

    def __init__(self, number: int, *, encoding: str) -> None:
        self._number, self._encoding = number, encoding
        self._waiting: SimpleQueue[tuple[bytes, threading.Event]] = SimpleQueue()
        self._late = False  # what was waited for in vain is not waited for again before all is written
        self._failing = False
        self._patience_seconds, self._waited_at_seconds = _PATIENCE_SECONDS, monotonic()
        self._lost = 0
        # Reentrant, as the queue is: Python throws objects away at any point, and what is wrong with one is logged.
        self._counting = threading.RLock()
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def _take(self, text: str) -> bool:
        with self._counting:
            if self._waiting.qsize() >= _MOST_WAITING:
                self._lost += 1
                return False
            lost = 0 if self._late or self._failing else self._lost
            self._lost -= lost  # or the line that tells of them would have them told again
        if lost and not _log.error("Log lines were dropped", lines=lost):
            with self._counting:
                self._lost += lost
        written = self._put(text.encode(self._encoding, errors="backslashreplace"))
        if not self._late and not self._wait(written):
            self._late = True
        return True

    def _wait(self, written: threading.Event) -> bool:
        """For as long as patience lasts: whether it was long enough."""
        began_seconds = monotonic()
        with self._counting:
            regained = _PATIENCE_SECONDS * (began_seconds - self._waited_at_seconds)
            patience_seconds = min(_PATIENCE_SECONDS, self._patience_seconds + max(0.0, regained))
        in_time = written.wait(patience_seconds)
        with self._counting:
            self._waited_at_seconds = monotonic()
            self._patience_seconds = max(0.0, patience_seconds - (self._waited_at_seconds - began_seconds))
        return in_time

    def flush(self, most_seconds: float) -> None:
        self._put(b"").wait(most_seconds)

    def _put(self, content: bytes) -> threading.Event:
        written = threading.Event()
        self._waiting.put((content, written))
        return written

    def _run(self) -> None:
        while True:
            content, written = self._waiting.get()
            if content:
                self._failing = not self._written(content)
            if self._waiting.empty():
                self._late = False
            written.set()

    def _written(self, content: bytes) -> bool:
        try:
            while content:
                content = content[os.write(self._number, content) :]
        except OSError:
            with self._counting:
                self._lost += 1
            return False
        return True
