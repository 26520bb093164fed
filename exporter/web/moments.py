"""Instants in the task's own time and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exporter.web.words import ago

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Moments:
    """Writes instants for a reader who stands at `now`, in `zone`; in UTC where that is not known."""

    now: datetime
    zone: ZoneInfo | None

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone or UTC)

    def short(self, at: datetime) -> str:
        """`Mon 10 Jun 14:00 CEST`; with seconds or a year where these matter."""
        local = self.local(at)
        year = " %Y" if local.year != self.local(self.now).year else ""
        seconds = ":%S" if local.second else ""
        return f"{local:%a %d %b{year} %H:%M{seconds}} {self._abbreviation(local)}"

    def full(self, at: datetime) -> str:
        """`Mon 10 Jun 14:00:00 CEST +02:00`."""
        local = self.local(at)
        name, offset = self._abbreviation(local), self._offset(local)
        return f"{local:%a %d %b %H:%M:%S} {name}{'' if name in ('UTC', offset) else f' {offset}'}"

    def both(self, at: datetime) -> str:
        """The short form, and UTC in brackets."""
        return f"{self.short(at)} ({utc(at)})"

    def ago(self, at: datetime) -> str:
        return ago(at, self.now)

    def _abbreviation(self, local: datetime) -> str:
        # Zones without letters of their own are called +03 or -0330.
        name = local.tzname() or ""
        return name if name.isalpha() else self._offset(local)

    def _offset(self, local: datetime) -> str:
        return f"{local:%z}"[:3] + ":" + f"{local:%z}"[3:5]


def utc(at: datetime) -> str:
    """`2024-06-10 12:00:00Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
