"""The secrets that an account sends: each is told as soon as it is read, so that no log line will show it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from exporter.client import KeySource
from exporter.model import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.config import Account

_USER_AND_PASSWORD = re.compile(r"https?://(?:([^:@]*):)?([^@]+)@")


class NotedKeySource(KeySource):
    """A KeySource that tells `note` of the key at every use, and so of each that was rotated in, and of the password
    of the account's proxy.
    """

    def __init__(self, account: Account, *, tell: Callable[[str], object], note: Callable[[Secret], object]) -> None:
        super().__init__(account, tell=tell)
        self._note = note
        self._of_proxy = tuple(_passwords(account.api.proxy_url or ""))

    def read(self) -> Secret:
        """As any KeySource's. Raises PollError(KEY)."""
        key = super().read()
        for secret in (key, *self._of_proxy):
            self._note(secret)
        return key


def _passwords(url: str) -> Iterator[Secret]:
    """The password as the URL has it and as it is sent; where there is a user alone, that is the secret."""
    found = _USER_AND_PASSWORD.match(url)
    if found:
        yield Secret(found[2])
        yield Secret(unquote(found[2]))
