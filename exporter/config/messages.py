"""Mistakes, and the one form they are told in: `file:line: path: found this, expected that`. No secret is quoted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KeyPath = tuple[str | int, ...]  # ("accounts", 0, "poll", "interval")
Mark = tuple[int, int]  # line and column, from 1

MOST_PROBLEMS: Final = 200  # a wrong file altogether would else bury the first line of its report
_LONGEST_QUOTE: Final = 40
_SECRET_KEY: Final = re.compile(r"key|secret|token|passw|credential|proxy_url", re.IGNORECASE)
_USERS: Final = "basic_auth_users"  # what stands there may be a password in the place of its hash
_PLAIN_KEY: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}|http2")  # digits are in secrets, and in one known key
_DURATION_LIKE: Final = re.compile(r"-?([0-9]+ ?(ms|[ywdhms]) ?)+")
_WORD: Final = re.compile(r"[A-Za-z0-9_+=-]+")


class ConfigError(Exception):
    """A configuration that cannot be used. `problems` holds one finished line for each mistake, in file order."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at one place. `at` is given where the path alone does not lead to the line."""

    path: KeyPath
    found: str
    expected: str
    at: Mark | None = None


def problems(mistakes: Iterable[Mistake], *, name: str, marks: Mapping[KeyPath, Mark]) -> tuple[str, ...]:
    """The finished lines, in file order, each once, and a last line that counts those beyond `MOST_PROBLEMS`."""
    placed = sorted(((_mark(mistake, marks), mistake) for mistake in dict.fromkeys(mistakes)), key=_order)
    lines = [_line(mistake, mark, name=name) for mark, mistake in placed[:MOST_PROBLEMS]]
    if len(placed) > MOST_PROBLEMS:
        lines.append(f"{escaped(name)}: found {len(placed) - MOST_PROBLEMS} more mistakes, expected none")
    return tuple(lines)


def describe(value: object, path: KeyPath) -> str:
    """What was found, in words: quoted where that is harmless, else only its type."""
    if isinstance(value, str):
        if not value.strip():
            return "an empty text"
        return _quoted(value) if path and not _is_secret(path) else "a text"  # a whole file may be a key file
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return "a number" if _is_secret(path) else str(value)
    return "a mapping" if isinstance(value, dict) else "a list"


def escaped(text: str) -> str:
    """The text on one line: control characters, separators and lone surrogates written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def spelled(path: KeyPath) -> str:
    """`accounts[0].poll.interval`; stops at a key that holds a secret, and shows no key that is itself like one."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _PLAIN_KEY.fullmatch(part) else "?")
            if _SECRET_KEY.search(part):
                break
    return text


def _mark(mistake: Mistake, marks: Mapping[KeyPath, Mark]) -> Mark | None:
    """The mistake's own place, else that of the nearest thing round it that the file holds."""
    if mistake.at is not None:
        return mistake.at
    ends = range(len(mistake.path), -1, -1)
    return next((marks[mistake.path[:end]] for end in ends if mistake.path[:end] in marks), None)


def _order(placed: tuple[Mark | None, Mistake]) -> Mark:
    return placed[0] or (0, 0)


def _line(mistake: Mistake, mark: Mark | None, *, name: str) -> str:
    place = escaped(name) + ("" if mark is None else f":{mark[0]}")
    if mark is not None and not mistake.path:
        place += f":{mark[1]}"
    path = f" {spelled(mistake.path)}:" if mistake.path else ""
    return f"{place}:{path} found {mistake.found}, expected {mistake.expected}"


def _is_secret(path: KeyPath) -> bool:
    return any(isinstance(part, str) and (part == _USERS or _SECRET_KEY.search(part)) for part in path)


def _quoted(text: str) -> str:
    if any(map(_like_a_secret, _WORD.findall(text))) and not _DURATION_LIKE.fullmatch(text):
        return "a text (not shown, it may be a secret)"
    short = text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "..."
    return f"'{escaped(short)}'"


def _like_a_secret(word: str) -> bool:
    """Whether a word could be a key that slipped into the wrong place: letters and digits mixed, or very long."""
    letters, digits = any(map(str.isalpha, word)), any(map(str.isdigit, word))
    return letters and (len(word) > 20 or (digits and len(word) > 8))
