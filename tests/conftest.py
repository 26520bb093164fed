"""What every test may ask for, and the account of what could not be tried.

A test marked `real` asks `component` for what it needs; `make test` fetches the components into `.tools`.
"""

from __future__ import annotations

import logging
import re
import signal
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import structlog

from components import lacking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MISSING = re.compile(r"component missing: (\S+) \((.*)\)")


def pytest_configure() -> None:
    # A shell starts its background jobs with SIGINT ignored, and what is ignored is handed on to our processes.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def logging_put_back() -> Iterator[None]:
    root, manager = logging.getLogger(), logging.Logger.manager
    named = {name: logger.level for name, logger in manager.loggerDict.items() if isinstance(logger, logging.Logger)}
    before = (root.level, list(root.handlers), logging.raiseExceptions)
    yield
    structlog.reset_defaults()
    root.setLevel(before[0])
    root.handlers[:], logging.raiseExceptions = before[1:]
    for name, logger in manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            logger.setLevel(named.get(name, logging.NOTSET))


@pytest.fixture(autouse=True, scope="module")
def own_logging_of_a_module() -> Iterator[None]:
    """What a module's fixture does to the process's logging, before any test of it, ends with the module."""
    with logging_put_back():
        yield


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Whatever a test does to the process's logging ends with it; until it does, our lines are silent."""
    with logging_put_back():
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        yield


@pytest.fixture(scope="session")
def component(pytestconfig: pytest.Config) -> Callable[[str], Path]:
    """The path of a fetched program by its name: prometheus and promtool (2.x), prometheus3 and promtool3, alertmanager, amtool, chromium.

    Where it is missing the test is skipped with the recorded reason; under CI it fails.
    """
    tools = pytestconfig.rootpath / ".tools"

    def find(name: str) -> Path:
        program = tools / "bin" / name
        if not program.exists():
            recorded = tools / "missing" / name
            reason = recorded.read_text().strip() if recorded.exists() else "not fetched: run make test"
            lacking(name, reason)
        return program.resolve()

    return find


def what_was_said(report: pytest.TestReport) -> str:
    """The message of a skip or a failure; pytest holds the first as (file, line, message)."""
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing = Counter(
        found.groups()
        for outcome in ("skipped", "error", "failed")
        for report in terminalreporter.getreports(outcome)
        if (found := MISSING.search(what_was_said(report)))
    )
    for (name, reason), tests in sorted(missing.items()):
        terminalreporter.write_line(f"component missing: {name} ({reason}), {tests} tests not run", yellow=True)
