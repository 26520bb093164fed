"""Basic authentication against bcrypt hashes: off the event loop, the same time for unknown users, cached safely."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.model import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOST_KEPT = 100
MOST_WAITING = 16  # checks of other credentials, each up to a second
_LONGEST_PASSWORD = 72  # bytes, of which bcrypt takes no more
_COST = slice(0, 7)  # of a hash, `$2y$10$`
_NOBODYS = "." * 53  # salt and sum of a hash that no password is known for


class BusyError(Exception):
    """More passwords wait to be checked than are let wait."""


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    password: bytes = field(repr=False)


def parse_basic(headers: Sequence[bytes]) -> Credentials | None:
    """What the one Authorization header says; None for none, several, or one that is not well-formed."""
    if len(headers) != 1:
        return None
    scheme, _, encoded = headers[0].partition(b" ")
    try:
        user, colon, password = base64.b64decode(encoded.strip(b" "), validate=True).partition(b":")
    except binascii.Error:
        return None
    if scheme.lower() != b"basic" or not colon:
        return None
    return Credentials(user.decode(errors="surrogateescape"), password)


def matches(password: bytes, hashed: bytes) -> bool:
    """Whether bcrypt makes this hash of this password. Takes long by design."""
    import bcrypt  # noqa: PLC0415 - memory that an exporter without users need not spend

    try:
        return bcrypt.checkpw(password, hashed)
    except ValueError:
        return False


class Passwords:
    """Checks credentials, one at a time in a thread of its own, and keeps up to 100 outcomes of each kind.

    What is kept is a keyed digest under a key that lives as long as the process: no password stays in memory, and
    the parts of what is digested cannot be confused. A good outcome is pushed out by good ones only, so that a flood
    of wrong passwords does not make Prometheus wait for bcrypt. `check` is called in the thread.
    """

    def __init__(self, check: Callable[[bytes, bytes], bool] = matches) -> None:
        self._check = check
        self._key = secrets.token_bytes(32)
        self._kept: dict[bool, set[bytes]] = {True: set(), False: set()}
        self._running: dict[bytes, asyncio.Task[bool]] = {}
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")

    async def accept(self, credentials: Credentials, users: Mapping[str, Secret]) -> bool:
        """Whether they are those of one of the users, of which there is at least one. Raises BusyError."""
        if len(credentials.password) > _LONGEST_PASSWORD:
            return False
        hashed = users.get(credentials.user, self._stand_in(credentials.user, users)).reveal()
        digest = self._digest(credentials.user.encode(errors="surrogateescape"), hashed.encode(), credentials.password)
        for outcome, kept in self._kept.items():
            if digest in kept:
                return outcome
        if digest not in self._running:
            if len(self._running) >= MOST_WAITING:
                raise BusyError
            judged = self._judge(digest, credentials.password, hashed, known=credentials.user in users)
            self._running[digest] = asyncio.create_task(judged, name="password")
        return await asyncio.shield(self._running[digest])

    def _stand_in(self, user: str, users: Mapping[str, Secret]) -> Secret:
        """For an unknown user: a hash that costs what one of the users' does, always the same one."""
        hashes = sorted(hashed.reveal() for hashed in users.values())
        which = int.from_bytes(self._digest(user.encode(errors="surrogateescape"))) % len(hashes)
        return Secret(hashes[which][_COST] + _NOBODYS)

    def _digest(self, *parts: bytes) -> bytes:
        return hashlib.blake2b(b":".join(part.hex().encode() for part in parts), key=self._key).digest()

    async def _judge(self, digest: bytes, password: bytes, hashed: str, *, known: bool) -> bool:
        try:
            loop = asyncio.get_running_loop()
            same = await loop.run_in_executor(self._pool, self._check, password, hashed.encode())
        finally:
            del self._running[digest]
        self._keep(digest, accepted=same and known)
        return same and known

    def _keep(self, digest: bytes, *, accepted: bool) -> None:
        kept = self._kept[accepted]
        if len(kept) >= MOST_KEPT:
            kept.discard(secrets.choice(tuple(kept)))
        kept.add(digest)
