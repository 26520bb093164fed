"""The fixed names of the model in words for people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from exporter.model import Problem, Reason, State

if TYPE_CHECKING:
    from datetime import datetime

STATE_WORDS = {
    State.OK: "OK",
    State.DUE: "Due",
    State.MISSED: "Missed",
    State.NEVER_RAN: "Never ran",
    State.DISABLED: "Disabled",
    State.UNKNOWN: "Unknown",
}

PROBLEM_WORDS = {
    Problem.INVALID_SCHEDULE: "crontab not valid",
    Problem.INVALID_TIMEZONE: "timezone not known",
    Problem.NEVER_FIRES: "never fires",
    Problem.BAD_FIELD: "unusable field",
    Problem.IMPLAUSIBLE: "implausible last run",
    Problem.CLOCK_SKEW: "clocks disagree",
    Problem.STALE: "evidence too old",
    Problem.NOT_FOUND: "not found",
    Problem.NO_DATA: "nothing fetched yet",
}

PROBLEM_SENTENCES = {
    Problem.INVALID_SCHEDULE: "The crontab cannot be read: nobody can say when it fires. Correct it in ScreenshotMAX.",
    Problem.INVALID_TIMEZONE: "The timezone is not known: nobody can say when it fires. Correct it in ScreenshotMAX.",
    Problem.NEVER_FIRES: "The crontab names no date that there is: no run is ever due. Correct it in ScreenshotMAX.",
    Problem.BAD_FIELD: "The API left out a field that the verdict needs, or gave it in no usable form.",
    Problem.IMPLAUSIBLE: "What the API says of the last run cannot be true, so nothing is concluded from it.",
    Problem.CLOCK_SKEW: "The API's clock and ours differ by more than 60 s. Set the one that is wrong.",
    Problem.STALE: "The newest evidence is older than stale_after. The next good poll ends this.",
    Problem.NOT_FOUND: "The API does not know this id: the task was deleted, or is another account's.",
    Problem.NO_DATA: "No poll has told of this task yet.",
}

TELLING = frozenset({Reason.KEY, Reason.TLS})  # where the detail says more than the reason: which file, what fault
REASON_WORDS = {
    Reason.HTTP_400: "The API refused the request as wrong (400)",
    Reason.HTTP_401: "The access key was refused (401)",
    Reason.HTTP_402: "The account's payment is due (402)",
    Reason.HTTP_404: "The task was not found (404)",
    Reason.HTTP_423: "The account's quota is used up (423)",
    Reason.HTTP_429: "Too many requests (429)",
    Reason.HTTP_5XX: "The API failed (5xx)",
    Reason.HTTP_OTHER: "The API answered with an unexpected status",
    Reason.REDIRECT: "The API redirected, which is not followed",
    Reason.TIMEOUT: "The API did not answer in time",
    Reason.DNS: "The API's host name could not be looked up",
    Reason.CONNECT: "No connection to the API",
    Reason.TLS: "The API's certificate or TLS was refused",
    Reason.RESET: "The connection was cut",
    Reason.PROTOCOL: "The answer was not sound HTTP",
    Reason.ENCODING: "The answer came in an encoding that was not asked for",
    Reason.TOO_LARGE: "The answer was too large",
    Reason.BAD_JSON: "The answer was not JSON",
    Reason.BAD_SHAPE: "The answer was not shaped as tasks are",
    Reason.WRONG_ID: "The answer was about another task",
    Reason.CLOCK_SKEW: "The API's clock and ours disagree",
    Reason.KEY: "The access key could not be read",
    Reason.INTERNAL: "A fault of the exporter itself",
}

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def span_words(span: timedelta) -> str:
    """A span in its largest whole unit, such as `3 h`; in the smaller one until there are two: `90 min`, `36 h`."""
    seconds = int(span.total_seconds())
    for size, unit in _UNITS[:-1]:
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def ago(at: datetime, now: datetime) -> str:
    """`3 h ago`, `in 90 min`."""
    return f"{span_words(now - at)} ago" if at <= now else f"in {span_words(at - now)}"


def skew_words(skew: timedelta) -> str:
    """The API's clock against ours."""
    if abs(skew) < timedelta(seconds=1):
        return "the API's clock and ours agree"
    return f"the API's clock is {span_words(abs(skew))} {'ahead of' if skew > timedelta() else 'behind'} ours"


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""


def count_of(number: int, noun: str) -> str:
    """`1 task`, `2 tasks`, `1,234 tasks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
