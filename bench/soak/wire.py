"""What the exporter asked for, as upstream noted it: how often, how much at once, how long, and never too early."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from chaos.faults import FAULTS
from soak.fleet import TIMEOUT_SECONDS
from soak.truth import TAKEN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from chaos.server import Asked

LIST = "/v1/tasks"
_UNDER_WAY = timedelta(seconds=TIMEOUT_SECONDS + 0.5)  # sent before the refusal was read, noted after it
_SAME_INSTANT_SECONDS = 0.25  # by which our own note of an end may be late


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """The sum of it."""

    requests: int
    most_bytes: dict[bool, int]  # of one answer, by whether it was a list
    longest_seconds: float
    at_once: int  # of one account
    doubled: list[str]  # asked while the same was being asked
    too_early: list[str]
    refusals: int


def weigh(requests: Sequence[Asked], *, lifted_at: Sequence[datetime]) -> Wire:
    """`lifted_at`: when reloads ended every pause."""
    accounts: dict[str, list[Asked]] = defaultdict(list)
    for asked in sorted(requests, key=lambda asked: asked.at):
        accounts[asked.account].append(asked)
    refused = [asked for asked in requests if asked.fault and FAULTS[asked.fault].block]
    return Wire(
        requests=len(requests),
        most_bytes={
            listed: max((each.sent for each in requests if (each.path == LIST) is listed), default=0)
            for listed in (False, True)
        },
        longest_seconds=max((asked.seconds for asked in requests), default=0.0),
        at_once=max((_at_once(each) for each in accounts.values()), default=0),
        doubled=[text for each in accounts.values() for text in _doubled(each)],
        too_early=[text for one in refused for text in _too_early(one, accounts[one.account], lifted_at)],
        refusals=len(refused),
    )


def _at_once(requests: Sequence[Asked]) -> int:
    """How many were under way together at most."""
    edges = sorted(edge for one in requests for edge in ((one.at, 1), (_end(one), -1)))
    count = most = 0
    for _, step in edges:
        count += step
        most = max(most, count)
    return most


def _end(asked: Asked) -> datetime:
    """When it was over, or a little earlier."""
    at: datetime = asked.at
    return at + max(timedelta(seconds=asked.seconds - _SAME_INSTANT_SECONDS), timedelta.resolution)


def _doubled(requests: Sequence[Asked]) -> Iterable[str]:
    paths: dict[str, list[Asked]] = defaultdict(list)
    for asked in requests:
        paths[asked.path].append(asked)
    for path, asked_in_turn in paths.items():
        for first, then in pairwise(asked_in_turn):
            if then.at < _end(first):
                yield f"{first.account}{path} at {then.at:%X.%f}, as well as at {first.at:%X.%f} ({first.fault})"


def _too_early(refused: Asked, requests: Sequence[Asked], lifted_at: Sequence[datetime]) -> Iterable[str]:
    """What was asked between a refusal that was read and the time that it named."""
    block = FAULTS[refused.fault or ""].block
    if block is None or refused.seconds > TAKEN_SECONDS:
        return
    until_at = min([refused.at + block, *(each for each in lifted_at if each > refused.at - _UNDER_WAY)])
    for asked in requests:
        if refused.at + _UNDER_WAY < asked.at < until_at:
            yield f"{asked.account} at {asked.at:%X.%f}, although {refused.fault} at {refused.at:%X.%f}"
