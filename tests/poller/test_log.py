"""What a poll loop logs of its rounds."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from builders import KEY, Clock, Scene, at, config_text
from exporter.simulator.faults import Fault
from log_lines import written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MINUTE = timedelta(minutes=1)


def rounds(before_each: Iterable[Callable[[Scene], None]], **config: str) -> list[tuple[str, str]]:
    """Level and reason of each round's line; beforehand something is done to the scene."""
    clock = Clock(at("2024-06-10 12:30:20Z"))
    with written() as lines:
        scene = Scene(clock, config_text(**config), [])

        async def main() -> None:
            (poller,) = scene.house.pollers
            for prepare in before_each:
                prepare(scene)
                await poller.round()
            await scene.house.aclose()

        clock.run(main())
    return re.findall(
        r" level=(\w+) msg=Polled account=main (?:fetch=\S+ tasks=0 failed=. reason=(\S+) )?", lines.getvalue()
    )


def answering(status: int) -> Callable[[Scene], None]:
    def prepare(scene: Scene) -> None:
        scene.world.faults.clear()
        if status != 200:
            scene.world.faults.add(Fault(status=status))

    return prepare


def test_what_stays_broken_is_a_warning_once() -> None:
    """Each round's line says why it failed; it is a warning when the round before did not fail for that."""
    expected = [
        (200, "info", ""),
        (400, "warn", "http_400"),
        (400, "info", "http_400"),
        (400, "info", "http_400"),
        (500, "warn", "http_5xx"),
        (500, "info", "http_5xx"),
        (200, "info", ""),
        (500, "warn", "http_5xx"),
        (400, "warn", "http_400"),
    ]
    assert [(level, reason) for _, level, reason in expected] == rounds(answering(status) for status, _, _ in expected)


def test_of_several_tasks_only_a_new_reason_is_a_warning() -> None:
    """One that is new beside a known one is; another task that fails for a known one is not."""

    def refusing(task_id: str) -> Callable[[Scene], None]:
        return lambda scene: scene.world.faults.add(Fault(status=400), account="main", task_id=task_id)

    told = rounds(
        [answering(200), refusing("2"), refusing("1")],
        accounts=f"[{{name: main, access_key: {KEY}, tasks: [1, 2]}}]",
    )
    assert [("warn", "http_404"), ("warn", "http_400,http_404"), ("info", "http_400")] == told


@pytest.mark.parametrize(
    ("status", "pause"), [(401, MINUTE), (402, 5 * MINUTE), (423, 5 * MINUTE), (400, None), (200, None)]
)
def test_a_pause_is_told_with_its_end(status: int, pause: timedelta | None) -> None:
    """A refusal for which the account keeps still names when it asks next; one that changes nothing names nothing."""
    clock = Clock(at("2024-06-10 12:30:20Z"))
    with written() as lines:
        scene = Scene(clock, config_text(), [])

        async def main() -> None:
            answering(status)(scene)
            (poller,) = scene.house.pollers
            await poller.round()
            await scene.house.aclose()

        clock.run(main())
    ends = re.findall(r" msg=Polled .* next_request=(\S+) ", lines.getvalue())
    assert [] == ends if pause is None else 1 == len(ends)
    for end in ends:
        assert pause <= datetime.fromisoformat(end) - at("2024-06-10 12:30:20Z") < pause * 1.1 + MINUTE / 60
