"""Real processes for the tests that need them: started with a deadline, read by line, ended by pid."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from queue import Empty, Queue
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

PATIENCE_SECONDS = 30.0
EXPORTER = (sys.executable, "-W", "error::ResourceWarning", "-m", "exporter")


class Process:
    """A running command whose output, both streams as one, is read line by line."""

    def __init__(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self.popen = subprocess.Popen(
            command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        self.seen: list[str] = []
        self._lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self._lines.put(line)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first match in a line to come; AssertionError with all that was said when none comes in time."""
        deadline = monotonic() + PATIENCE_SECONDS
        while monotonic() < deadline:
            try:
                line = self._lines.get(timeout=0.2)
            except Empty:
                assert self.popen.poll() is None or self._reader.is_alive(), f"it has ended: {''.join(self.seen)}"
                continue
            self.seen.append(line)
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"no {pattern!r} in: {''.join(self.seen)}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Signal it and give its exit code, or kill it when it does not leave."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        try:
            return self.popen.wait(timeout=10)
        finally:
            self.popen.kill()
            self.popen.wait()
            self._reader.join(timeout=5)
            if self.popen.stdout is not None:
                self.popen.stdout.close()
            while not self._lines.empty():
                self.seen.append(self._lines.get())


@contextmanager
def running(command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> Iterator[Process]:
    """The process, ended at the end whatever happens."""
    process = Process(command, cwd=cwd, env=env)
    try:
        yield process
    finally:
        process.end()
