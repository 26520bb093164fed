"""The secrets that an account sends: each is told as soon as it is read, so that no log line will show it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import structlog

from exporter.client import KeySource
from exporter.model import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.config import Account

_log = structlog.get_logger()
_USER_AND_PASSWORD = re.compile(r"https?://(?:([^:@]*):)?([^@]+)@")


class NotedKeySource(KeySource):
    """A KeySource that tells `note` of the key at every use, and so of each that was rotated in, and of the password
    of the account's proxy. Whether the key can be read is nobody's business before `attach`.
    """

    def __init__(self, account: Account, *, note: Callable[[Secret], object]) -> None:
        super().__init__(account, tell=self._hear)
        self._note = note
        self._record: Callable[[bool], object] | None = None
        self._log = _log.bind(account=account.name)
        self._of_proxy = tuple(_passwords(account.api.proxy_url or ""))

    def read(self) -> Secret:
        """As any KeySource's. Raises PollError(KEY)."""
        key = super().read()
        for secret in (key, *self._of_proxy):
            self._note(secret)
        return key

    def attach(self, record: Callable[[bool], object]) -> None:
        """Tell `record` now whether the key can be read, and tell it and the log whenever that changes."""
        self._record = record
        record(not self._fault)

    def _hear(self, fault: str) -> None:
        if self._record is None:  # of an account that is only tried
            return
        self._record(not fault)
        if not fault:
            self._log.info("The access key can be read")
        elif self.holds_one:
            self._log.warning("Cannot read the access key; one that was read before stays in use", fault=fault)
        else:
            self._log.warning("Cannot read the access key; no request is sent until it can be read", fault=fault)


def _passwords(url: str) -> Iterator[Secret]:
    """The password as the URL has it and as it is sent; where there is a user alone, that is the secret."""
    found = _USER_AND_PASSWORD.match(url)
    if found:
        yield Secret(found[2])
        yield Secret(unquote(found[2]))
