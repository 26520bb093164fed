"""What the soak plays with: accounts with a hundred tasks in all, what becomes of each, and the configuration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING

from chaos.faults import CALM, FAULTS
from exporter.model import Reason
from exporter.simulator.tasks import FROZEN, NORMAL, Behaviour, SimTask
from exporter.simulator.world import Account, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from chaos.faults import Fault

    Turn = Callable[[SimTask, datetime], None]

MARKER = "soak-key-"  # begins every access key
GRACE, EARLY = timedelta(seconds=30), timedelta(seconds=5)
INTERVAL_SECONDS, TIMEOUT_SECONDS, STALE_AFTER = 5, 1, timedelta(minutes=1)
MOST_TASKS = 100  # of one account: what a list of 100,000 may cost
LAG = timedelta(seconds=40)  # longer than GRACE: a miss each time, which then goes
CRONTABS = ("* * * * *", "*/2 * * * *", "*/3 * * * *", "1-59/2 * * * *", "*/5 * * * *")
OTHER_CRONTAB = "2-59/4 * * * *"

# In good form, so nobody can tell: a schedule, a history or a count that the task never had. Each is believed, begins
# another epoch, and costs what was under way: no miss can be proven by it or for a while after it, but none is made up.
LIES = frozenset(
    name
    for name in FAULTS
    if name.startswith(("U42-", "U44-", "U45-", "U46-")) or name in {"U50-never-ran", "U51-runs-go-back"}
)
_CALM = {name: fault for name, fault in CALM.items() if fault.reason is not Reason.HTTP_401}  # it pauses accounts, too
STEADY = {name: fault for name, fault in _CALM.items() if name not in LIES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One account: how it is polled, and which faults its requests may meet."""

    name: str
    tasks: int
    faults: Mapping[str, Fault]
    listed: bool = False
    tls: bool = False


SPECS = (
    Spec(name="list", tasks=20, faults=STEADY, listed=True),
    Spec(name="list-lied-to", tasks=20, faults=_CALM, listed=True, tls=True),
    Spec(name="list-refused", tasks=10, faults=FAULTS, listed=True),
    Spec(name="ids", tasks=14, faults=STEADY),
    Spec(name="ids-tls", tasks=14, faults=STEADY, tls=True),
    Spec(name="ids-lied-to", tasks=14, faults=_CALM),
    Spec(name="ids-refused", tasks=8, faults=FAULTS, tls=True),
)


class Fate(StrEnum):
    """What becomes of a task."""

    RUNS = "runs"
    STOPPED = "stopped"  # before the start
    STOPS = "stops"
    PAUSES = "pauses"
    LATE = "late"
    SWITCHED = "switched"  # off and on
    EDITED = "edited"


_WEIGHTS = {
    Fate.RUNS: 60,
    Fate.STOPPED: 8,
    Fate.STOPS: 12,
    Fate.PAUSES: 6,
    Fate.LATE: 6,
    Fate.SWITCHED: 4,
    Fate.EDITED: 4,
}


@dataclass(slots=True, kw_only=True)
class Life:
    """A task with its fate, and the turns that this takes, by when, the next last."""

    task: SimTask
    fate: Fate
    turns: list[tuple[datetime, Turn]]


def people(seed: int, start_at: datetime, *, seconds: float) -> tuple[World, dict[tuple[str, str], Life]]:
    """The world, and its tasks' lives for so long, by account and id."""
    random = chance(seed)
    world = World(clock=lambda: datetime.now(UTC), seed=seed)
    lives: dict[tuple[str, str], Life] = {}
    for spec in SPECS:
        account = world.add_account(Account(name=spec.name, access_key=new_key(random)))
        for index in range(spec.tasks):
            # What upstream says of a list's first task it may say of another: the first of each runs for ever.
            fate = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0] if index else Fate.RUNS
            task = _born(world.new_id(), index, fate, start_at)
            account.add(task)
            lives[spec.name, str(task.id)] = Life(
                task=task, fate=fate, turns=_turns(fate, random, start_at, seconds=seconds)
            )
    return world, lives


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - to be played again, not to be kept secret


def new_key(random: Random) -> str:
    return f"{MARKER}{random.getrandbits(64):016x}"


def _born(number: int, index: int, fate: Fate, start_at: datetime) -> SimTask:
    behaviour = {
        Fate.STOPPED: Behaviour(stops_at=start_at - timedelta(minutes=20)),
        Fate.LATE: Behaviour(lag=LAG),
    }.get(fate, NORMAL)
    return SimTask(
        id=number,
        name=f"Task {index}",
        crontab=CRONTABS[index % len(CRONTABS)],
        created_at=start_at.replace(microsecond=0) - timedelta(days=30),
        behaviour=behaviour,
    )


def _turns(fate: Fate, random: Random, start_at: datetime, *, seconds: float) -> list[tuple[datetime, Turn]]:
    turns: dict[Fate, tuple[Turn, ...]] = {
        Fate.STOPS: (_stop,),
        Fate.PAUSES: (_stop, _go_on),
        Fate.SWITCHED: (_switch, _switch),
        Fate.EDITED: (_edit,),
    }
    found = turns.get(fate, ())
    instants = sorted(start_at + timedelta(seconds=random.uniform(0, seconds)) for _ in found)
    return list(zip(instants, found, strict=True))[::-1]


def _stop(task: SimTask, now: datetime) -> None:
    task.behave(FROZEN, now)


def _go_on(task: SimTask, now: datetime) -> None:
    task.behave(NORMAL, now)


def _switch(task: SimTask, now: datetime) -> None:
    task.edit({"enabled": not task.enabled}, now)


def _edit(task: SimTask, now: datetime) -> None:
    task.edit({"crontab": OTHER_CRONTAB}, now)


def config_text(
    world: World, urls: Mapping[bool, str], *, ca_file: Path, keys: Path, allowances: Mapping[str, int]
) -> str:
    """As JSON: no part of it but the whole is a configuration. `urls` by whether they speak TLS."""
    accounts = [
        {
            "name": spec.name,
            "access_key_file": str(keys / spec.name),
            "tasks": "all" if spec.listed else list(world.accounts[spec.name].tasks),
            "api": {"base_url": urls[spec.tls], "requests_per_minute": allowances.get(spec.name, 6000)},
            "poll": {"fetch": "list" if spec.listed else "each"},
        }
        for spec in SPECS
    ]
    seconds = {"grace": GRACE, "early": EARLY}
    settings = {
        "api": {"timeout": f"{TIMEOUT_SECONDS}s", "ca_file": str(ca_file)},
        "poll": {
            "interval": f"{INTERVAL_SECONDS}s",
            "stale_after": f"{STALE_AFTER.seconds}s",
            "max_tasks": MOST_TASKS,
        },
        "missed_run": {name: f"{span.seconds}s" for name, span in seconds.items()},
        "accounts": accounts,
    }
    return json.dumps(settings, indent=1)
