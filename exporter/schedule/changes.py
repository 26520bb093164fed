"""Clock changes of a zone: when its offset changes, and which wall times that skips or repeats."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_STEP = timedelta(days=1)  # no zone's rules undo a change within a day


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A change of offset. The wall times in [first, end), naive and local, are skipped or come twice."""

    changed_at: datetime  # the first instant of the new offset
    first: datetime
    end: datetime
    skips: bool
    fires: tuple[datetime, ...] = ()  # those of the wall times at which a schedule fires, in order


@lru_cache(maxsize=1024)
def zone_changes(zone: ZoneInfo, start: datetime, end: datetime) -> tuple[ClockChange, ...]:
    """The zone's clock changes in (start, end), in order."""
    span = range(-(-(end - start) // _STEP) + 1)
    days = [start.astimezone(UTC) + number * _STEP for number in span]
    around = (pair for pair in pairwise(days) if _offset(pair[0], zone) != _offset(pair[1], zone))
    changes = (_change(change_between(*pair, zone=zone), zone) for pair in around)
    return tuple(change for change in changes if change.changed_at < end)


def change_between(before: datetime, after: datetime, *, zone: ZoneInfo) -> datetime:
    """The instant in (before, after] at which the zone's offset changes."""
    offset = _offset(after, zone)
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return datetime.fromtimestamp(high, UTC)


def _change(changed_at: datetime, zone: ZoneInfo) -> ClockChange:
    before, after = _offset(changed_at - timedelta(seconds=1), zone), _offset(changed_at, zone)
    naive = changed_at.replace(tzinfo=None)
    return ClockChange(changed_at, naive + min(before, after), naive + max(before, after), skips=after > before)


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
