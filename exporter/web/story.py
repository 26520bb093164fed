"""An explanation in sentences: the same for the page, for the shell and for whoever pastes it into a ticket."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from exporter.config import format_duration
from exporter.judge import MOST_MISSED
from exporter.model import State
from exporter.web import details
from exporter.web.moments import Moments, utc
from exporter.web.words import PROBLEM_SENTENCES, PROBLEM_WORDS, STATE_WORDS, sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from exporter.explain import Explanation
    from exporter.web.details import Line

_WIDTH = 100
_LABEL = 14


@dataclass(frozen=True, slots=True)
class Event:
    """An instant that matters, in the task's own time and in UTC."""

    at: datetime
    local: str
    utc: str
    words: str
    when: str  # past, now, ahead


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """What a person reads: one sentence, why, the events in their order, and all the rest by subject."""

    state: State
    state_words: str
    ids: str  # account/task_id
    headline: str
    why: tuple[str, ...]
    events: tuple[Event, ...]
    sections: tuple[Section, ...]


def tell(known: Explanation) -> Story:
    """The story of an explanation."""
    moments = Moments(known.at, known.zone)
    told = ((title, tuple(lines(known, moments))) for title, lines in _SECTIONS)
    state = known.task.verdict.state
    return Story(
        state=state,
        state_words=STATE_WORDS[state],
        ids=f"{known.task.account}/{known.task.task_id}",
        headline=_headline(known, moments),
        why=tuple(_why(known, moments)),
        events=tuple(_events(known, moments)),
        sections=tuple(Section(title, lines) for title, lines in told if lines),
    )


def render_text(story: Story) -> str:
    """The story as plain text, most lines within 100 columns."""
    parts = [f"{story.state_words.upper()}  {story.ids}", _filled(story.headline), ""]
    parts += [_filled(line) for line in story.why]
    local = max((len(event.local) for event in story.events), default=0)
    parts += ["", "Timeline"]
    parts += [f"  {event.local:{local}}  {event.utc}  {event.words}" for event in story.events]
    for section in story.sections:
        parts += ["", section.title]
        parts += [_filled(line.text, f"  {line.label:{_LABEL}}" if line.label else "  ") for line in section.lines]
    return "\n".join(parts) + "\n"


def _filled(text: str, head: str = "") -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _name(known: Explanation) -> str:
    return (known.task.task.name if known.task.task else "") or f"Task {known.task.task_id}"


def _headline(known: Explanation, moments: Moments) -> str:
    verdict = known.task.verdict
    if verdict.fire is not None and verdict.deadline_at is not None:
        fire, deadline = moments.short(verdict.fire.earliest_at), moments.ago(verdict.deadline_at)
        if verdict.state is State.MISSED:
            return f"{_name(known)} missed {_runs(fire, verdict.consecutive)}; its deadline passed {deadline}."
        if verdict.state is State.DUE:
            return f"{_name(known)} is due: {_left(fire, verdict.deadline_at, moments)}."
        if verdict.state is State.NEVER_RAN:
            return f"{_name(known)} never ran, and did not have to yet: the first run is due {fire}."
    return f"{_name(known)} {_in_words(known, moments)}."


def _runs(fire: str, consecutive: int | None) -> str:
    number = consecutive or 1
    if number == 1:
        return f"the run of {fire}"
    return f"{'at least ' if number >= MOST_MISSED else ''}{number:,} runs in a row, the first that of {fire}"


def _left(fire: str, deadline_at: datetime, moments: Moments) -> str:
    if deadline_at <= moments.now:
        return f"the deadline of its run of {fire} has passed, and the next good poll decides"
    return f"its run of {fire} has until {moments.short(deadline_at)}, {moments.ago(deadline_at)}"


def _in_words(known: Explanation, moments: Moments) -> str:
    """The states that hang on no fire."""
    verdict, task = known.task.verdict, known.task.task
    if verdict.state is State.DISABLED:
        return "is disabled, so no run is expected"
    if verdict.state is State.NEVER_RAN:
        return "never ran, and no run will ever be due"
    if verdict.state is State.OK and task and task.last_run_at:
        return f"is well: its last run, {moments.ago(task.last_run_at)}, answers every fire so far"
    why = ", ".join(PROBLEM_WORDS[problem] for problem in verdict.problems) or verdict.rule
    return f"cannot be judged: {why}"


def _why(known: Explanation, moments: Moments) -> Iterator[str]:
    """The rule that decided, what is wrong, and what the task shares with others."""
    task, account = known.task, known.account
    yield f"Rule: {sentence(task.verdict.rule)}"
    for problem in task.verdict.problems:
        yield f"Problem {problem.value}: {PROBLEM_SENTENCES[problem]}"
    if task.schedule_error:
        yield f"Schedule: {sentence(task.schedule_error)}"
    if account.common_fire_at is not None and account.common_fire_at in task.missed_fires_at:
        shared = f"{account.missing_common_fire:,} tasks of this account missed the fire of"
        yield f"Common cause? {shared} {moments.short(account.common_fire_at)}."


def _events(known: Explanation, moments: Moments) -> Iterator[Event]:
    for at, words in sorted(_dated(known), key=lambda each: each[0]):
        when = "now" if words == "now" else "ahead" if at > known.at else "past"
        yield Event(at, moments.full(at), utc(at), words, when)


def _dated(known: Explanation) -> Iterator[tuple[datetime, str]]:
    """What happened and what will, in no order."""
    task = known.task.task
    yield known.at, "now"
    if task and task.created_at and task.last_run_at is None:
        yield task.created_at, "the task was created"
    if task and task.last_run_at:
        yield task.last_run_at, f"last run{_late(known.task.lateness)}"
    if known.task.observed_since_at:
        yield known.task.observed_since_at, "an edit or a switch was first seen: judged anew from here"
    for change in known.changes:
        yield change.changed_at, f"clocks go {'forward' if change.skips else 'back'}"
    yield from _dated_fires(known)
    if known.task.fetched_at:
        yield known.task.fetched_at, "the newest evidence: a good poll began"
    if known.stale_at and known.task.verdict.state is not State.DISABLED:
        withdrawn = "the evidence grew too old" if known.at > known.stale_at else "the evidence is too old from here on"
        yield known.stale_at, withdrawn


def _dated_fires(known: Explanation) -> Iterator[tuple[datetime, str]]:
    fire, deadline_at = known.task.verdict.fire, known.task.verdict.deadline_at
    others = {known.answered_at, fire.earliest_at if fire else None}
    if known.answered_at:
        yield known.answered_at, "the fire that the last run answers"
    if fire and deadline_at:
        ahead = fire.earliest_at == known.task.next_fire_at
        what = "next fire: the one that is judged" if ahead else "the fire judged: the first that no run has answered"
        yield fire.earliest_at, what
        if fire.latest_at != fire.earliest_at:
            yield fire.latest_at, "the same wall time again, after the clock change"
        yield deadline_at, f"its deadline, {format_duration(deadline_at - fire.latest_at)} after the fire"
    for at, words in ((known.task.previous_fire_at, "previous fire"), (known.task.next_fire_at, "next fire")):
        if at is not None and at not in others:
            yield at, words


def _late(lateness: timedelta | None) -> str:
    if lateness is None:
        return ", which answers no fire that is judged"
    return f", {format_duration(abs(lateness))} {'before' if lateness < timedelta() else 'after'} its fire"


_SECTIONS: tuple[tuple[str, Callable[[Explanation, Moments], Iterator[Line]]], ...] = (
    ("What comes next", details.turns),
    ("Missed in a row", details.missed),
    ("Tolerance", details.tolerance),
    ("Evidence", details.evidence),
    ("Clock changes nearby", details.changes),
    ("Judged from", details.beginning),
    ("Ledger", details.ledger),
    ("Task", details.task),
)
