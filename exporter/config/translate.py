"""From pydantic's errors to our sentences, by one table of error types; and the key that a misspelt one stands for."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from exporter.config.leaves import UNEXPECTED
from exporter.config.messages import KeyPath, Mistake, describe
from exporter.config.schema import SECTION_KEYS, section_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_MOST_SUGGESTIONS: Final = 200  # comparing is slow, and no more lines are shown


def mistakes(error: ValidationError) -> Iterator[Mistake]:
    """One mistake for each error."""
    for number, detail in enumerate(error.errors(include_url=False)):
        path = _path(detail["loc"])
        if detail["type"] == "too_short" and detail["input"]:
            continue  # pydantic counts the items without mistakes only
        if detail["type"] == "extra_forbidden":
            yield _unknown_key(path, suggest=number < _MOST_SUGGESTIONS)
        else:
            found, expected = _SENTENCES.get(detail["type"], _other)(detail, path)
            yield Mistake(path, found, expected)


def nearest(key: str, path: KeyPath) -> str | None:
    """The known key that a misspelt one in the mapping at `path` stands for, dotted when it lives one level down."""
    here = {name: name for name in section_at(path).model_fields}
    below = {
        inner: f"{name}.{inner}" for name in SECTION_KEYS if name in here for inner in section_at((name,)).model_fields
    }
    known = {**below, **here}
    close = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.7)
    return known[close[0]] if close else None


def _unknown_key(path: KeyPath, *, suggest: bool) -> Mistake:
    *parent, key = path
    near = nearest(str(key), tuple(parent)) if suggest else None
    keys = ", ".join(section_at(tuple(parent)).model_fields)
    return Mistake(path, "an unknown key", f'a known one: did you mean "{near}"?' if near else f"one of {keys}")


def _path(loc: KeyPath) -> KeyPath:
    """Pydantic's location without the tags that name the branch of a union."""
    return tuple(part for part in loc if isinstance(part, int) or not part.startswith("<"))


def _unexpected(detail: ErrorDetails, path: KeyPath) -> tuple[str, str]:
    words = detail.get("ctx", {})
    return words["found"] or describe(detail["input"], path), words["words"]


def _missing(_detail: ErrorDetails, _path: KeyPath) -> tuple[str, str]:
    return "no such key", "it to be given"


def _no_mapping(detail: ErrorDetails, path: KeyPath) -> tuple[str, str]:
    return describe(detail["input"], path), f"a mapping of {', '.join(section_at(path).model_fields)}"


def _no_list(detail: ErrorDetails, path: KeyPath) -> tuple[str, str]:
    return describe(detail["input"], path), "a list"


def _too_few(_detail: ErrorDetails, _path: KeyPath) -> tuple[str, str]:
    return "an empty list", "at least one item"


def _too_many(detail: ErrorDetails, _path: KeyPath) -> tuple[str, str]:
    return f"{len(detail['input'])} items", f"at most {detail['ctx']['max_length']}"


def _other(detail: ErrorDetails, path: KeyPath) -> tuple[str, str]:
    return describe(detail["input"], path), "another value"


_SENTENCES: Final[dict[str, Callable[[ErrorDetails, KeyPath], tuple[str, str]]]] = {
    UNEXPECTED: _unexpected,
    "missing": _missing,
    "model_type": _no_mapping,
    "tuple_type": _no_list,
    "too_short": _too_few,
    "too_long": _too_many,
}
