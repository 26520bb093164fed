"""Reads a List Tasks answer as it comes in: of the JSON no more is in memory than one element and the newest piece."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from typing import TYPE_CHECKING

from exporter.client.parse import check_crowd, find_id, integer, kind, may_be_crowded, not_json, parse_task
from exporter.model import PollError, Reason, Task, TaskList

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    _Steps = Generator[None, None, None]

_PIECE = 16 * 1024  # characters that are awaited before the next look
_LARGEST_VALUE = 1024 * 1024  # characters of an element, as many as a Get Task answer may have bytes
_MOST_UNREADABLE = 10_000
_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(parse_int=integer)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of the listed tasks are kept: of those that are `wanted` the `most` lowest ids, and of these the `own`.

    So a list in another order, and every shard, watches the same tasks. Both are asked with an id's decimal text.
    """

    wanted: Callable[[str], bool] = lambda _: True
    own: Callable[[str], bool] = lambda _: True
    most: int = 2**63


@dataclass(slots=True)
class _Kept:
    """What has been kept of an array so far; of two elements with one id the first wins."""

    selection: Selection
    tasks: dict[str, Task] = field(default_factory=dict)
    dropped: int = 0
    unreadable: int = 0
    readable: bool = False
    ids: set[str] = field(default_factory=set)
    highest: list[int] = field(default_factory=list)  # a heap of the ids, negated

    def take(self, element: object) -> None:
        task_id = find_id(element)
        if task_id is None:
            self.unreadable += 1
            if self.unreadable > _MOST_UNREADABLE:
                raise PollError(Reason.BAD_SHAPE, f"more than {_MOST_UNREADABLE} elements have no usable id")
            return
        self.readable = True
        if self.selection.wanted(task_id) and task_id not in self.ids and self._fits(task_id):
            self.ids.add(task_id)
            if self.selection.own(task_id):
                self.tasks[task_id] = parse_task(element, expected_id=None)

    def _fits(self, task_id: str) -> bool:
        """Whether the id is among the lowest so far; the one that has to leave for it is dropped."""
        if len(self.highest) < self.selection.most:
            heappush(self.highest, -int(task_id))
            return True
        leaving = str(-heappushpop(self.highest, -int(task_id)))
        self.dropped += self.selection.own(leaving)
        self.ids.discard(leaving)
        self.tasks.pop(leaving, None)
        return leaving != task_id


class ListReader:
    """Takes the bytes of `{"tasks": [...]}` in strict UTF-8; a byte order mark is tolerated, other members are ignored.

    Of duplicate keys the last wins. Raises PollError(BAD_JSON) and PollError(BAD_SHAPE) as soon as it can be known.
    """

    def __init__(self, selection: Selection | None = None) -> None:
        self._selection = selection or Selection()
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at = "", 0
        self._fresh: list[str] = []  # what has come since the last look
        self._fresh_size = 0
        self._ended = False
        self._may_be_crowded = False  # what has come, taken as a whole
        self._kept: _Kept | None = None
        self._steps = self._document()

    def feed(self, piece: bytes) -> None:
        self._decode(piece, final=False)
        # As much again as is there already: a long element is not begun over and over.
        if self._fresh_size >= max(_PIECE, len(self._text) - self._at):
            self._look()

    def finish(self) -> TaskList:
        """The tasks, once all has been fed."""
        self._decode(b"", final=True)
        self._ended = True
        self._look()
        kept = self._kept
        if kept is None:
            raise PollError(Reason.BAD_SHAPE, 'expected an object whose "tasks" is an array')
        if kept.unreadable and not kept.readable:
            raise PollError(Reason.BAD_SHAPE, "no element of the list has a usable id")
        return TaskList(tasks=tuple(kept.tasks.values()), unreadable=kept.unreadable, dropped=kept.dropped)

    def _decode(self, piece: bytes, *, final: bool) -> None:
        try:
            text = self._decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            raise not_json(error) from None
        self._fresh.append(text)
        self._fresh_size += len(text)

    def _look(self) -> None:
        """Go on from where the text ended."""
        self._text = "".join((self._text[self._at :], *self._fresh))
        self._at, self._fresh_size = 0, 0
        self._fresh.clear()
        self._may_be_crowded = may_be_crowded(self._text)
        try:
            next(self._steps, None)
        except (ValueError, RecursionError) as error:
            raise not_json(error) from None

    # Each of the steps below yields where the text ends before it does.

    def _document(self) -> _Steps:
        if (yield from self._next()) != "{":
            found = kind((yield from self._value()))
            raise PollError(Reason.BAD_SHAPE, f'expected an object whose "tasks" is an array, found {found}')
        yield from self._items("}", self._member)
        while True:
            self._skip_blanks()
            if self._at < len(self._text):
                raise ValueError("something behind the object")
            yield

    def _items(self, end: str, item: Callable[[], _Steps]) -> _Steps:
        """From the opening bracket to behind the closing one."""
        self._at += 1
        if (yield from self._next()) != end:
            yield from item()
            while (yield from self._next()) == ",":
                self._at += 1
                yield from item()
            self._expect(end)
        self._at += 1

    def _member(self) -> _Steps:
        yield from self._next()
        self._expect('"')
        key = yield from self._value()
        yield from self._next()
        self._expect(":")
        self._at += 1
        opening = yield from self._next()
        if key != "tasks":
            yield from self._value()
        elif opening == "[":
            self._kept = _Kept(self._selection)
            yield from self._items("]", self._element)
        else:
            self._kept = None
            yield from self._value()

    def _element(self) -> _Steps:
        yield from self._next()
        element = yield from self._value()
        assert self._kept is not None  # noqa: S101 - an array makes it
        self._kept.take(element)

    def _next(self) -> Generator[None, None, str]:
        """The next character that is no blank; it stays where it is."""
        while True:
            self._skip_blanks()
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                raise ValueError("the text ends early")
            yield

    def _value(self) -> Generator[None, None, object]:
        """The JSON value that begins here. One that touches the end may go on, as a number does."""
        while True:
            if self._may_be_crowded and self._text[self._at] in "[{":
                check_crowd(self._text, self._at)
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except ValueError:
                if self._ended:
                    raise
                end = len(self._text)
            if end - self._at > _LARGEST_VALUE:
                raise PollError(Reason.BAD_SHAPE, f"a member or an element is longer than {_LARGEST_VALUE} characters")
            if end < len(self._text) or self._ended:
                self._at = end
                return value
            yield

    def _skip_blanks(self) -> None:
        blanks = _BLANKS.match(self._text, self._at)
        assert blanks is not None  # noqa: S101 - none at all match too
        self._at = blanks.end()

    def _expect(self, character: str) -> None:
        if self._text[self._at] != character:
            raise ValueError("another character was expected")


def read_list(body: bytes) -> TaskList:
    """All tasks of a List Tasks answer that is there as a whole. Raises PollError."""
    reader = ListReader()
    reader.feed(body)
    return reader.finish()
