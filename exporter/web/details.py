"""The sections of an explanation: what each rests on, a line for each fact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.config import Source, format_duration
from exporter.explain import Convention
from exporter.model import State
from exporter.web.words import REASON_WORDS, count_of, skew_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from exporter.explain import Answer, ChangedTime, Explanation, Lenience, NearChange, Turn
    from exporter.web.moments import Moments


@dataclass(frozen=True, slots=True)
class Line:
    label: str  # may be empty
    text: str


_SOURCE_WORDS = {
    Source.DEFAULT: "the default",
    Source.TOP_LEVEL: "missed_run at the top level",
    Source.ACCOUNT: "missed_run of the account",
    Source.OVERRIDE: "the override for this task",
}
_GRACE_RULE = "at least 5m, at most 1h, rounded up to whole minutes"
_EARLY_RULE = "at most 10m"


def turns(known: Explanation, moments: Moments) -> Iterator[Line]:
    """What would change the verdict."""
    state = known.task.verdict.state
    if state is State.DISABLED:
        yield Line("", "Judged again once a poll shows it enabled: fires from 60 s after that poll began.")
    for turn in known.turns:
        yield Line("", _turn(turn, moments))


def _turn(turn: Turn, moments: Moments) -> str:
    run = "a new run" if turn.run_from_at is None else f"a run at or after {moments.both(turn.run_from_at)}"
    at = "" if turn.at is None else moments.both(turn.at)
    if turn.state is State.OK:
        return f"No longer missed once a poll shows {run}."
    if turn.state is State.DUE:
        return f"Becomes due at {at}, unless {run} is seen before."
    if turn.state is State.UNKNOWN:
        return f"Becomes unknown after {at}, unless a newer poll succeeds."
    if turn.at is not None and turn.at <= moments.now:
        return f"Becomes missed with the next good poll, unless it shows {run}."
    return f"Becomes missed at {at}, unless {run} is seen; only a poll that starts then or later can tell."


def missed(known: Explanation, moments: Moments) -> Iterator[Line]:
    """The newest fires missed in a row, oldest first."""
    number = known.task.verdict.consecutive
    shown = known.missed_fires_at
    if number and number > len(shown):
        yield Line("", f"The newest {len(shown)} of {number:,}:")
    for at in shown:
        yield Line("", moments.both(at))


def tolerance(known: Explanation, _moments: Moments) -> Iterator[Line]:
    """Grace and early: how much, from where, and how auto came to it."""
    yield Line("grace", _lenience(known.grace, known.period, _GRACE_RULE))
    yield Line("early", _lenience(known.early, known.period, _EARLY_RULE))


def _lenience(given: Lenience, period: timedelta | None, rule: str) -> str:
    source = _SOURCE_WORDS[given.source]
    if given.span is None:
        return f"auto ({source}), which needs a schedule that can be judged"
    value = format_duration(given.span)
    if not given.auto:
        return f"{value}, from {source}"
    tenth = f"a tenth of the period {format_duration(period)}, " if period is not None else ""
    return f"{value}: auto ({source}), {tenth}{rule}"


def evidence(known: Explanation, moments: Moments) -> Iterator[Line]:
    """The newest good answer: how old, what it said; and how the newest poll went."""
    fetched_at = known.task.fetched_at
    if fetched_at is None:
        yield Line("asked", "no good answer yet")
    else:
        limit = f"too old after {format_duration(known.stale_after)} (stale_after)"
        yield Line("asked", f"{moments.both(fetched_at)}, {moments.ago(fetched_at)}; {limit}")
        yield from _said(known, moments)
    yield from _polls(known, moments)
    skew = known.account.clock_skew
    yield Line("clocks", skew_words(skew) if skew is not None else "no answer has told the API's time yet")


def _said(known: Explanation, moments: Moments) -> Iterator[Line]:
    task = known.task.task
    if task is None:
        return
    enabled = {True: "enabled", False: "disabled", None: "enabled or not: not known"}[task.enabled]
    runs = "runs not known" if task.runs is None else count_of(task.runs, "run")
    created = "creation not known" if task.created_at is None else f"created {moments.both(task.created_at)}"
    yield Line("it said", f"{enabled}, {runs}, {created}")
    ran = "none" if task.last_run_at is None else f"{moments.both(task.last_run_at)}, {moments.ago(task.last_run_at)}"
    answers = f"; it answers the fire of {moments.short(known.answered_at)}" if known.answered_at else ""
    yield Line("last run", ran + answers)
    if task.bad_fields:
        yield Line("unusable", ", ".join(sorted(task.bad_fields)))


def _polls(known: Explanation, moments: Moments) -> Iterator[Line]:
    """How the newest polls went, of the task and of its account, and when the next request may be sent."""
    account = known.account
    why = REASON_WORDS[account.last_reason] if account.last_reason else ""
    if known.task.fetch_success:
        yield Line("newest poll", "good")
    else:
        kept = "" if known.task.fetched_at is None else "; what was known before still stands"
        yield Line("newest poll", f"no good answer{kept}")
    if why:
        detail = f" ({account.last_detail})" if account.last_detail else ""
        yield Line("account", f"its newest poll failed: {why}{detail}")
    if account.blocked_until_at is not None:
        yield Line("blocked", f"no request is sent before {moments.both(account.blocked_until_at)}")


def changes(known: Explanation, moments: Moments) -> Iterator[Line]:
    """Each clock change, and what each convention does with the schedule's times in it."""
    for change in known.changes:
        yield Line("", _change(change, moments))
        for time in change.times:
            yield Line(f"{time.wall:%H:%M}", _conventions(time, moments))
        if change.affected > len(change.times):
            yield Line("", f"and {change.affected - len(change.times):,} more such times.")
        if change.affected:
            yield Line("", _CONSENSUS[change.skips])
        else:
            yield Line("", "The schedule names none of these times: its wall times stay, its times in UTC move.")


_CONSENSUS = {
    True: "Only what all of these perform can be missed: a time that is skipped is not owed.",
    False: "Only what all of these perform can be missed: a time that comes twice is owed once, by its second coming.",
}


def _change(change: NearChange, moments: Moments) -> str:
    way, fate = ("forward", "do not exist") if change.skips else ("back", "come twice")
    span = format_duration(change.end - change.first)
    walls = f"{change.first:%H:%M} to {change.end:%H:%M} on {change.first:%a %d %b}"
    return f"{moments.both(change.changed_at)}: clocks go {way} by {span}; {walls} {fate}."


_CONVENTION_WORDS = {
    Convention.SKIP: "skipping",
    Convention.AFTER_GAP: "right after the gap",
    Convention.SHIFTED: "as much later",
    Convention.FIRST: "first time",
    Convention.SECOND: "second time",
    Convention.BOTH: "both times",
}


def _conventions(time: ChangedTime, moments: Moments) -> str:
    return "; ".join(f"{_CONVENTION_WORDS[each.convention]}: {_runs(each, moments)}" for each in time.answers)


def _runs(answer: Answer, moments: Moments) -> str:
    return " and ".join(map(moments.both, answer.runs_at)) or "no run"


def beginning(known: Explanation, moments: Moments) -> Iterator[Line]:
    """The epoch, and the instant before which no fire is judged."""
    since_at = known.task.observed_since_at
    if known.task.task is not None and since_at is None:
        yield Line("epoch", "no edit or switch was seen: the schedule is taken to be as old as the task")
    elif since_at is not None:
        yield Line("epoch", f"crontab, timezone or enabled was first seen as it is at {moments.both(since_at)}")
    if known.task.expectation is not None:
        what = "creation" if since_at is None else "the poll that saw the change"
        base = moments.both(known.task.expectation.base_at)
        yield Line("base", f"no fire before {base} is judged, 60 s after {what}")


def ledger(known: Explanation, moments: Moments) -> Iterator[Line]:
    """The counts of runs, and since when they are kept."""
    counts, since_at = known.task.counts, known.task.counted_since_at
    if counts is None:
        return
    if since_at is not None:
        yield Line("since", moments.both(since_at))
    yield Line("runs", f"{counts.expected:,} expected, {counts.observed:,} observed")
    yield Line("of these", f"{counts.missed:,} missed, {counts.extra:,} extra")


def task(known: Explanation, moments: Moments) -> Iterator[Line]:
    """Which task it is, its schedule, and the fires as cron shows them."""
    told = known.task.task
    yield Line("account", known.task.account)
    yield Line("id", known.task.task_id)
    if told is None:
        return
    rows = {"name": told.name, "crontab": told.crontab, "timezone": told.timezone, "frequency": told.frequency}
    for label, text in rows.items():
        if text:
            yield Line(label, text)
    for label, at in (("previous fire", known.task.previous_fire_at), ("next fire", known.task.next_fire_at)):
        if at is not None:
            yield Line(label, _fire(at, moments))


def _fire(at: datetime, moments: Moments) -> str:
    return f"{moments.both(at)}, {moments.ago(at)}"
