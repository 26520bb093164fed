"""Trouble on demand: what an answer can be made to be instead of right, and for whom and how often."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What is wrong with the answer."""

    STATUS = "status"  # an error status, with the vendor's JSON body, a page of HTML, or `body`
    BODY = "body"  # 200, with `body` for a body
    LATENCY = "latency"  # right, but `seconds` (real ones) late
    HANG = "hang"  # nothing, until the client goes away
    DRIP = "drip"  # right, but a byte every `seconds`
    WRONG_ID = "wrong_id"  # another task's id
    BAD_JSON = "bad_json"  # cut in half
    OVERSIZED = "oversized"  # right, but padded to `size` bytes
    WRONG_DATE = "wrong_date"  # right, but the Date header is off by `seconds`


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kind of trouble. `headers` are added to the answer whatever the kind."""

    kind: Kind = Kind.STATUS
    status: int = 500
    html: bool = False
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    retry_after: str | None = None  # sent as it stands
    retry_after_date_seconds: float | None = None  # sent as the HTTP date that long after now
    seconds: float = 0
    size: int = 64 * 1024 * 1024
    count: int | None = None  # for so many requests; None: until cleared


@dataclass(slots=True, kw_only=True)
class _Active:
    fault: Fault
    account: str | None
    task_id: str | None
    left: int | None

    def meets(self, account: str | None, task_id: str | None) -> bool:
        return self.account == account and self.task_id in {None, task_id}


class Faults:
    """The faults in force. Each is for one task of an account, for the whole account, or, without an account,
    for every request before its key is even looked at. The newest that applies is played.
    """

    def __init__(self) -> None:
        self._active: list[_Active] = []

    def add(self, fault: Fault, *, account: str | None = None, task_id: str | int | None = None) -> None:
        """Raises ValueError for a task without its account."""
        if task_id is not None and account is None:
            raise ValueError("fault: a task_id is given, expected its account too")
        text = None if task_id is None else str(task_id)
        self._active.append(_Active(fault=fault, account=account, task_id=text, left=fault.count))

    def clear(self, *, account: str | None = None, task_id: str | int | None = None) -> None:
        """Drop the faults of a task, of an account and all its tasks, or (no argument) all there are."""
        text = None if task_id is None else str(task_id)
        self._active = [
            active
            for active in self._active
            if account not in {None, active.account} or text not in {None, active.task_id}
        ]

    def take(self, *, account: str | None, task_id: str | None = None) -> Fault | None:
        """The fault to play for one request, counted off."""
        found = next((one for one in reversed(self._active) if one.meets(account, task_id)), None)
        if found is None:
            return None
        if found.left is not None:
            found.left -= 1
            if found.left <= 0:
                self._active.remove(found)
        return found.fault
