"""Which tasks the status page shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.model import State, TaskReport, Verdict
from exporter.web.choice import LONGEST, Choice, choose
from web.reports import a_task_report

KNOWN = a_task_report(State.MISSED, task_id="5678133109850112", name="Straße, Home page")


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        (Choice(), True),
        (Choice(state="missed"), True),
        (Choice(state="ok"), False),
        (Choice(account="main"), True),
        (Choice(account="mai"), False),
        (Choice(search="home PAGE"), True),
        (Choice(search="STRASSE"), True),
        (Choice(search="13310985"), True),
        (Choice(search="away"), False),
        (Choice(state="missed", account="main", search="home"), True),
        (Choice(state="missed", account="other", search="home"), False),
    ],
)
def test_what_is_taken(choice: Choice, taken: bool) -> None:
    """State and account must be the very ones; a search looks into name and id, whatever its case. All must hold."""
    assert taken == choice.takes(KNOWN)


def test_a_task_without_a_name_is_found_by_its_id() -> None:
    """One that was never fetched has no name to look into."""
    nameless = TaskReport(
        "main", "42", Verdict(State.UNKNOWN, "no poll has told of this task yet"), fetch_success=False
    )
    assert [True, False] == [Choice(search=text).takes(nameless) for text in ("4", "x")]


@pytest.mark.parametrize(
    ("query", "choice", "is_own"),
    [
        ({}, Choice(), False),
        ({"refresh": "off"}, Choice(refreshes=False), False),
        ({"refresh": "on", "else": "x"}, Choice(), False),
        ({"search": "  home page "}, Choice(search="home page"), True),
        ({"search": "   ", "state": ""}, Choice(), False),
        (
            dict.fromkeys(("state", "account", "search"), "x" * 9999),
            Choice(state="x" * LONGEST, account="x" * LONGEST, search="x" * LONGEST),
            True,
        ),
    ],
)
def test_what_an_address_asks_for(query: dict[str, str], choice: Choice, is_own: bool) -> None:
    """Known parameters up to a length; what asks for nothing is the page that everybody shares."""
    assert (choice, is_own) == (choose(query), choose(query).is_own)


@pytest.mark.parametrize(
    ("choice", "link"),
    [
        (Choice(), "./"),
        (Choice(refreshes=False), "?refresh=off"),
        (Choice(state="missed", search='a&b="\ud800'), "?state=missed&search=a%26b%3D%22%3F"),
    ],
)
def test_links(choice: Choice, link: str) -> None:
    """A link holds what differs from the whole page, escaped; what no UTF-8 can hold costs a character."""
    assert link == choice.link()


def test_a_state_is_switched_on_and_off() -> None:
    """The rest of the choice stays."""
    chosen = Choice(account="main", refreshes=False)
    on = chosen.toggled(State.MISSED)
    assert (replace(chosen, state="missed"), chosen) == (on, on.toggled(State.MISSED))
