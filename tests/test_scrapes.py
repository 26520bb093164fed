"""What Prometheus waits for a large fleet while upstream hangs: in real seconds, and loosely, as machines are busy."""

from __future__ import annotations

from time import perf_counter

from builders import Clock, Scene, at, config_text, samples
from exporter.simulator.faults import Fault, Kind
from exporter.simulator.fleets import big_fleet

START = at("2024-06-10 11:30:20Z")
TIMEOUTS = 'screenshotmax_poll_failures_total{account="main",reason="timeout"}'
OF_PROMETHEUS = {"accept": "application/openmetrics-text;version=1.0.0,*/*;q=0.1"}


def test_five_hundred_tasks_are_shown_within_a_second_while_upstream_hangs() -> None:
    """Each scrape has all tasks, and the slowest, none shared, takes less than a second."""
    clock = Clock(START)
    scene = Scene(clock, config_text(), big_fleet(500, seed=1, now=START))
    took: list[float] = []

    async def main() -> None:
        async with scene.polling() as client:
            scene.world.faults.add(Fault(kind=Kind.HANG))
            for _ in range(12):
                await scene.sleep(7)
                began = perf_counter()
                answer = await client.get("/metrics", headers=OF_PROMETHEUS)
                took.append(perf_counter() - began)
                assert 500 == answer.text.count("\nscreenshotmax_task_runs{")
            assert 1 == samples(answer.text)[TIMEOUTS]

    clock.run(main())
    assert max(took) < 1
