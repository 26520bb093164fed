"""Reads a file that somebody has named, and says in few words what is in the way."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class UnreadableError(Exception):
    """What was found instead of a file that can be read."""


def read_file(path: Path, *, most: int, is_regular: bool = False) -> bytes:
    """The file's content, of which at most `most` bytes and one more are read. Raises UnreadableError.

    One that `is_regular` must be no pipe or device, of which nobody knows when it answers.
    """
    try:
        with os.fdopen(_opened(path, is_regular=is_regular), "rb") as file:
            return file.read(most + 1)
    except FileNotFoundError:
        raise UnreadableError("no such file") from None
    except IsADirectoryError:
        raise UnreadableError("a directory") from None
    except PermissionError:
        raise UnreadableError("a file that we may not read") from None
    except (OSError, ValueError):
        raise UnreadableError("a file that cannot be read") from None


def _opened(path: Path, *, is_regular: bool) -> int:
    """A descriptor to read from."""
    descriptor = os.open(path, os.O_RDONLY | (os.O_NONBLOCK if is_regular else 0))  # a pipe would wait for its writer
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode) or (is_regular and not stat.S_ISREG(mode)):
        os.close(descriptor)
        raise IsADirectoryError if stat.S_ISDIR(mode) else UnreadableError("no regular file")
    return descriptor
