"""How a verb's asynchronous part ends its process; by signals: test_wire.py."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

HIDDEN = "key-in-the-text"
PROGRAM = f"""
import asyncio, signal, threading
from exporter import logs
from exporter.cli.running import run_to_the_end

async def well(): return 2
async def raising(): raise ValueError("{HIDDEN}")
async def interrupted(): raise KeyboardInterrupt

class Broken:
    def __del__(self): raise ValueError("{HIDDEN}")

async def in_a_thread():
    def fail(): raise ValueError("{HIDDEN}")
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    return 0

async def thrown_away():
    Broken()
    return 0

async def in_the_event_loop():
    def fail(): raise ValueError("{HIDDEN}")
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0)
    return 0

async def leaving_a_thread():
    asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
    return 0

async def interrupted_while_it_sleeps():
    # Sent to another thread, the signal does not end the loop's sleep by itself.
    threading.Timer(0.2, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT)).start()
    await asyncio.sleep(20)

logs.configure(level="error")
"""


def a_bug(where: str, at: str) -> str:
    """The line that tells of it, without a word of the exception's own."""
    msg = rf'msg="Internal error" where={where} error=ValueError at={at}:\d+'
    return rf"time=\S+ level=error source=running.py:\d+ {msg}\n"


@pytest.mark.parametrize(
    ("code", "name", "told"),
    [
        (2, "well", ""),
        (3, "raising", a_bug("main", "raising")),
        (0, "in_a_thread", a_bug("thread", "in_a_thread.<locals>.fail")),
        (0, "thrown_away", a_bug("interpreter", "Broken.__del__")),
        (3, "interrupted", ""),
        (3, "interrupted_while_it_sleeps", ""),
        (0, "in_the_event_loop", a_bug('"event loop"', "in_the_event_loop.<locals>.fail")),
        (0, "leaving_a_thread", ""),
    ],
)
def test_every_end_has_its_code(code: int, name: str, told: str, pytestconfig: pytest.Config) -> None:
    """The coroutine's own code, or that of failure; no traceback, and no thread that never returns, stands in the way.

    What nobody caught beside it is counted.
    """
    call = f"run_to_the_end({name}(), failed=3, on_bug=lambda: print('counted', flush=True))"
    command = [sys.executable, "-X", "dev", "-c", f"{PROGRAM}{call}"]
    ended = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False, timeout=15)
    assert code == ended.returncode
    assert re.fullmatch(told, ended.stderr)
    assert ("" if name == "raising" else "counted\n" * bool(told)) == ended.stdout
