"""The sentences of an explanation: for each situation, those that must be there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from explained import an_explanation, hourly
from exporter.web.story import render_text, tell
from web.situations import HOURLY, SITUATIONS


def lines(*polls, **given) -> list[str]:
    """All that is told, each piece as one line."""
    story = tell(an_explanation(*polls, **given))
    events = [f"{event.local} {event.utc} {event.words}" for event in story.events]
    facts = [f"{line.label} {line.text}".strip() for section in story.sections for line in section.lines]
    return [f"{story.state_words} {story.ids}", story.headline, *story.why, *events, *facts]


@pytest.mark.parametrize(("polls", "given", "expected"), SITUATIONS.values(), ids=SITUATIONS)
def test_a_situation_is_told(polls, given: dict, expected: list[str]) -> None:
    """Whoever reads the text finds these lines in it."""
    told = lines(*polls, **given)
    assert [] == [line for line in expected if line not in told]


def test_the_whole_text() -> None:
    """One paste answers why somebody was paged."""
    known = an_explanation(
        (HOURLY, "2024-06-10 11:30Z"), (HOURLY, "2024-06-10 12:17Z"), now="2024-06-10 12:18Z", skew=timedelta()
    )
    text = render_text(tell(known))
    assert (
        """\
MISSED  main/1001
Shop front missed the run of Mon 10 Jun 14:00 CEST; its deadline passed 12 min ago.

Rule: Evidence from after the deadline shows no run for the fire.

Timeline
  Mon 10 Jun 13:00:00 CEST +02:00  2024-06-10 11:00:00Z  the fire that the last run answers
  Mon 10 Jun 13:00:14 CEST +02:00  2024-06-10 11:00:14Z  last run, 14s after its fire
  Mon 10 Jun 14:00:00 CEST +02:00  2024-06-10 12:00:00Z  the fire judged: the first that no run has answered
  Mon 10 Jun 14:06:00 CEST +02:00  2024-06-10 12:06:00Z  its deadline, 6m after the fire
  Mon 10 Jun 14:17:00 CEST +02:00  2024-06-10 12:17:00Z  the newest evidence: a good poll began
  Mon 10 Jun 14:18:00 CEST +02:00  2024-06-10 12:18:00Z  now
  Mon 10 Jun 14:32:00 CEST +02:00  2024-06-10 12:32:00Z  the evidence is too old from here on
  Mon 10 Jun 15:00:00 CEST +02:00  2024-06-10 13:00:00Z  next fire

What comes next
  No longer missed once a poll shows a run at or after Mon 10 Jun 13:54 CEST (2024-06-10 11:54:00Z).
  Becomes unknown after Mon 10 Jun 14:32 CEST (2024-06-10 12:32:00Z), unless a newer poll succeeds.

Missed in a row
  Mon 10 Jun 14:00 CEST (2024-06-10 12:00:00Z)

Tolerance
  grace         6m: auto (the default), a tenth of the period 1h, at least 5m, at most 1h, rounded
                up to whole minutes
  early         6m: auto (the default), a tenth of the period 1h, at most 10m

Evidence
  asked         Mon 10 Jun 14:17 CEST (2024-06-10 12:17:00Z), 60 s ago; too old after 15m
                (stale_after)
  it said       enabled, 160 runs, created Mon 01 Jan 01:00 CET (2024-01-01 00:00:00Z)
  last run      Mon 10 Jun 13:00:14 CEST (2024-06-10 11:00:14Z), 77 min ago; it answers the fire of
                Mon 10 Jun 13:00 CEST
  newest poll   good
  clocks        the API's clock and ours agree

Judged from
  epoch         no edit or switch was seen: the schedule is taken to be as old as the task
  base          no fire before Mon 01 Jan 01:01 CET (2024-01-01 00:01:00Z) is judged, 60 s after
                creation

Ledger
  since         Mon 10 Jun 13:30 CEST (2024-06-10 11:30:00Z)
  runs          1 expected, 0 observed
  of these      1 missed, 0 extra

Task
  account       main
  id            1001
  name          Shop front
  crontab       0 * * * *
  timezone      Europe/Berlin
  frequency     custom
  previous fire Mon 10 Jun 14:00 CEST (2024-06-10 12:00:00Z), 18 min ago
  next fire     Mon 10 Jun 15:00 CEST (2024-06-10 13:00:00Z), in 42 min
"""
        == text
    )


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (24, "24 runs in a row, the first that of Mon 10 Jun 14:00 CEST"),
        (1000, "at least 1,000 runs in a row"),
    ],
)
def test_misses_in_a_row_are_counted(count: int, words: str) -> None:
    """The headline counts the misses, and says where it stopped counting."""
    task, polled = (HOURLY, "2024-06-11 11:30Z") if count == 24 else (hourly(crontab="* * * * *"), "2024-06-13 11:30Z")
    assert words in tell(an_explanation((task, polled), now=polled)).headline


def test_events_stand_in_their_order() -> None:
    """The timeline is one: past, now, ahead."""
    events = tell(an_explanation((HOURLY, "2024-06-10 12:17Z"), now="2024-06-10 12:18Z")).events
    assert sorted(event.at for event in events) == [event.at for event in events]
    assert ["past"] * 5 + ["now"] + ["ahead"] * 2 == [event.when for event in events]
