"""Faults at random: six of ten answers are spoilt, for two hours of the virtual clock, on real sockets."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from builders import at, at_work
from chaos.choosers import by_chance
from chaos.clock import SocketClock
from chaos.faults import CALM
from chaos.server import Chaos
from exporter import app
from exporter.config import parse
from exporter.model import State
from exporter.simulator.tasks import Behaviour, SimTask
from exporter.simulator.world import Account, World

if TYPE_CHECKING:
    from chaos.choosers import Choice
    from chaos.plays import Fault
    from chaos.server import Asked
    from exporter.model import Report

START_AT, STOPS_AT, END_AT = at("2024-06-10 11:54:20Z"), at("2024-06-10 13:10:00Z"), at("2024-06-10 13:54:20Z")
KEYS = {"listed": "key-of-the-list", "single": "key-of-the-ids"}
TRUTH_SECONDS = 12 * 60  # in which a fire and its deadline pass, should a spoilt crontab have begun another epoch
CRONTABS = ("*/5 * * * *", "*/15 * * * *", "0 * * * *", "30 * * * *", "10,40 * * * *")
STOPPED = "7001"  # every five minutes until STOPS_AT
PROVABLE_AT = at("2024-06-10 13:20:00Z")  # the deadline of the first fire that it dropped
FAILING = {name: fault for name, fault in CALM.items() if fault.reason}


def a_fleet(clock: SocketClock) -> World:
    world = World(clock=clock.now)
    for name, key in KEYS.items():
        tasks = [
            SimTask(id=7001 + n, name=f"Task {n}", crontab=crontab, created_at=at("2024-06-01 00:00Z"))
            for n, crontab in enumerate(CRONTABS)
        ]
        world.add_account(Account(name=name, access_key=key), tasks)
        world.accounts[name].task(STOPPED).behave(Behaviour(stops_at=STOPS_AT), clock.now())
    return world


def settings(base_url: str) -> str:
    ids = [7001 + n for n in range(len(CRONTABS))]
    accounts = [
        {"name": name, "access_key": key, "tasks": "all" if name == "listed" else ids} for name, key in KEYS.items()
    ]
    poll = {"interval": "1m", "max_tasks": 100}
    return json.dumps({"api": {"base_url": base_url}, "poll": poll, "accounts": accounts})


def watch(clock: SocketClock, faults: dict[str, Fault]) -> tuple[list[Report], int, int]:
    """A report at the end of every minute, the last after some of truth; all requests, and those that met a fault."""
    chance = by_chance(0.6, faults, seed=6)

    def choose(asked: Asked) -> Choice:
        return chance(asked) if clock.now() < END_AT else None

    async def main() -> tuple[list[Report], int, int]:
        async with Chaos(a_fleet(clock), choose, silence=clock.silence) as upstream:
            clock.settle()
            config = parse(settings(upstream.url), name="config.yaml", directory=Path())
            house = app.build(config, now=clock.now, host="test-host", random=Random(1).random)
            reports = []
            async with at_work(house):
                while clock.now() < END_AT:
                    await asyncio.sleep(60)
                    reports.append(house.report())
                await asyncio.sleep(TRUTH_SECONDS)
                reports.append(house.report())
            return reports, len(upstream.requests), sum(asked.fault is not None for asked in upstream.requests)

    return clock.run(main())


@pytest.mark.parametrize("faults", [CALM, FAILING], ids=["all", "failing"])
def test_at_random(faults: dict[str, Fault]) -> None:
    """No run that took place is ever called missed; the task that really stopped is, as soon as an answer can prove it."""
    reports, asked, spoilt = watch(SocketClock(START_AT), faults)
    assert 300 < asked
    assert 0.5 < spoilt / asked < 0.7
    shown = [(report.at, task) for report in reports for task in report.tasks]
    false = [
        (now, task.task_id)
        for now, task in shown
        if task.verdict.missed and (task.task_id != STOPPED or now < STOPS_AT)
    ]
    assert [] == false
    proven = [task for _, task in shown if task.task_id == STOPPED and (task.fetched_at or START_AT) >= PROVABLE_AT]
    assert proven
    if faults is FAILING:  # among the others are crontabs, which begin another epoch
        assert not [task for task in proven if task.verdict.missed is False]
    last = {(task.account, task.task_id): task.verdict.state for task in reports[-1].tasks}
    assert [State.MISSED] * 2 == [last[name, STOPPED] for name in KEYS]
    assert {State.OK, State.DUE} >= {state for (_, task_id), state in last.items() if task_id != STOPPED}
    assert 0 == sum(reports[-1].internal_errors.values())
