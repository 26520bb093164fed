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
# Without what makes an account pause, which would leave little to be spoilt: the last one does where it meets a list.
CALM = {name: fault for name, fault in FAULTS.items() if not fault.block and name != "U4-404-Retry-After"}

__all__ = ["CALM", "FAULTS", "Fault"]
