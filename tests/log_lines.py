"""Log lines for the tests that look at them."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING

import structlog

from exporter import logs

if TYPE_CHECKING:
    from collections.abc import Iterator


PLACE = re.compile(r' source=\w+\.py:\d+(?= )|"source": "\w+\.py:\d+", ')


class Lines(StringIO):
    """Log lines without the place in our code that they come from, which any edit moves."""

    def write(self, text: str) -> int:
        return super().write(PLACE.sub("", text))


@contextmanager
def set_back() -> Iterator[None]:
    """Whatever is configured inside, logging is afterwards as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:], root.level = handlers, level
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()


@contextmanager
def written(**configuration: str) -> Iterator[StringIO]:
    """What is logged inside."""
    stream = Lines()
    with set_back():
        logs.configure(stream=stream, **configuration)
        yield stream
