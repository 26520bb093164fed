"""What the daemon does for a small footprint and short pauses, seen from inside its process."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from processes import EXPORTER, running
from served import NOWHERE, ended, write

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

MIB = 1024 * 1024
# mallinfo2(3): hblkhd is what blocks of their own take, which go back to the system when they are freed.
WATCHED = """
import ctypes, gc, threading, time

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd a b c d e".split()]

def growth(info):
    before = info().hblkhd
    block = bytearray(4 * 1024 * 1024)
    return info().hblkhd - before

def watch():
    while not gc.get_freeze_count():
        time.sleep(0.01)
    info = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if info is not None:
        info.restype = Info
        bytearray(8 * 1024 * 1024)
    # The daemon's own blocks come and go meanwhile, now and then between the two looks.
    tries = iter(lambda: growth(info), None)
    found = info and next((grown for grown, _ in zip(tries, range(20)) if grown >= 4 * 1024 * 1024), 0)
    print("frozen", gc.get_freeze_count(), found, flush=True)

threading.Thread(target=watch, daemon=True).start()
from exporter.cli import main
main()
"""


def test_what_stays_is_out_of_the_collectors_sight(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """A daemon that is ready has frozen what it consists of, and a large block is given back even after a larger one."""
    command = [sys.executable, "-c", WATCHED, *write(tmp_path / "config.yaml", NOWHERE)[len(EXPORTER) :]]
    with running(command, cwd=pytestconfig.rootpath) as process:
        found = process.wait_for(r"^frozen (\d+) (\S+)$")
        process.wait_for("msg=Polled")
        assert 0 == ended(process, signal.SIGTERM)
    assert int(found[1]) > 40_000
    assert found[2] == "None" or int(found[2]) >= 4 * MIB  # None: not glibc, which alone keeps it otherwise
