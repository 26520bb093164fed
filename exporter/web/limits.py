"""What a client may take of us, and what it is told to have taken too much of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from exporter.metrics import Refusal


class Phase(StrEnum):
    """What a connection waits for. All but the last are the client's to end, and have a deadline."""

    HEAD = "head"  # a request that has begun, or the first one, to the end of its header
    BODY = "body"
    READER = "reader"  # the client, to take the rest of its answer
    IDLE = "idle"  # the next request, of which nothing has come yet
    OURS = "ours"


# Who asks for nothing more is refused nothing: the end of an idle connection is not counted.
LATE = {
    Phase.HEAD: Refusal.SLOW_HEADER,
    Phase.BODY: Refusal.SLOW_BODY,
    Phase.READER: Refusal.SLOW_READER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a client may take of us. Seconds are those of the event loop's clock, each for a phase as a whole.

    Of its own time a client may use 30 s for one request. Idle connections outlive the 15 s between two scrapes of
    a Prometheus that is in a hurry.
    """

    connections: int = 256  # asyncio keeps 256 KiB for each that speaks TLS
    handshakes: int = 64  # and as much for each that has not come to be one
    handshake_seconds: float = 5.0
    head_seconds: float = 5.0
    body_seconds: float = 10.0
    reader_seconds: float = 15.0
    idle_seconds: float = 20.0
    request_bytes: int = 64 * 1024  # of which h11 allows the header 16 KiB

    def seconds(self, phase: Phase) -> float | None:
        """How long a connection may stay in it; None for as long as we need."""
        return {
            Phase.HEAD: self.head_seconds,
            Phase.BODY: self.body_seconds,
            Phase.READER: self.reader_seconds,
            Phase.IDLE: self.idle_seconds,
        }.get(phase)
