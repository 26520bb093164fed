"""Runs what is asynchronous in a verb, on the real clock."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import structlog

from exporter.cli import console

if TYPE_CHECKING:
    from collections.abc import Coroutine


def utc_now() -> datetime:
    return datetime.now(UTC)


def run_to_the_end(main: Coroutine[Any, Any, int], *, failed: int = 1) -> NoReturn:
    """Run `main` and leave with its code, at once; with `failed` when it is interrupted or raises.

    Not asyncio.run: it would wait for a resolver's thread that got stuck, and so would the interpreter's own exit.
    """
    code = failed
    try:
        code = asyncio.new_event_loop().run_until_complete(main)
    except Exception as error:  # noqa: BLE001 - the top of the process: told without its text, which may hold a secret
        structlog.get_logger().error("Internal error", where="main", error=error)
    finally:
        os._exit(console.settle(code))
