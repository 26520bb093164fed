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
        return self.wait_for_each(pattern)[0]

    def wait_for_each(self, *patterns: str) -> list[re.Match[str]]:
        """The first match of each in the lines to come, in whichever order they are said; else as `wait_for`.

        For what a program's own threads say side by side: which of two lines comes first is then chance.
        """
        found: dict[str, re.Match[str]] = {}
        deadline = monotonic() + PATIENCE_SECONDS
        while len(found) < len(patterns):
            line = self._next(deadline, [each for each in patterns if each not in found])
            matches = {each: re.search(each, line) for each in patterns if each not in found}
            found |= {each: match for each, match in matches.items() if match}
        return [found[each] for each in patterns]

    def _next(self, deadline: float, awaited: Sequence[str]) -> str:
        while monotonic() < deadline:
            try:
                self.seen.append(self._lines.get(timeout=0.2))
            except Empty:
                alive = self._reader.is_alive() or not self._lines.empty()
                assert alive, f"it has ended: {''.join(self.seen)}"
            else:
                return self.seen[-1]
        raise AssertionError(f"no {' nor '.join(map(repr, awaited))} in: {''.join(self.seen)}")

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
