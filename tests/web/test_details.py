"""The sections of an explanation; what situations they tell of is tested with the story."""

from __future__ import annotations

from dataclasses import replace

from builders import at
from explained import DEFAULT, an_explanation, hourly
from exporter.config import PolicySources, Source
from exporter.model import Reason
from exporter.web import details
from exporter.web.moments import Moments

POLLED = (hourly(), "2024-06-10 11:30Z")
NOW = "2024-06-10 11:31Z"


def told(section, known) -> dict[str, str]:
    return {line.label: line.text for line in section(known, Moments(known.at, known.zone))}


def test_the_source_of_a_tolerance_is_named() -> None:
    """Each place of the file that may give a tolerance is told in its own words."""
    places = {
        Source.DEFAULT: "the default",
        Source.TOP_LEVEL: "missed_run at the top level",
        Source.ACCOUNT: "missed_run of the account",
        Source.OVERRIDE: "the override for this task",
    }
    for source, words in places.items():
        known = an_explanation(POLLED, now=NOW, sources=PolicySources(source, DEFAULT.early))
        assert told(details.tolerance, known)["grace"].startswith(f"6m: auto ({words}), ")
    assert set(Source) == set(places)


def test_another_tasks_failure_is_told_beside_ones_own_success() -> None:
    """A task whose own poll was good hears of its account's failure, and until when no request is sent."""
    known = an_explanation(POLLED, now=NOW)
    account = replace(
        known.account,
        last_reason=Reason.HTTP_429,
        last_detail="upstream answered 429",
        blocked_until_at=at("2024-06-10 11:40Z"),
    )
    shown = told(details.evidence, replace(known, account=account))
    assert (
        "good",
        "its newest poll failed: Too many requests (429) (upstream answered 429)",
        "no request is sent before Mon 10 Jun 13:40 CEST (2024-06-10 11:40:00Z)",
    ) == (shown["newest poll"], shown["account"], shown["blocked"])


def test_what_the_api_left_out_is_not_made_up() -> None:
    """Absent facts are said to be unknown."""
    task = hourly(enabled=None, runs=None, created_at=None, last_run_at=None)
    shown = told(details.evidence, an_explanation((task, "2024-06-10 11:30Z"), now=NOW))
    assert ("enabled or not: not known, runs not known, creation not known", "none") == (
        shown["it said"],
        shown["last run"],
    )


def test_without_a_ledger_there_is_no_section() -> None:
    """A task that was never fetched has no counts."""
    assert {} == told(details.ledger, an_explanation(now=NOW))
