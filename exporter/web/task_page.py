"""The page of one task: why it has its verdict, for a reader who was woken by it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from exporter.web.page import Page
from exporter.web.story import render_text, tell

if TYPE_CHECKING:
    from exporter.explain import Explanation
    from exporter.model import Report, TaskReport


class TaskPage(Page):
    """Renders an explanation as HTML. It never loads again by itself: somebody reads and copies."""

    def __init__(self, *, version: str, telemetry_path: str, external_url: str = "") -> None:
        super().__init__("task.html", version=version, metrics_link=f"../..{telemetry_path}")
        self._external_url = external_url

    def render(self, known: Explanation) -> bytes:
        story, path = tell(known), task_path(known.task)
        return self.fill(
            story=story,
            text=render_text(story),
            json_link=f"../../api/v1/{path}",
            missed=known.task.verdict.missed,
            canonical=f"{self._external_url}/{path}" if self._external_url else None,
        )


class MissingPage(Page):
    """Says of a task's address why nothing is there, and leads to the tasks that there are."""

    def __init__(self, *, version: str, telemetry_path: str) -> None:
        link = f"../..{telemetry_path}"
        super().__init__("missing.html", version=version, metrics_link=link, missed=False, canonical=None)

    def render(self, why: str) -> bytes:
        return self.fill(why=why)


def why_missing(report: Report, asked: str) -> str:
    """Why there is no such task in the account of the name that was asked for; of that, no word comes back."""
    account = next((each for each in report.accounts if each.name == asked), None)
    if account is None:
        names = ", ".join(each.name for each in report.accounts)
        return f"No account of that name is watched here; there are: {names}."
    if not account.polled:
        return f"Account {account.name} has not been polled yet, so its tasks are not known."
    return f"No such task of account {account.name} is watched here: it may be gone, excluded or watched elsewhere."


def task_path(known: TaskReport) -> str:
    """The task's page, from the status page."""
    account, task_id = (quote(part, safe="", errors="replace") for part in (known.account, known.task_id))
    return f"tasks/{account}/{task_id}"
