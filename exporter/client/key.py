"""Where an account's access key comes from. A file is re-read at every use, so a rotated key needs no restart."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from exporter.model import PollError, Reason, Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from exporter.config import Account

_LARGEST_FILE = 4096  # bytes
_LONGEST_KEY = 512  # characters
_WHITE = " \t\r\n\v\f"


class KeySource:
    """The access key of one account: given inline, in a file or in the environment.

    `tell` hears what is wrong with the source, empty when nothing is, whenever that changes.
    """

    def __init__(self, account: Account, *, tell: Callable[[str], object] = lambda _: None) -> None:
        self._account = account
        self._tell = tell
        self._fault = ""
        self._last: Secret | None = None

    def read(self) -> Secret:
        """The key as it is now, white space around it trimmed. It matches `^[!-~]{1,512}$`.

        While the source holds none, as amid a rotation, the one that was there before. Raises PollError(KEY) where none
        was; its detail names the source and the fault, never the content.
        """
        try:
            self._last, fault = self._now(), ""
        except PollError as error:
            fault = error.detail
        if fault != self._fault:
            self._fault = fault
            self._tell(fault)
        if self._last is None:
            raise PollError(Reason.KEY, fault)
        return self._last

    @property
    def holds_one(self) -> bool:
        """Whether a key has been read, which stays in use while the source holds none."""
        return self._last is not None

    def _now(self) -> Secret:
        where, text = self._found()
        key = text.strip(_WHITE)
        fault = _fault(key)
        if fault is not None:
            raise PollError(Reason.KEY, f"{where} {fault}")
        return Secret(key)

    def _found(self) -> tuple[str, str]:
        account = self._account
        if account.access_key_file is not None:
            where = f"access_key_file {account.access_key_file}"
            return where, _file_text(account.access_key_file, where)
        if account.access_key_env is not None:
            # Not the variable's name: where a key stands instead of a name, it would be told.
            return "the environment variable that access_key_env names", os.environ.get(account.access_key_env, "")
        return "access_key", account.access_key.reveal() if account.access_key else ""


def _file_text(path: Path, where: str) -> str:
    try:
        content = _file_bytes(path, where)
    except (OSError, ValueError) as exc:
        fault = exc.strerror if isinstance(exc, OSError) else "not a usable path"
        raise PollError(Reason.KEY, f"{where} cannot be read: {fault}") from None
    if len(content) > _LARGEST_FILE:
        raise PollError(Reason.KEY, f"{where} is larger than {_LARGEST_FILE} bytes")
    return content.decode(errors="surrogateescape")


def _file_bytes(path: Path, where: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe must not wait for its writer
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PollError(Reason.KEY, f"{where} is not a regular file")
        return os.read(descriptor, _LARGEST_FILE + 1)
    finally:
        os.close(descriptor)


def _fault(key: str) -> str | None:
    if not key:
        return "is empty or not set"
    if key.startswith("\ufeff"):
        return "starts with a byte order mark"
    if "\n" in key or "\r" in key:
        return "holds several lines"
    if not key.isascii():
        return "holds a character that is not ASCII"
    if not all("!" <= character <= "~" for character in key):
        return "holds a blank or a control character"
    if len(key) > _LONGEST_KEY:
        return f"is longer than {_LONGEST_KEY} characters"
    return None
