"""Lines to a real pipe, whether somebody reads them or not."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from exporter.logs.lines import lines_to
from log_lines import set_back

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.typing import EventDict, Processor

    from exporter.logs.lines import Lines

PATIENCE_SECONDS = 20.0
MANY = 12_000  # lines: more than a pipe and we hold together
DROPPED = "Log lines were dropped"


class Pipe:
    """What lines are written to, and read from once somebody starts to: at a pace, until it is `hurried`."""

    def __init__(self, encoding: str = "utf-8", *, pace_seconds: float = 0.0) -> None:
        self.reading, writing = os.pipe()
        self.stream = os.fdopen(writing, "w", encoding=encoding)
        self._content, self._pace_seconds = b"", pace_seconds
        self.hurried, self.is_read = threading.Event(), False
        self._reader = threading.Thread(target=self._read)

    def start_to_read(self) -> None:
        self.is_read = True
        self._reader.start()

    def _read(self) -> None:
        while some := os.read(self.reading, 65536):
            self._content += some
            self.hurried.wait(self._pace_seconds)

    def content(self) -> list[bytes]:
        """All lines, after which there will be no more."""
        self.stream.close()
        self._reader.join(PATIENCE_SECONDS)
        os.close(self.reading)
        return self._content.splitlines()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.content()]


@contextmanager
def logging_to(pipe: Pipe, *processors: Processor) -> Iterator[Lines]:
    lines = lines_to(pipe.stream)
    with set_back():
        structlog.configure(
            processors=[*processors, structlog.processors.JSONRenderer()],
            wrapper_class=structlog.make_filtering_bound_logger("info"),
            logger_factory=lambda *_: lines,
        )
        yield lines
        lines.flush(PATIENCE_SECONDS)


def say(count: int) -> None:
    for number in range(count):
        structlog.get_logger().info("Polled", number=number, padding="-" * 100)


def test_a_pipe_that_nobody_reads_holds_nobody_up() -> None:
    """What finds no room is dropped, and its number told once all is written: not a line is unaccounted for."""
    pipe = Pipe()
    with logging_to(pipe) as lines:
        began_seconds = monotonic()
        say(MANY)
        lines.flush(0.01)
        assert monotonic() - began_seconds < PATIENCE_SECONDS / 2
        pipe.start_to_read()
        lines.flush(PATIENCE_SECONDS)
        say(2)
    *first, told, last, newest = pipe.events()
    assert list(range(len(first))) == [event["number"] for event in first]
    assert {"event": DROPPED, "lines": MANY - len(first), "source": "log"} == told
    assert [0, 1] == [last["number"], newest["number"]]


def test_a_slow_reader_loses_nothing() -> None:
    """Lines beyond what a pipe holds wait for their reader."""
    pipe = Pipe()
    with logging_to(pipe):
        say(900)
        pipe.start_to_read()
    assert list(range(900)) == [event["number"] for event in pipe.events()]


def test_a_slow_stream_does_not_hold_up_each_line() -> None:
    """What is written in time, but slowly, costs those who say it little altogether, and loses nothing."""
    pipe = Pipe(pace_seconds=0.1)
    fcntl.fcntl(pipe.reading, fcntl.F_SETPIPE_SZ, 4096)
    with logging_to(pipe) as lines:
        pipe.start_to_read()
        began_seconds = monotonic()
        for _ in range(15):
            lines.msg("-" * 4095)
        held_up_seconds = monotonic() - began_seconds
        pipe.hurried.set()
    assert held_up_seconds < 0.8
    assert ["-" * 4095] * 15 == [line.decode() for line in pipe.content()]


@contextmanager
def full_disk(pipe: Pipe) -> Iterator[None]:
    good = os.dup(pipe.stream.fileno())
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        os.dup2(full.fileno(), pipe.stream.fileno())
    yield
    os.dup2(good, pipe.stream.fileno())
    os.close(good)


def test_lines_that_cannot_be_written_are_counted() -> None:
    """When the disk has room again it is told how many are missing."""
    pipe = Pipe()
    with logging_to(pipe) as lines:
        with full_disk(pipe):
            say(3)
            lines.flush(PATIENCE_SECONDS)
        say(1)
        lines.flush(PATIENCE_SECONDS)
        say(1)
        pipe.start_to_read()
    assert [None, 3, None] == [event.get("lines") for event in pipe.events()]


def test_a_number_that_finds_no_room_is_told_later() -> None:
    """Where others take the last room before the line that tells it, the number is kept, and that line counted too."""
    pipe = Pipe()

    def crowd(lines: Lines, _method: str, event: EventDict) -> EventDict:
        for _ in range(MANY if event["event"] == DROPPED and not pipe.is_read else 0):
            lines.msg(json.dumps({"event": "-" * 100}))
        return event

    with logging_to(pipe, crowd) as lines:
        with full_disk(pipe):
            say(3)
            lines.flush(PATIENCE_SECONDS)
        say(1)
        lines.flush(PATIENCE_SECONDS)
        say(1)
        pipe.start_to_read()
        lines.flush(PATIENCE_SECONDS)
        say(1)
    events = pipe.events()
    told = [event["lines"] for event in events if event["event"] == DROPPED]
    assert 1 == len(told)
    assert 3 + 1 + 1 + MANY + 1 + 1 == len(events) - 1 + told[0]


def test_a_healthy_stream_has_each_line_at_once() -> None:
    """Nothing that is said afterwards elsewhere comes before it."""
    pipe = Pipe()
    with logging_to(pipe) as lines:
        os.set_blocking(pipe.reading, False)
        for number in range(5):
            lines.msg(f"{number}")
            assert f"{number}\n".encode() == os.read(pipe.reading, 65536)
        os.set_blocking(pipe.reading, True)
        pipe.start_to_read()
    assert [] == pipe.events()


def test_any_encoding() -> None:
    """What it cannot write is escaped."""
    pipe = Pipe("ascii")
    with logging_to(pipe) as lines:
        lines.msg("naïve")
        pipe.start_to_read()
    assert [rb"na\xefve"] == pipe.content()


AT_THE_END = """
import sys
import structlog
from exporter import logs
from exporter.cli.running import run_to_the_end

logs.configure()
for number in range(900):
    structlog.get_logger().info("Polled", number=number, padding="-" * 100)
print("said", flush=True)

async def main(): return 3
"""


@pytest.mark.parametrize("end", ["run_to_the_end(main())", "sys.exit(3)"])
def test_a_process_writes_its_last_lines(end: str, pytestconfig: pytest.Config) -> None:
    """Whichever way it ends, what still waits is written where somebody reads, although he comes late."""
    command = [sys.executable, "-c", AT_THE_END + end]
    process = subprocess.Popen(command, cwd=pytestconfig.rootpath, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert b"said\n" == process.stdout.readline()
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert (3, 900) == (process.returncode, said.count(b"msg=Polled"))
