"""Cleans upstream's text once, at the door, so that no sink can choke on it."""

from __future__ import annotations

import unicodedata

_REPLACEMENT = "\ufffd"
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # control, format (bidi too), surrogate, line, paragraph
_JOINERS = frozenset("\u200c\u200d")  # Persian and Indic names and many emoji are misspelt without them


def clean(text: str, limit: int, *, blanks: str = "\t\n\v\f\r\x85\u2028\u2029") -> str:
    """Cut to `limit` characters; a character of `blanks` becomes a space, any other invisible one U+FFFD."""
    text = text[:limit]
    if text.isprintable():
        return text
    return "".join(_visible(character, blanks) for character in text)


def _visible(character: str, blanks: str) -> str:
    if character in blanks:
        return " "
    if character in _JOINERS or unicodedata.category(character) not in _INVISIBLE:
        return character
    return _REPLACEMENT
