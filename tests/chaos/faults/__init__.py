"""What can go wrong upstream, by its case and name."""

from __future__ import annotations

from chaos.faults import bodies, doors, meanings, networks, statuses
from chaos.plays import Fault

FAULTS: dict[str, Fault] = {
    **statuses.FAULTS,
    **bodies.FAULTS,
    **meanings.FAULTS,
    **networks.FAULTS,
    **doors.FAULTS,
}

__all__ = ["FAULTS", "Fault"]
