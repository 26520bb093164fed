"""Reads a file that somebody has named, and says in few words what is in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class UnreadableError(Exception):
    """What was found instead of a file that can be read."""


def read_file(path: Path, *, most: int) -> bytes:
    """The file's content, of which at most `most` bytes and one more are read. Raises UnreadableError."""
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except FileNotFoundError:
        raise UnreadableError("no such file") from None
    except IsADirectoryError:
        raise UnreadableError("a directory") from None
    except PermissionError:
        raise UnreadableError("a file that we may not read") from None
    except (OSError, ValueError):
        raise UnreadableError("a file that cannot be read") from None
