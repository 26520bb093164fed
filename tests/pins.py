"""What stands in requirements/*.txt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PIN = re.compile(r"([a-z0-9-]+)==([\w.]+)(?: ; [^\\]+?)?((?: +--hash=sha256:[0-9a-f]{64})+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def read_pins(file: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes by name. AssertionError where a line is anything but one version with its hashes."""
    found = {}
    for line in re.sub(r"^ *#.*\n", "", file.read_text(), flags=re.MULTILINE).replace("\\\n", "").splitlines():
        pin = _PIN.fullmatch(line)
        assert pin, f"{file.name}: found {line!r}, expected a version with its hashes"
        found[pin[1]] = (pin[2], frozenset(_HASH.findall(pin[3])))
    return found
