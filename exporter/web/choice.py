"""Which of the tasks the status page shows, as its address says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.model import State, TaskReport

LONGEST = 100  # characters of a parameter that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """All tasks, or those in a state, of an account, with a text in their name or id. Empty: whichever."""

    state: str = ""
    account: str = ""
    search: str = ""
    refreshes: bool = True

    @property
    def is_own(self) -> bool:
        """Whether it is one that not everybody asks for."""
        return bool(self.state or self.account or self.search)

    def takes(self, known: TaskReport) -> bool:
        return self.state in ("", known.verdict.state) and self.is_among(known)

    def is_among(self, known: TaskReport) -> bool:
        """Whether it would be shown in one state or another."""
        return self.account in ("", known.account) and self._is_found(known)

    def _is_found(self, known: TaskReport) -> bool:
        name, text = known.task.name if known.task else "", self.search.casefold()
        return text in known.task_id or text in name.casefold()

    def toggled(self, state: State) -> Choice:
        """That state alone; all of them where it is chosen already."""
        return replace(self, state="" if self.state == state else state.value)

    def link(self) -> str:
        """The page of this choice, from the status page."""
        given = {"state": self.state, "account": self.account, "search": self.search}
        wanted = {name: value for name, value in given.items() if value}
        if not self.refreshes:
            wanted["refresh"] = "off"
        return f"?{urlencode(wanted, errors='replace')}" if wanted else "./"


def choose(query: Mapping[str, str]) -> Choice:
    """What the address asks for. Blanks round a search count for nothing, nor does what is too long to be one."""
    return Choice(
        state=query.get("state", "")[:LONGEST],
        account=query.get("account", "")[:LONGEST],
        search=query.get("search", "").strip()[:LONGEST],
        refreshes=query.get("refresh") != "off",
    )
