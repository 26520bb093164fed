"""The process and its surroundings: standard streams that may be closed, signals that may come at any time."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
_ENDING = (signal.SIGTERM, signal.SIGINT)


def mend_streams() -> None:
    """Make every standard stream one that can be written to, whatever the text, however we were started."""
    for name, mode in _STREAMS:
        stream = getattr(sys, name)
        if stream is None:
            # Takes the number of the closed stream, so that no socket gets it and is written to by mistake.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def leave_no_core_file() -> None:
    """A crash writes no image of the memory, in which the keys are."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def raise_file_limit(most: int) -> int:
    """Let us have as many files open as can be had without being privileged, up to `most`; how many those are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = min(most, _finite(hard))
    with contextlib.suppress(OSError, ValueError):  # some systems allow less than they say
        if _finite(soft) < possible:
            resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    return _finite(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _finite(limit: int) -> int:
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


def say(text: str) -> bool:
    """Write to stdout at once; whether that went well. That nobody reads it any more is no failure."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        _silence(sys.stdout)
        return isinstance(error, BrokenPipeError)
    return True


def settle(code: int) -> int:
    """Write out what is buffered; the exit code, which becomes 1 where output that somebody wanted is lost."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            _silence(stream)
        except OSError:
            _silence(stream)
            code = code or 1
    return code


@contextlib.contextmanager
def leaving_on_signals() -> Iterator[None]:
    """SIGTERM and SIGINT end the process with 0 while it still starts; the first process would never see SIGTERM.

    SIGHUP is held back until whoever reloads unblocks it, so that it neither ends the process nor is lost.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    before = {number: signal.signal(number, lambda *_: os._exit(0)) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _silence(stream: TextIO) -> None:
    """What is still buffered goes nowhere, and the interpreter's own flush at its end succeeds."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
