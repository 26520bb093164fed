"""The ledger as verbs ask for it: none, one of their own, or one that is only read."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from builders import at
from cli.runs import GOOD, run
from exporter.cli.storage import open_ledger_or_exit, read_ledger_or_exit
from store.entries import some

if TYPE_CHECKING:
    from pathlib import Path


def now():
    return at("2024-06-10 12:00Z")


def test_without_a_path_there_is_none() -> None:
    """Nothing is opened, read or made unless it was asked for."""
    options = Namespace(storage_path=None)
    assert (None, {}) == (open_ledger_or_exit(options, now=now), read_ledger_or_exit(options))


def test_what_one_verb_writes_another_reads(tmp_path: Path) -> None:
    """Also while the writer has it; where there is no ledger yet, there is nothing to read and no error."""
    options = Namespace(storage_path=tmp_path / "ledger.db", failed=3)
    assert {} == read_ledger_or_exit(options)
    file = open_ledger_or_exit(options, now=now)
    assert file is not None
    with closing(file):
        file.save(some(3))
        assert some(3) == read_ledger_or_exit(options)


@pytest.mark.parametrize(("verb", "code"), [("serve", 1), ("check", 3)])
def test_one_that_cannot_be_used(verb: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence on stderr, and the verb's exit code for what it cannot do."""
    config = tmp_path / "config.yaml"
    config.write_text(GOOD)
    assert code == run(verb, "--config.file", config, "--storage.path", tmp_path, "--log.level=error")
    told = f"storage path '{tmp_path}': found no regular file, expected one, or none yet\n"
    assert ("", told) == capsys.readouterr()
