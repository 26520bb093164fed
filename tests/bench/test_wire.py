"""That the soak finds requests that are too many, too early or twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from builders import at
from chaos.server import Asked
from soak.wire import weigh

NOON = at("2024-06-10 12:00Z")


def asked(
    after: float, *, seconds: float = 0.1, path: str = "/v1/tasks/7", fault: str | None = None, sent: int = 0
) -> Asked:
    instant = NOON + timedelta(seconds=after)
    return Asked(at=instant, account="ids", path=path, head="", fault=fault, sent=sent, seconds=seconds)


def test_the_sum() -> None:
    """The longest, the largest of each kind, and how many were under way together."""
    wire = weigh(
        [asked(0, seconds=2), asked(1, path="/v1/tasks", sent=9), asked(1.2, path="/v1/tasks/8", sent=5)], lifted_at=()
    )
    assert (3, 2, 2) == (wire.requests, wire.longest_seconds, wire.at_once)
    assert {True: 9, False: 5} == wire.most_bytes
    assert ([], [], 0) == (wire.doubled, wire.too_early, wire.refusals)


@pytest.mark.parametrize(
    ("after", "path", "count"), [(0.5, "/v1/tasks/7", 1), (0.5, "/v1/tasks/8", 0), (1, "/v1/tasks/7", 0)]
)
def test_one_task_twice_at_once(after: float, path: str, count: int) -> None:
    """The same path before the first request for it is over."""
    assert count == len(weigh([asked(0, seconds=1), asked(after, path=path)], lifted_at=()).doubled)


@pytest.mark.parametrize(
    ("after", "lifted", "count"),
    [(10, None, 1), (299, None, 1), (300, None, 0), (1, None, 0), (10, 5, 0), (10, -60, 1), (10, 20, 1)],
)
def test_after_a_refusal(after: float, lifted: float | None, count: int) -> None:
    """None for as long as was said, but for what was under way, and until a reload lifts it."""
    lifted_at = [] if lifted is None else [NOON + timedelta(seconds=lifted)]
    wire = weigh([asked(0, fault="U6-429-seconds"), asked(after)], lifted_at=lifted_at)
    assert (1, count) == (wire.refusals, len(wire.too_early))
