"""The house as it is built, and its root tasks as they live and die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.responses import PlainTextResponse

from builders import KEY, Clock, Scene, at, config_text, samples
from exporter import app
from exporter.simulator.tasks import FROZEN, SimTask
from exporter.web import Server, bind
from log_lines import written

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

PATIENCE_SECONDS = 10.0
NAMED = 'account="main",task_id="7001",task_name="Shop front"'
MISSED = f"screenshotmax_task_missed_run{{{NAMED}}}"


async def for_ever() -> None:
    await asyncio.Event().wait()


async def ending() -> None:
    """Ends by itself, which no root task should."""


async def raising() -> None:
    raise ValueError(KEY)


async def cancelling() -> None:
    raise asyncio.CancelledError


async def signalling() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await for_ever()


async def lingering() -> None:
    """Takes no notice of its end."""
    with contextlib.suppress(asyncio.CancelledError):
        await for_ever()
    await for_ever()


@pytest.mark.parametrize(
    ("loop", "error"),
    [(ending, ""), (raising, "error=ValueError at=raising"), (cancelling, "")],
)
def test_a_root_task_that_ends_ends_all(loop: Callable[[], Awaitable[None]], error: str) -> None:
    """The process leaves with 1 when a loop ends, however; the line names the loop, and no exception's text."""
    with written() as lines:
        loops = {"poller of main": loop(), "poller of other": for_ever()}
        code = asyncio.run(asyncio.wait_for(app.live_or_die(servers={}, loops=loops), PATIENCE_SECONDS))
    assert 1 == code
    told = f'level=error msg="A root task has ended; leaving" task="poller of main" {error}'.strip()
    assert told in lines.getvalue()
    assert KEY not in lines.getvalue()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_with_success(number: signal.Signals) -> None:
    """A signal ends every root task and gives 0; afterwards the signals' handlers are as before."""

    async def signalling() -> None:
        os.kill(os.getpid(), number)
        await for_ever()

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    before = [signal.getsignal(each) for each in numbers]
    with written() as lines:
        loops = {"first": signalling(), "second": for_ever()}
        code = asyncio.run(asyncio.wait_for(app.live_or_die(servers={}, loops=loops), PATIENCE_SECONDS))
    assert 0 == code
    assert f'level=warn msg="Received {number.name}, exiting gracefully..."\n' in lines.getvalue()
    assert before == [signal.getsignal(each) for each in numbers]


class Busy(Server):
    """Its last client takes three seconds to read the answer."""

    def __init__(self) -> None:
        self.asked_to_stop = asyncio.Event()

    def stop(self) -> None:
        self.asked_to_stop.set()

    async def serve(self) -> None:
        await self.asked_to_stop.wait()
        await asyncio.sleep(3)


@pytest.mark.parametrize(
    ("loop", "close_seconds", "closed_at", "left_at"),
    [(for_ever, 2.0, 2.0, 3.0), (lingering, 2.0, 3.0, 3.0), (for_ever, 60.0, None, 4.0)],
)
def test_all_that_ends_shares_one_deadline(
    loop: Callable[[], Awaitable[None]], close_seconds: float, closed_at: float | None, left_at: float
) -> None:
    """Closing waits neither for servers nor for long for a loop; what has not ended in four seconds is left behind."""
    clock, ends = Clock(at("2024-06-10 12:00Z")), []

    async def close() -> None:
        await asyncio.sleep(close_seconds)
        ends.append(asyncio.get_running_loop().time())

    async def main() -> float:
        loops = {"signal": signalling(), "loop": loop()}
        assert 0 == await app.live_or_die(servers={"web": Busy()}, loops=loops, close=close)
        return asyncio.get_running_loop().time()

    assert left_at == clock.run(main())
    assert [closed_at] == (ends or [None])


def test_what_goes_wrong_at_the_end_is_raised() -> None:
    """A bug in closing is not left to nobody."""

    async def close() -> None:
        raise ValueError(KEY)

    loops = {"signal": signalling()}
    with pytest.raises(ValueError, match=KEY):
        asyncio.run(asyncio.wait_for(app.live_or_die(servers={}, loops=loops, close=close), PATIENCE_SECONDS))


def test_an_answer_begun_is_finished() -> None:
    """A scrape under way when SIGTERM comes gets its whole answer; new ones are not taken."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await go_on.wait()
        await PlainTextResponse("whole")(scope, receive, send)

    async def main() -> tuple[int, str]:
        sockets = bind(["127.0.0.1:0"])
        server = Server(slow, sockets)
        living = asyncio.create_task(app.live_or_die(servers={"web": server}, loops={"poller": for_ever()}))
        async with httpx.AsyncClient(trust_env=False) as client:
            asking = asyncio.create_task(client.get(server.urls[0]))
            await begun.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            while await is_taken(server.port):
                pass
            go_on.set()
            answer = await asking
        return await living, answer.text

    assert (0, "whole") == asyncio.run(asyncio.wait_for(main(), PATIENCE_SECONDS))


async def is_taken(port: int) -> bool:
    """Whether a new connection to the port is taken."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def stopped() -> SimTask:
    """A task that has not run for days."""
    return SimTask(
        id=7001,
        name="Shop front",
        crontab="0 * * * *",
        created_at=at("2024-05-01 00:00Z"),
        last_run_at=at("2024-06-01 00:00:14Z"),
        runs=9,
        behaviour=FROZEN,
    )


def test_after_a_start_nothing_is_judged_before_the_first_answer() -> None:
    """A fresh exporter serves at once: not up, not ready, and no verdict until an answer proves one."""
    clock = Clock(at("2024-06-10 11:30:20Z"))
    accounts = f"[{{name: main, access_key: {KEY}, tasks: [7001]}}]"
    scene = Scene(clock, config_text(accounts=accounts), [stopped()])

    async def main() -> None:
        transport = httpx.ASGITransport(scene.house.web)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            first = samples((await client.get("/metrics")).text)
            assert 0 == first['screenshotmax_up{account="main"}']
            assert not [name for name in first if name.startswith("screenshotmax_task_missed_run")]
            assert [503, 200] == [(await client.get(f"/-/{probe}")).status_code for probe in ("ready", "healthy")]
        async with scene.polling() as client:
            then = samples((await client.get("/metrics")).text)
            assert (1, 1) == (then['screenshotmax_up{account="main"}'], then[MISSED])
            assert [200, 200] == [(await client.get(f"/-/{probe}")).status_code for probe in ("ready", "healthy")]

    clock.run(main())


@pytest.mark.parametrize("timeout", ["10s", "1m"])
def test_liveness_fails_when_a_loop_shows_no_life(timeout: str) -> None:
    """A poll loop that has stopped makes the exporter unhealthy within a minute; one that works never."""
    clock = Clock(at("2024-06-10 11:30:20Z"))
    scene = Scene(clock, config_text(api=f'{{base_url: "http://127.0.0.1:1", timeout: {timeout}}}'), [stopped()])

    async def main() -> None:
        transport = httpx.ASGITransport(scene.house.web)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            loop = asyncio.create_task(scene.house.pollers[0].run())
            await asyncio.sleep(3600)
            assert 200 == (await client.get("/-/healthy")).status_code
            loop.cancel()
            await asyncio.sleep(39)
            assert 200 == (await client.get("/-/healthy")).status_code
            await asyncio.sleep(21)
            assert 503 == (await client.get("/-/healthy")).status_code
        await scene.house.aclose()

    clock.run(main())
