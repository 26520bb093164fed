"""The loop that polls one account, on a clock that only moves when all wait, over a wire of the test's own."""

from __future__ import annotations

import asyncio
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from builders import KEY, Clock, at, config_text, samples
from exporter import app
from exporter.config import parse
from exporter.model import Reason
from log_lines import written

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

START = "2024-06-10 11:30:20Z"
TASK = {"name": "x", "crontab": "0 12 * * *", "timezone": "Etc/UTC", "enabled": True, "created": 1, "runs": 0}


class Wire(httpx.AsyncBaseTransport):
    """An upstream that takes `seconds` for each answer and remembers who asked, when, and who was there meanwhile."""

    def __init__(self, clock: Clock, *, seconds: float = 0.0) -> None:
        self.clock, self.seconds = clock, seconds
        self.begun: list[tuple[float, str]] = []
        self.under_way: list[str] = []
        self.most_under_way = 0
        self.overlapped = False
        self.broken: Exception | None = None
        self.status = 200
        self.statuses: dict[str, int] = {}  # by path, where it is another
        self.ids: tuple[int, ...] = ()
        self.blips: list[int] = []  # the answers that come next, whatever else is to be answered
        self.key_file: Path | None = None  # what upstream takes for the key

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.begun.append((asyncio.get_running_loop().time(), path))
        self.overlapped |= path in self.under_way
        self.under_way.append(path)
        self.most_under_way = max(self.most_under_way, len(self.under_way))
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.under_way.remove(path)
        if self.broken:
            raise self.broken
        if self.blips:
            return httpx.Response(self.blips.pop(), request=request)
        if self.key_file is not None and request.headers["X-Access-Key"] != self.key_file.read_text():
            return httpx.Response(401, request=request)
        status = self.statuses.get(path, self.status)
        if status != 200:
            return httpx.Response(status, request=request)
        one = (
            TASK | {"id": int(path.rpartition("/")[2])}
            if path != "/v1/tasks"
            else {"tasks": [TASK | {"id": number} for number in self.ids]}
        )
        return httpx.Response(200, content=json.dumps(one).encode(), request=request)


def play(
    scenario: Callable[[app.House, Wire], Coroutine[None, None, None]],
    *,
    seconds: float = 0.0,
    random: Callable[[], float] = lambda: 0.0,
    **config: str,
) -> None:
    """A house over a Wire whose pollers run while the scenario does."""
    clock = Clock(at(START))
    wire = Wire(clock, seconds=seconds)
    built = parse(config_text(**config), name="config.yaml", directory=Path())
    house = app.build(built, now=clock.now, host="test-host", random=random, transport=wire)

    async def main() -> None:
        loops = [asyncio.create_task(poller.run()) for poller in house.pollers]
        await scenario(house, wire)
        assert not any(loop.done() for loop in loops)
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)

    clock.run(main())


def listed(*ids: int) -> str:
    return f"[{{name: main, access_key: {KEY}, tasks: {list(ids)}}}]"


def test_a_slow_upstream_sees_four_at_once_and_never_one_task_twice() -> None:
    """Bounded concurrency: a round that takes longer than the interval delays the next, it does not overlap it."""

    async def scenario(house: app.House, wire: Wire) -> None:
        await asyncio.sleep(600)
        assert 4 == wire.most_under_way
        assert not wire.overlapped
        starts = [seconds for seconds, path in wire.begun if path == "/v1/tasks/1"]
        assert all(later - earlier >= 18 for earlier, later in pairwise(starts))

    play(
        scenario,
        seconds=9,
        accounts=listed(*range(1, 9)),
        poll="{interval: 10s}",
        api='{base_url: "http://127.0.0.1:1", timeout: 9500ms}',
    )


def test_no_minute_holds_more_requests_than_allowed() -> None:
    """The account's ceiling holds from the first round on."""

    async def scenario(house: app.House, wire: Wire) -> None:
        await asyncio.sleep(300)
        begun = [seconds for seconds, _ in wire.begun]
        assert 6 == max(sum(start <= one < start + 60 for one in begun) for start in begun)

    # The first round is at once and the second spread over 90 s: without the ceiling nine would go out in 45 s.
    play(
        scenario,
        accounts=listed(1, 2, 3, 4, 5, 6, 7, 8, 9),
        poll="{interval: 90s}",
        api='{base_url: "http://127.0.0.1:1", requests_per_minute: 6}',
    )


def test_the_first_round_is_at_once_and_makes_ready() -> None:
    """Nobody waits an interval for the first numbers; ready says when the first round is over."""

    async def scenario(house: app.House, wire: Wire) -> None:
        transport = httpx.ASGITransport(house.web)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            await asyncio.sleep(1)
            assert 503 == (await client.get("/-/ready")).status_code
            assert 0 == samples((await client.get("/metrics")).text)['screenshotmax_up{account="main"}']
            await asyncio.sleep(3)
            assert 200 == (await client.get("/-/ready")).status_code
        assert ["/v1/tasks/1", "/v1/tasks/2", "/v1/tasks/3"] == [path for _, path in wire.begun]

    play(scenario, seconds=2, accounts=listed(1, 2, 3))


def test_a_bug_in_a_fetch_is_counted_and_survived() -> None:
    """What nobody expected costs one poll: reason internal, the counter of caught bugs, and the next poll is on time."""

    async def scenario(house: app.House, wire: Wire) -> None:
        wire.broken = ZeroDivisionError("never expected")
        await asyncio.sleep(30)
        (account,) = house.report().accounts
        assert ({Reason.INTERNAL: 1}, False) == (account.failures, account.up)
        wire.broken = None
        await asyncio.sleep(60)
        assert house.report().accounts[0].up
        assert {"poll": 1} == house.report().internal_errors

    play(scenario)


@pytest.mark.parametrize("accounts", [None, listed(1, 2)])
def test_bugs_outside_of_a_fetch_make_rounds_rare(accounts: str | None) -> None:
    """A round that a bug ends is counted and followed by another, later each time; all is as ever once it is gone."""
    broken = True

    def random() -> float:
        return 1 / 0 if broken else 0.0

    async def scenario(house: app.House, wire: Wire) -> None:
        nonlocal broken
        wire.status = 500
        await asyncio.sleep(65 * 60)
        rounds = [seconds for seconds, path in wire.begun if path == wire.begun[0][1]]
        gaps = [round((later - earlier) / 60) for earlier, later in pairwise(rounds)]
        assert [3, 5, 9, 16] == gaps[1:5]
        assert len(wire.begun) == house.report().internal_errors["poll"]
        broken, wire.status = False, 200
        await asyncio.sleep(20 * 60)
        begun = len(wire.begun)
        await asyncio.sleep(10 * 60)
        assert house.report().accounts[0].up
        assert 10 * (1 if accounts is None else 2) == len(wire.begun) - begun

    config = {} if accounts is None else {"accounts": accounts}
    play(scenario, random=random, **config)


def test_a_bug_around_one_poll_costs_no_other() -> None:
    """The other ids of its round are polled, those under way too; the log names the place, and the round its facts."""

    def random() -> float:
        return 1 / 0

    async def scenario(house: app.House, wire: Wire) -> None:
        wire.statuses["/v1/tasks/3"], wire.seconds = 500, 1
        await asyncio.sleep(30)
        assert {"poll": 1} == house.report().internal_errors
        assert [task.task_id for task in house.report().tasks if not task.fetch_success] == ["3"]

    with written() as lines:
        play(scenario, random=random, accounts=listed(*range(1, 9)))
    assert re.search(r"Internal error. account=main where=poll error=ZeroDivisionError at=\S*random:", lines.getvalue())
    assert "msg=Polled account=main fetch=each tasks=7 " in lines.getvalue()


def test_a_slow_answer_is_no_dead_loop() -> None:
    """While a request takes as long as it may, the loop shows life."""

    async def scenario(house: app.House, wire: Wire) -> None:
        await asyncio.sleep(58)
        assert wire.under_way
        transport = httpx.ASGITransport(house.web)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            assert 200 == (await client.get("/-/healthy")).status_code

    play(scenario, seconds=59, api='{base_url: "http://127.0.0.1:1", timeout: 1m}')


def test_a_long_interval_is_no_dead_loop() -> None:
    """Between rounds that are ten minutes apart the loop shows life."""

    async def scenario(house: app.House, wire: Wire) -> None:
        await asyncio.sleep(305)
        transport = httpx.ASGITransport(house.web)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            assert 200 == (await client.get("/-/healthy")).status_code

    play(scenario, poll="{interval: 10m, stale_after: 30m}")


@pytest.mark.parametrize("ids", [None, (1, 2, 3, 4, 5, 6)])
def test_refusals_lengthen_the_pause_and_one_burst_is_one_refusal(ids: tuple[int, ...] | None) -> None:
    """429 without a time: a minute, then two, then four; requests that were under way together count once."""

    async def scenario(house: app.House, wire: Wire) -> None:
        wire.status = 429
        await asyncio.sleep(16 * 60)
        bursts = []
        for seconds, _ in wire.begun:
            if not bursts or seconds - bursts[-1] > 5:
                bursts.append(seconds)
        gaps = [later - earlier for earlier, later in pairwise(bursts)]
        assert [1, 2, 4, 8] == [int(gap // 60) for gap in gaps]
        assert all(gap % 60 < 5 for gap in gaps)

    play(scenario, seconds=1, accounts=listed(*ids) if ids else f"[{{name: main, access_key: {KEY}, tasks: all}}]")


def test_only_wanted_tasks_are_watched_and_no_more_than_allowed() -> None:
    """Excluded ids are left out, and of too many the lowest ids are kept, in whatever order the list comes."""

    async def scenario(house: app.House, wire: Wire) -> None:
        for order in ((5, 3, 9, 4, 7), (9, 7, 5, 4, 3)):
            wire.ids = order
            await asyncio.sleep(60)
            report = house.report()
            assert {"3", "4", "5"} == {task.task_id for task in report.tasks}
            assert 1 == report.accounts[0].dropped

    account = f"{{name: main, access_key: {KEY}, tasks: all, exclude: [9]}}"
    play(scenario, accounts=f"[{account}]", poll="{interval: 60s, max_tasks: 3}")


def test_a_blip_costs_no_poll_and_an_outage_few_requests() -> None:
    """A failure that is over in seconds is retried within the round and is none; in an outage hardly anything is."""

    async def scenario(house: app.House, wire: Wire) -> None:
        await asyncio.sleep(30 * 60)
        for blips in ([502], [503, 500]):
            wire.blips = blips
            await asyncio.sleep(60)
            (account,) = house.report().accounts
            assert (True, {}) == (account.up, account.failures)
        assert 32 + 3 == pytest.approx(len(wire.begun), abs=1)
        wire.status, begun = 500, len(wire.begun)
        await asyncio.sleep(1000 * 60)
        assert 1090 < len(wire.begun) - begun < 1112
        assert 1000 == pytest.approx(house.report().accounts[0].failures[Reason.HTTP_5XX], abs=1)

    play(scenario)


def test_a_key_that_is_replaced_is_sent_at_once(tmp_path: Path) -> None:
    """Amid a request: the same poll goes on with the new one. Later: as soon as it is there, not when the pause ends."""
    key, taken = tmp_path / "key", tmp_path / "taken"
    key.write_text("old")
    taken.write_text("old")

    async def scenario(house: app.House, wire: Wire) -> None:
        wire.key_file = taken
        await asyncio.sleep(59)
        asyncio.get_running_loop().call_later(62 - 59, taken.write_text, "new")
        asyncio.get_running_loop().call_later(62 - 59, key.write_text, "new")
        await asyncio.sleep(60)
        assert (True, {}) == ((account := house.report().accounts[0]).up, account.failures)
        taken.write_text("newer")
        await asyncio.sleep(600)
        assert not house.report().accounts[0].up
        key.write_text("newer")
        await asyncio.sleep(16)
        assert house.report().accounts[0].up
        assert house.report().accounts[0].blocked_until_at is None

    account = f"{{name: main, access_key_file: {key}, tasks: all}}"
    play(scenario, seconds=6, accounts=f"[{account}]", poll="{interval: 60s}")


def test_a_key_file_that_is_half_written_costs_nothing(tmp_path: Path) -> None:
    """The key that was read before goes on, a metric says that the file cannot be used, and the new one is taken up."""
    key = tmp_path / "key"
    key.write_text(KEY)

    async def scenario(house: app.House, wire: Wire) -> None:
        transport = httpx.ASGITransport(house.web)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            for content, readable in (("", 0), ("two lines\nof it", 0), (f"{KEY}\n", 1)):
                key.write_text(content)
                await asyncio.sleep(61)
                shown = samples((await client.get("/metrics")).text)
                assert readable == shown['screenshotmax_access_key_readable{account="main"}']
                assert 1 == shown['screenshotmax_up{account="main"}']
        assert {} == house.report().accounts[0].failures

    async def once_it_polls(house: app.House, wire: Wire) -> None:
        await asyncio.sleep(5)
        await scenario(house, wire)

    play(once_it_polls, accounts=f"[{{name: main, access_key_file: {key}, tasks: all}}]")


def test_a_poll_that_waits_for_its_retry_when_a_block_comes_is_counted() -> None:
    """It is not tried again, and its failure is told."""

    async def scenario(house: app.House, wire: Wire) -> None:
        await asyncio.sleep(20 * 60 + 4.9)
        # One id at once, fails after 2 s, again after 5.5 and waits until 8.5; the other, asked at 2.5, is refused at 4.5.
        wire.blips, before = [500, 429, 500], house.report().accounts[0].polls
        await asyncio.sleep(10)
        (account,) = house.report().accounts
        assert {Reason.HTTP_429: 1, Reason.HTTP_5XX: 1} == account.failures
        assert 2 == account.polls - before

    play(scenario, seconds=2, random=lambda: 1.0, accounts=listed(1, 2), poll="{interval: 5s, fetch: each}")


async def turns_amid(doing: Coroutine[None, None, object]) -> int:
    """How often somebody else on the event loop had a turn meanwhile."""
    turns, done = 0, asyncio.create_task(doing)
    while not done.done():
        await asyncio.sleep(0)
        turns += 1
    await done
    return turns


def test_a_list_of_new_schedules_holds_nobody_up() -> None:
    """Hundreds of schedules that all differ take long to work out; others have their turn amid that, as when all is known."""
    crontabs = [f"{number % 60} {number // 60} {1 + number % 28} * *" for number in range(300)]
    told = [
        TASK | {"id": number + 1, "crontab": crontab, "created": 1_717_000_000}
        for number, crontab in enumerate(crontabs)
    ]
    body = json.dumps({"tasks": told}).encode()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    built = parse(config_text(accounts=f"[{{name: main, access_key: {KEY}, tasks: all}}]"), name="c", directory=Path())
    house = app.build(built, now=lambda: at(START), host="test-host", transport=transport)

    async def main() -> None:
        (poller,) = house.pollers
        first, second = [await turns_amid(poller.round()) for _ in range(2)]
        assert first > second + 5
        assert len(told) == len(house.report().tasks)
        await house.aclose()

    asyncio.run(main())
