"""From bytes to Task, purely. One bad field spoils only itself, one bad element of a list only itself."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from exporter.client.text import clean
from exporter.model import PollError, Reason, Task

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

_ID = re.compile(r"[0-9]{1,20}")
_MOST_NESTED = 10_000  # arrays and objects in one task: each takes up to thirty times its text
_DEEPEST = 1000
_BRACKET = re.compile(r'[^"\[\]{}]*+(?:"(?:[^"\\]++|\\.)*+"[^"\[\]{}]*+)*+([\[\]{}])', re.DOTALL)  # outside of strings
_LONGEST_INTEGER = 40  # characters; int() of thousands of digits is slow, then a ValueError
_LATEST_SECONDS = 10**11  # CONTRACT.md: beyond it an instant can only be in milliseconds
_MOST_RUNS = 2**63
_KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


def decode(body: bytes | bytearray) -> object:
    """The JSON value of a body in strict UTF-8; one byte order mark is tolerated, of duplicate keys the last wins.

    Raises PollError(BAD_JSON), and PollError(BAD_SHAPE) for more arrays and objects than a task can need.
    """
    try:
        text = body.decode("utf-8-sig")
        if may_be_crowded(text):
            check_crowd(text)
        return json.loads(text, parse_int=integer)
    except (ValueError, RecursionError) as error:
        raise not_json(error) from None


def may_be_crowded(text: str) -> bool:
    """Whether there are so many brackets, in strings too, that `check_crowd` has something to check."""
    return text.count("[") + text.count("{") > _MOST_NESTED


def check_crowd(text: str, at: int = 0) -> None:
    """Count the arrays and objects of the JSON value that begins at `at`, before anything is built.

    Raises PollError(BAD_SHAPE) for too many, RecursionError where they are nested too deeply for any decoder of ours.
    """
    count = depth = 0
    while found := _BRACKET.match(text, at):
        at = found.end()
        opens = found[1] in "[{"
        count, depth = count + opens, depth + (1 if opens else -1)
        if depth > _DEEPEST:
            raise RecursionError
        if count > _MOST_NESTED:
            raise PollError(Reason.BAD_SHAPE, f"more than {_MOST_NESTED} arrays and objects in one value")
        if depth <= 0:
            return


def not_json(error: Exception) -> PollError:
    """What an exception amid decoding says of the body."""
    if isinstance(error, UnicodeDecodeError):
        return PollError(Reason.BAD_JSON, "the body is not UTF-8")
    deep = isinstance(error, RecursionError)
    return PollError(Reason.BAD_JSON, "the JSON is nested too deeply" if deep else "the body is not JSON")


def parse_task(payload: object, *, expected_id: str | None) -> Task:
    """The task of a Get Task answer; with `expected_id` (decimal text) no other task's answer is accepted.

    Raises PollError(BAD_SHAPE) when it is no task object with a usable id, PollError(WRONG_ID) for another's.
    """
    if not isinstance(payload, dict):
        raise PollError(Reason.BAD_SHAPE, f"expected a task object, found {kind(payload)}")
    task_id = find_id(payload)
    if task_id is None:
        raise PollError(Reason.BAD_SHAPE, "the task object has no usable id")
    if expected_id is not None and task_id != _task_id(expected_id):
        raise PollError(Reason.WRONG_ID, "the answer is another task's")
    return _task(task_id, _Fields(payload))


def find_id(payload: object) -> str | None:
    """The canonical decimal text of a task object's id; None where there is no usable one."""
    return _task_id(payload.get("id")) if isinstance(payload, dict) else None


class _Fields:
    """The members of one task object, and the names of those that were there but unusable."""

    def __init__(self, payload: dict[str, object]) -> None:
        self._payload = payload
        self.bad: set[str] = set()

    def take(self, name: str, read: Callable[[object], _T]) -> _T | None:
        """What `read` makes of the member, or None: absent, or refused by `read` with a ValueError and so bad."""
        if name not in self._payload:
            return None
        try:
            return read(self._payload[name])
        except ValueError:
            self.bad.add(name)
            return None


def _task(task_id: str, fields: _Fields) -> Task:
    last_run = fields.take("last_run", _whole)
    plausible = last_run is None or 0 <= last_run <= _LATEST_SECONDS
    return Task(
        id=task_id,
        name=fields.take("name", _name) or "",
        api=fields.take("api", _word) or "",
        frequency=fields.take("frequency", _word) or "",
        crontab=fields.take("crontab", _crontab),
        timezone=fields.take("timezone", _timezone),
        enabled=fields.take("enabled", _flag),
        created_at=fields.take("created", _created_at),
        last_run_at=_instant(last_run) if plausible else None,
        runs=fields.take("runs", _runs),
        implausible=not plausible,
        bad_fields=frozenset(fields.bad),
    )


def _task_id(value: object) -> str | None:
    """The canonical decimal text of an id of 1 to 20 digits, exact: an integer or a string of digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and _ID.fullmatch(value):
        return str(int(value))
    return None


def _name(value: object) -> str:
    return clean(_text(value), 200)


def _word(value: object) -> str:
    return clean(_text(value), 64)


def _crontab(value: object) -> str:
    # One character more than the longest that schedule accepts: an overlong one must not be cut to a valid one.
    return clean(_text(value), 257, blanks="\t")


def _timezone(value: object) -> str:
    return clean(_text(value), 128, blanks="")


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected true or false")  # noqa: TRY004 -- the one error that _Fields.take knows
    return value


def _created_at(value: object) -> datetime | None:
    seconds = _whole(value)
    if seconds is not None and not 0 <= seconds <= _LATEST_SECONDS:
        raise ValueError("expected an instant in seconds")
    return _instant(seconds)


def _runs(value: object) -> int | None:
    runs = _whole(value)
    if runs is not None and not 0 <= runs <= _MOST_RUNS:
        raise ValueError("expected a count")
    return runs


def _instant(seconds: int | None) -> datetime | None:
    """Absent, null and 0 mean never."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _whole(value: object) -> int | None:
    """A whole number, also when written as 12.0; null is as good as absent where a number is expected."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise ValueError("expected a whole number")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a string")  # noqa: TRY004 -- the one error that _Fields.take knows
    return value


def integer(digits: str) -> float:
    """For JSON's numbers without a point: thousands of digits are infinite, and so unusable wherever they stand."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else math.inf


def kind(value: object) -> str:
    """What JSON calls it, with its article."""
    return _KINDS.get(type(value), "a number")
