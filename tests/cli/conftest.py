"""Verbs set up logging for their process; here the process is the test's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from log_lines import set_back

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    with set_back():
        yield
