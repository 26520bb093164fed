"""Refusals of everything at once, on real sockets: who asks how often meanwhile, and how they come back."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from builders import at, at_work
from chaos.clock import SocketClock
from chaos.faults import FAULTS
from chaos.server import Chaos
from exporter import app
from exporter.config import parse
from exporter.model import State
from exporter.poller.loop import WORKERS
from exporter.simulator.tasks import SimTask
from exporter.simulator.world import Account, World

if TYPE_CHECKING:
    from datetime import datetime

    from chaos.choosers import Choice
    from chaos.server import Asked, Call
    from exporter.model import Report

ACCOUNTS = ("first", "second", "third")
IDS = tuple(str(number) for number in range(7001, 7009))
START_AT, END_AT, LAST_AT = at("2024-06-10 12:00:00Z"), at("2024-06-10 12:11:00Z"), at("2024-06-10 12:50:00Z")
PER_MINUTE = len(IDS)  # of an account, in peace
MINUTE, TOGETHER = timedelta(minutes=1), timedelta(seconds=5)


def a_world(clock: SocketClock) -> World:
    world = World(clock=clock.now)
    facts = {"created_at": at("2024-05-01 00:00Z"), "last_run_at": at("2024-06-10 11:00:14Z"), "runs": 900}
    for name in ACCOUNTS:
        tasks = [SimTask(id=int(task_id), name="Shop", crontab="0 * * * *", **facts) for task_id in IDS]
        world.add_account(Account(name=name, access_key=f"key-of-{name}"), tasks)
    return world


async def refuse(call: Call) -> None:
    """After half a second, so that several requests are under way together."""
    await call.pause(0.5)
    await FAULTS["U6-429"].play(call)


def storm() -> tuple[dict[str, list[Asked]], Report]:
    """What each account asked in 50 minutes, the first eleven of which refuse everything; and what is shown after them."""
    clock = SocketClock(START_AT)

    def choose(_asked: Asked) -> Choice:
        return ("refused", refuse) if clock.now() < END_AT else None

    async def main() -> tuple[list[Asked], Report]:
        async with Chaos(a_world(clock), choose, silence=clock.silence) as upstream:
            clock.settle()
            accounts = [{"name": name, "access_key": f"key-of-{name}", "tasks": IDS} for name in ACCOUNTS]
            text = json.dumps({"api": {"base_url": upstream.url}, "accounts": accounts})
            house = app.build(
                parse(text, name="config.yaml", directory=Path()), now=clock.now, host="h", random=Random(7).random
            )
            async with at_work(house):
                await clock.until(LAST_AT)
                report = house.report()
        return upstream.requests, report

    asked, report = clock.run(main())
    return {name: [one for one in asked if one.account == name] for name in ACCOUNTS}, report


def bursts(asked: list[Asked]) -> list[list[datetime]]:
    """Instants that are within some seconds of one another."""
    found: list[list[datetime]] = []
    for one in asked:
        if found and one.at - found[-1][-1] < TOGETHER:
            found[-1].append(one.at)
        else:
            found.append([one.at])
    return found


def test_a_storm_of_refusals() -> None:
    """All that was under way is one refusal; after each the account keeps still for longer, and it comes back by itself,
    one request after the other, few at first, and none in the moment of another account.
    """
    accounts, report = storm()
    for asked in accounts.values():
        refused = bursts([one for one in asked if one.fault])
        assert [WORKERS, 1, 1, 1] == [len(burst) for burst in refused]
        assert [1, 2, 4] == [int((later[0] - earlier[-1]) / MINUTE) for earlier, later in pairwise(refused)]
        back = [one.at for one in asked if not one.fault]
        assert all(later - earlier > TOGETHER for earlier, later in pairwise(back[:PER_MINUTE]))
        minutes = Counter((instant - back[0]) // MINUTE for instant in back)
        assert minutes[0] < PER_MINUTE / 2 < PER_MINUTE == minutes[25]
    returns = sorted(next(one.at for one in asked if not one.fault) for asked in accounts.values())
    assert all(later - earlier > timedelta(seconds=0.5) for earlier, later in pairwise(returns))
    assert 3 * PER_MINUTE == sum(task.verdict.state is State.OK for task in report.tasks)
