"""Standard streams that break; that they may be closed is shown in test_main.py, signals in test_wire.py."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import sys

import pytest

from exporter.cli import console


class Breaking(io.StringIO):
    """A stream whose reader has gone, or whose disk is full."""

    def __init__(self, code: int, number: int) -> None:
        super().__init__()
        self._code = code
        self._number = number

    def flush(self) -> None:
        raise OSError(self._code, os.strerror(self._code))

    def fileno(self) -> int:
        return self._number


def test_no_core_file() -> None:
    """From then on a crash of this process leaves none; what more privileged ones may allow stays as it was."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        console.leave_no_core_file()
        assert (0, before[1]) == resource.getrlimit(resource.RLIMIT_CORE)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.parametrize(("soft", "most", "expected"), [(100, 200, 200), (300, 200, 300), (100, 1 << 62, None)])
def test_the_limit_of_files(soft: int, most: int, expected: int | None) -> None:
    """It becomes what is wanted, or as much of it as may be; never less than before, and no privilege is touched."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        assert (expected or before[1]) == console.raise_file_limit(most)
        assert (expected or before[1], before[1]) == resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(("code", "written"), [(errno.EPIPE, True), (errno.ENOSPC, False)])
def test_say_never_raises(code: int, written: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that has gone is no failure, a full disk is one; either way later text goes nowhere."""
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdout", Breaking(code, writing))
    assert written == console.say("text\n")
    os.write(writing, b"later text")
    os.close(writing)
    assert b"" == os.read(reading, 100)
    os.close(reading)


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [(errno.EPIPE, 0, 0), (errno.EPIPE, 2, 2), (errno.ENOSPC, 0, 1), (errno.ENOSPC, 2, 2)],
)
def test_settle(code: int, before: int, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost output makes a success a failure, and leaves a failure as it is."""
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(sys, "stdout", Breaking(code, writing))
    assert after == console.settle(before)
    os.close(writing)


def test_any_text_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the terminal's encoding lacks is written as an escape."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console.mend_streams()
    assert console.say("Tōkyō \ud800\n")
    assert b"T\\u014dky\\u014d \\ud800\n" == raw.getvalue()


def test_signals_are_handed_back() -> None:
    """After a start that failed the signals mean what they meant."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with console.leaving_on_signals():
        assert signal.getsignal(signal.SIGTERM) is not before[0]
        assert signal.getsignal(signal.SIGINT) is not before[1]
    assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
