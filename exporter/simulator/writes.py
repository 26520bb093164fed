"""What the service accepts on create and update, and the crontabs it makes itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from exporter.simulator.cron import BOUNDS, MAX_LENGTH, find_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from exporter.simulator.tasks import SimTask

MAX_NAME = 100
APIS = ("screenshot", "screencast", "pdf", "scrape")
MADE = {
    "every_minute": "* * * * *",
    "every_hour": "{at.minute} * * * *",
    "every_day": "{at.minute} {at.hour} * * *",
    "every_month": "{at.minute} {at.hour} {at.day} * *",
}
FREQUENCIES = (*MADE, "custom")
REQUIRED = ("name", "api", "query", "frequency")
DEFAULTS = {"timezone": "Etc/UTC", "enabled": True}
PART = re.compile(r"(\*|\d{1,2}|[a-z]{3})(-(\d{1,2}|[a-z]{3}))?(/\d{1,2})?", re.ASCII | re.IGNORECASE)


class Refused(Exception):  # noqa: N818 - a 400 is an answer here, not our error
    """A member that the service refuses; the text goes into its answer."""


def parse_create(body: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The fields of a new task. Raises Refused."""
    for name in REQUIRED:
        if name not in body:
            raise Refused(f"{name}: missing")
    return _settle(DEFAULTS | _parse_members(body), now)


def parse_update(body: Mapping[str, Any], task: SimTask, now: datetime, *, resets: bool) -> dict[str, Any]:
    """The fields to set on a task: those named, and a crontab made anew for the minute of the edit unless the
    frequency is custom. With `resets`, enabled and timezone fall back to their defaults. Raises Refused.
    """
    kept = {name: getattr(task, name) for name in ("frequency", "crontab", "timezone")}
    return _settle(kept | (DEFAULTS if resets else {}) | _parse_members(body), now)


def _parse_members(body: Mapping[str, Any]) -> dict[str, Any]:
    for name, (accepts, expected) in MEMBERS.items():
        if name in body and not accepts(body[name]):
            raise Refused(f"{name}: expected {expected}")
    return {name: body[name] for name in MEMBERS if name in body}


def _settle(fields: dict[str, Any], now: datetime) -> dict[str, Any]:
    made = MADE.get(fields["frequency"])
    if made is None and "crontab" not in fields:
        raise Refused("crontab: missing, and the frequency is custom")
    if made is None:
        return fields
    # An edit keeps the zone of a task stored with a broken one: anchor that in UTC.
    at = now.astimezone(find_zone(fields["timezone"])) if _is_zone(fields["timezone"]) else now
    return fields | {"crontab": made.format(at=at)}


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME


def _is_zone(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(find_zone(value))
    except ValueError:
        return False


def _is_crontab(value: object) -> bool:
    """Only what a pattern sees: a range may run backwards, a step may be 0, a day may never come."""
    fields = value.split() if isinstance(value, str) and len(value) <= MAX_LENGTH else []
    return len(fields) == len(BOUNDS) and all(
        PART.fullmatch(part) and all(low <= int(number) <= high for number in _numbers(part))
        for field, (low, high) in zip(fields, BOUNDS, strict=True)
        for part in field.split(",")
    )


def _numbers(part: str) -> list[str]:
    return re.findall(r"[0-9]+", part.partition("/")[0])


MEMBERS: dict[str, tuple[Callable[[object], bool], str]] = {
    "name": (_is_name, f"a text of 1 to {MAX_NAME} characters"),
    "api": (lambda value: value in APIS, f"one of {', '.join(APIS)}"),
    "query": (lambda value: isinstance(value, str), "a text"),
    "frequency": (lambda value: value in FREQUENCIES, f"one of {', '.join(FREQUENCIES)}"),
    "crontab": (_is_crontab, "a crontab of five fields"),
    "timezone": (_is_zone, "the name of an IANA zone"),
    "enabled": (lambda value: isinstance(value, bool), "true or false"),
}
