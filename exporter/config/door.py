"""The strict door for YAML: one plain document, nothing resolved that could mean two things, every line remembered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

from exporter.config.messages import KeyPath, Mark, Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.config.values import Config

LARGEST_FILE: Final = 1024 * 1024
DEEPEST: Final = 16
MOST_NODES: Final = 100_000

_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,19}")
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {"true": True, "false": False}
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where libyaml is there
_MAPPING_FORM: Final = "keys and values as `key: value`, indented with spaces"
_SYNTAX: Final = {  # part of the parser's sentence -> found, expected; the parser's own words may quote the file
    "mapping values are not allowed": ("a colon out of place", "one `key: value` a line, a value with ': ' in quotes"),
    "cannot start any token": (
        "a tab, or a sign that starts no value",
        "spaces to indent, and quotes round such a value",
    ),
    "tab character": ("a tab", "spaces to indent"),
    "unexpected end of stream": ("a quote that is never closed", "the closing quote"),
    "could not find expected ':'": ("a line without a colon", _MAPPING_FORM),
    "escape": ("an unknown escape after a backslash", "single quotes, where a backslash is a plain character"),
    "',' or ']'": ("a list that is never closed", "the closing bracket"),
    "',' or '}'": ("a mapping that is never closed", "the closing brace"),
}


class Plain(str):
    """A text that stood in the file without quotes and is neither number, true, false nor null."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data (dict, tuple, str, int, bool, None), where each part of it stands, and what the door refused."""

    data: Any = None
    marks: dict[KeyPath, Mark] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()
    refused: frozenset[KeyPath] = frozenset()  # None stands in `data` at these; no more need be said about them
    whole: bool = True  # False: reading stopped at the last mistake


def read(content: bytes | str, *, number_keys: bool = False) -> Document:
    """Never raises: what cannot be read is a Document with mistakes. With `number_keys` a number is a key, as text."""
    reader = _Reader(number_keys=number_keys)
    try:
        data = reader.document(_text(content))
    except _StopError as stop:
        return Document(marks=reader.marks, mistakes=(*reader.mistakes, stop.mistake), whole=False)
    return Document(data, reader.marks, tuple(reader.mistakes), frozenset(reader.refused))


def to_yaml(config: Config) -> str:
    """The effective configuration as a file would hold it, secrets as `<secret>`."""
    text: str = yaml.safe_dump(config.effective(), sort_keys=False, allow_unicode=True, width=1000)
    return text


class _StopError(Exception):
    def __init__(self, found: str, expected: str, at: Mark | None = None) -> None:
        super().__init__(found)
        self.mistake = Mistake((), found, expected, at)


def _text(content: bytes | str) -> str:
    if len(content) > LARGEST_FILE:
        raise _StopError(f"more than {LARGEST_FILE} bytes", "fewer")
    text = (content if isinstance(content, str) else _decoded(content)).removeprefix("\ufeff")
    if odd := _UNPRINTABLE.search(text):
        at = (text.count("\n", 0, odd.start()) + 1, odd.start() - text.rfind("\n", 0, odd.start()))
        raise _StopError(f"the control character U+{ord(odd[0]):04X}", "printable text", at)
    return text


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line, column = content.count(b"\n", 0, error.start) + 1, error.start - content.rfind(b"\n", 0, error.start)
        raise _StopError("bytes that are no UTF-8", "UTF-8 text", (line, column)) from None


def _events(text: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        known = (words for part, words in _SYNTAX.items() if part in (error.problem or ""))
        found, expected = next(known, ("text that is no YAML", _MAPPING_FORM))
        raise _StopError(found, expected, _mark(error.problem_mark or error.context_mark)) from None
    except (yaml.YAMLError, ValueError, OverflowError):
        raise _StopError("text that is no YAML", _MAPPING_FORM) from None


def _mark(mark: Any) -> Mark:
    return (mark.line + 1, mark.column + 1)


class _Reader:
    """One pass over the parser's events; collects marks and mistakes as it goes."""

    def __init__(self, *, number_keys: bool) -> None:
        self._number_keys = number_keys
        self.marks: dict[KeyPath, Mark] = {}
        self.mistakes: list[Mistake] = []
        self.refused: set[KeyPath] = set()
        self._nodes = 0

    def document(self, text: str) -> Any:
        events = _events(text)
        next(events)  # the stream's start
        if isinstance(next(events), yaml.StreamEndEvent):
            raise _StopError("an empty file", "a mapping with the key accounts")
        data = self._node(next(events), (), events)
        next(events)  # the document's end
        following = next(events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise _StopError("a second document", "only one in the file", _mark(following.start_mark))
        return data

    def _node(self, event: Any, path: KeyPath, events: Iterator[Any]) -> Any:
        self.marks.setdefault(path, _mark(event.start_mark))
        self._count(event, len(path))
        if isinstance(event, yaml.AliasEvent):
            return self._refuse(path, "an alias", "the value itself")
        if event.anchor is not None:
            self.mistakes.append(Mistake(path, "an anchor", "the value without one"))
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(path, events)
        else:
            value = self._mapping(path, events)
        return value if event.tag is None else self._refuse(path, "a tag", "the value without one")

    def _count(self, event: Any, depth: int) -> None:
        self._nodes += 1
        if depth > DEEPEST:
            raise _StopError(f"more than {DEEPEST} levels", "fewer", _mark(event.start_mark))
        if self._nodes > MOST_NODES:
            raise _StopError(f"more than {MOST_NODES} values", "fewer", _mark(event.start_mark))

    def _refuse(self, path: KeyPath, found: str, expected: str) -> None:
        self.mistakes.append(Mistake(path, found, expected))
        self.refused.add(path)

    def _scalar(self, event: Any, path: KeyPath) -> Any:
        if event.style:
            return event.value
        if event.end_mark.line > event.start_mark.line and event.value:
            return self._refuse(path, "a text without quotes over several lines", "one line (is a colon missing?)")
        return resolve(event.value)

    def _sequence(self, path: KeyPath, events: Iterator[Any]) -> tuple[Any, ...]:
        items: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items)), events))
        return tuple(items)

    def _mapping(self, path: KeyPath, events: Iterator[Any]) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._key(event, path, events)
            if key is None:
                self._skip(next(events), events)
            elif key in entries:
                line = self.marks[*path, key][0]
                again = Mistake(
                    (*path, key), f"this key again, after line {line}", "each key once", _mark(event.start_mark)
                )
                self.mistakes.append(again)
                self._skip(next(events), events)
            else:
                self.marks[*path, key] = _mark(event.start_mark)
                entries[key] = self._node(next(events), (*path, key), events)
        return entries

    def _key(self, event: Any, path: KeyPath, events: Iterator[Any]) -> str | None:
        """The key, or None after telling why it is none."""
        found = "a key that is no text"
        if isinstance(event, yaml.ScalarEvent) and event.anchor is None and event.tag is None:
            key = event.value if event.style else resolve(event.value)
            if self._number_keys and type(key) is int:
                return str(event.value)
            if isinstance(key, str) and (event.style or key != "<<"):
                return str(key)
            found = "a merge key" if key == "<<" else found
        self.mistakes.append(Mistake(path, found, "a plain name", _mark(event.start_mark)))
        self._skip(event, events)
        return None

    def _skip(self, event: Any, events: Iterator[Any]) -> None:
        """Past a whole node, still counting what it holds."""
        depth = 0
        while True:
            self._count(event, depth)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth == 0:
                return
            event = next(events)


def resolve(text: str) -> str | int | bool | None:
    """What a scalar without quotes means: the small part of YAML on which versions 1.1 and 1.2 agree, else text."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    return int(text) if _INTEGER.fullmatch(text) else Plain(text)
