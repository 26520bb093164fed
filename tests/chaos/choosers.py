"""Who decides what a request meets: always the same, a script, or chance with a seed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from chaos.plays import Fault
    from chaos.server import Asked, Play

    Choice = tuple[str, Play] | None
    Choose = Callable[[Asked], Choice]


def named(name: str, faults: Mapping[str, Fault]) -> Choice:
    return name, faults[name].play


def truth(_asked: Asked) -> Choice:
    return None


def always(name: str, faults: Mapping[str, Fault]) -> Choose:
    return lambda _: named(name, faults)


def in_turn(names: Iterable[str | None], faults: Mapping[str, Fault]) -> Choose:
    """One after the other, None for the truth; the truth behind the last."""
    script = iter(names)

    def choose(_asked: Asked) -> Choice:
        name = next(script, None)
        return None if name is None else named(name, faults)

    return choose


def by_chance(share: float, faults: Mapping[str, Fault], *, seed: int) -> Choose:
    """That share of all requests (0 to 1) meets a fault, each fit one as often as any other."""
    random = Random(seed)
    fit: dict[bool, Sequence[str]] = {
        listed: [name for name, fault in faults.items() if fault.on_request and (listed or not fault.listed)]
        for listed in (False, True)
    }

    def choose(asked: Asked) -> Choice:
        if random.random() >= share:
            return None
        return named(random.choice(fit[asked.path == "/v1/tasks"]), faults)

    return choose
