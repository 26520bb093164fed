"""Runs the command line inside the test's process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.cli import main

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "accounts: [{name: main, access_key: key-of-the-tests, tasks: all}]\n"


def run(*words: str | Path) -> int:
    """The exit code."""
    with pytest.raises(SystemExit) as leaving:
        main([str(word) for word in words])
    assert isinstance(leaving.value.code, int)
    return leaving.value.code
