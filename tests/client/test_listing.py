"""Lists as they come in, piece by piece; the fields of a task: test_parse.py."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.wires import SAMPLES, TASK_ID, list_of
from exporter.client import Selection
from exporter.client.listing import ListReader, read_list
from exporter.model import PollError, Reason, Task, TaskList
from repeated import AMPLE, Repeated, repeated

KIB = 1024


def fed(*pieces: bytes, selection: Selection | None = None) -> TaskList:
    """What a reader makes of these pieces."""
    reader = ListReader(selection)
    for piece in pieces:
        reader.feed(piece)
    return reader.finish()


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


def refusal(*pieces: bytes) -> PollError:
    with pytest.raises(PollError) as caught:
        fed(*pieces)
    return caught.value


def test_published_list() -> None:
    """A list keeps its order."""
    answer = read_list((SAMPLES / "list-tasks.json").read_bytes())
    assert ["5678133109850112", TASK_ID] == [task.id for task in answer.tasks]
    assert ["Test CRON", "task screenshot"] == [task.name for task in answer.tasks]


@pytest.mark.parametrize(
    ("body", "tasks"), [(b'{"tasks": []}', 0), (b'{"tasks": [null, {"id": {}}, {"task_id": 1}]}', None)]
)
def test_a_list_of_nothing_readable_is_no_empty_account(body: bytes, tasks: int | None) -> None:
    """An empty list is a fact; one in which no element can be read is an answer in another shape."""
    if tasks is None:
        with pytest.raises(PollError) as caught:
            read_list(body)
        assert Reason.BAD_SHAPE is caught.value.reason
    else:
        assert tasks == len(read_list(body).tasks)


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b'{"tasks": null}', b'{"tasks": {}}', b'{"tasks": "x"}', b"3"])
def test_no_list(body: bytes) -> None:
    """What is no object with an array of tasks is no list: above all not an empty one."""
    with pytest.raises(PollError) as caught:
        read_list(body)
    assert Reason.BAD_SHAPE is caught.value.reason


def test_empty_list() -> None:
    """An account without tasks has an empty list."""
    assert TaskList(()) == read_list(b'{"tasks": []}')


def test_bad_elements_spoil_only_themselves() -> None:
    """Elements that are no tasks are counted, and the others live."""
    bad: list[Any] = [None, 1, "x", [], {}, {"id": None}, {"id": -1}, {"id": 1.0}, {"id": True}]
    answer = read_list(list_of(*bad, {"id": 7}, {"id": 8, "runs": "x"}))
    assert TaskList((Task(id="7"), Task(id="8", bad_fields=frozenset({"runs"}))), unreadable=9) == answer


def test_first_of_one_id_wins() -> None:
    """One id never gives two tasks, in whatever form it is written."""
    answer = read_list(list_of({"id": 7, "runs": 1}, {"id": "7", "runs": 2}, {"id": 8}, {"id": "07"}))
    assert TaskList((Task(id="7", runs=1), Task(id="8"))) == answer


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.BAD_JSON),
        (b" \n", Reason.BAD_JSON),
        (b"<html>", Reason.BAD_JSON),
        (b'{"tasks": [{"id": 1}]', Reason.BAD_JSON),
        (b'{"tasks": [{"id": 1}', Reason.BAD_JSON),
        (b'{"tasks": [{"id": 1},]}', Reason.BAD_JSON),
        (b'{"tasks": [,{"id": 1}]}', Reason.BAD_JSON),
        (b'{"tasks": [{"id": 1} {"id": 2}]}', Reason.BAD_JSON),
        (b'{"tasks": [{"id": 1}],}', Reason.BAD_JSON),
        (b'{"tasks" [{"id": 1}]}', Reason.BAD_JSON),
        (b'{tasks: [{"id": 1}]}', Reason.BAD_JSON),
        (b'{"tasks": [{"id": 1}]} x', Reason.BAD_JSON),
        (b'{"tasks": [{"id": 1}]}{', Reason.BAD_JSON),
        (b'{"tasks": [{"id": 1}]}\xff', Reason.BAD_JSON),
        (b'{"tasks": [{"id": 1}]}\xc3', Reason.BAD_JSON),
        (b'{"a": ' + b"[" * 200_000, Reason.BAD_JSON),
        (b'{"tasks": [{"id": 1}], "tasks": 7}', Reason.BAD_SHAPE),
        (b'{"other": [{"id": 1}]}', Reason.BAD_SHAPE),
    ],
)
def test_nothing_but_a_whole_list_is_one(body: bytes, reason: Reason) -> None:
    """However it is cut on its way; a list that was good up to its broken end is none."""
    assert [reason] * 3 == [refusal(*cut(body, size)).reason for size in (1 + len(body) // 7, 40_000, len(body) + 1)]


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"tasks": [{"id": 1}]}',
        b' {\t"a": {"tasks": [3]}, "tasks":\r\n[ {"id": 1} ] , "b": [{}], "c": 1e400} \n',
        b'{"tasks": 7, "tasks": [{"id": 2}], "tasks": [{"id": 1}]}',
        b'{"tasks": [{"id": 2, "id": 1}]}',
    ],
)
def test_unusual_but_good(body: bytes) -> None:
    """A byte order mark, blanks, unknown members; of duplicate keys the last wins."""
    assert TaskList((Task(id="1"),)) == read_list(body)


MEMBERS = ("id", "name", "crontab", "enabled", "last_run", "runs")
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters())),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.sampled_from(["tasks", *MEMBERS]), inner)),
    max_leaves=20,
)
TASKS = st.lists(
    st.one_of(st.dictionaries(st.sampled_from(MEMBERS), VALUES), st.builds(lambda n: {"id": n}, st.integers(0)))
)
LISTS = st.builds(lambda tasks, more: {"more": more, "tasks": tasks}, TASKS, VALUES)


@settings(max_examples=150, deadline=None)
@given(st.one_of(VALUES, LISTS), st.integers(1, 50), st.booleans())
def test_any_json_in_any_pieces(value: object, size: int, plain: bool) -> None:
    """The pieces make no difference, and what the standard parser finds is what is found."""
    body = json.dumps(value, ensure_ascii=plain).encode(errors="replace")
    pieces = [piece + b" " * 2000 if piece.endswith((b",", b"[")) else piece for piece in cut(body, size)]
    elements = value.get("tasks") if isinstance(value, dict) else None
    try:
        answer = fed(*pieces)
    except PollError as error:
        assert Reason.BAD_SHAPE is error.reason
        readable = isinstance(elements, list) and (not elements or any(has_id(each) for each in elements))
        assert not readable
    else:
        repr(answer).encode()
        assert isinstance(elements, list)
        assert len({task.id for task in answer.tasks}) == len(answer.tasks)
        assert sum(not has_id(element) for element in elements) == answer.unreadable


def test_a_list_of_rubbish_is_given_up() -> None:
    """So many elements that are no tasks say that this is another kind of list, and each costs time."""
    bad = [0] * 10_000
    assert TaskList((Task(id="1"),), unreadable=10_000) == read_list(list_of({"id": 1}, *bad))
    error = refusal(list_of({"id": 1}, *bad, 0))
    assert (Reason.BAD_SHAPE, "more than 10000 elements have no usable id") == (error.reason, error.detail)


def has_id(element: object) -> bool:
    """Whether the element is a task; an id is 1 to 20 digits."""
    found = element.get("id") if isinstance(element, dict) else None
    whole = isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 10**20
    return whole or (isinstance(found, str) and found.isascii() and found.isdigit() and len(found) <= 20)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(), st.text(st.sampled_from('{}[]",:0123456789eE.-+ntrufalse \\dtasks')).map(str.encode)),
    st.integers(1, 30),
)
def test_any_bytes(body: bytes, size: int) -> None:
    """Any bytes are a list or a PollError, never another exception."""
    with suppress(PollError):
        fed(*cut(body, size))


@pytest.mark.parametrize(
    ("selection", "kept", "dropped"),
    [
        (Selection(), "5 30 4 21 100", 0),
        (Selection(most=5), "5 30 4 21 100", 0),
        (Selection(most=3), "5 4 21", 2),
        (Selection(wanted=lambda task_id: task_id != "4", most=2), "5 21", 2),
        (Selection(wanted=lambda task_id: False), "", 0),
        (Selection(own=lambda task_id: int(task_id) % 2 == 0, most=3), "4", 2),
        (Selection(own=lambda task_id: int(task_id) % 2 == 1, most=3), "5 21", 0),
    ],
)
def test_selection(selection: Selection, kept: str, dropped: int) -> None:
    """Of too many the lowest ids stay, in the list's order; parts are made of what stays, so they add up to it."""
    body = list_of(*({"id": number} for number in (5, 30, 4, 21, 5, 100)))
    answer = fed(body, selection=selection)
    assert (kept.split(), dropped) == ([task.id for task in answer.tasks], answer.dropped)


def test_a_list_of_which_nothing_is_wanted_is_an_empty_one() -> None:
    """That no task is selected is no fault of the list, even where some elements cannot be read."""
    answer = fed(list_of({"id": 1}, None), selection=Selection(wanted=lambda task_id: False))
    assert TaskList((), unreadable=1) == answer


@pytest.mark.parametrize("piece", [100, 16 * KIB, 3 * KIB * KIB])
def test_a_long_element_is_read_and_a_longer_one_refused(piece: int) -> None:
    """An element may be as long as a Get Task answer; where one is longer nothing is known of the rest."""
    query = {"id": 1, "query": {"html": "x" * (KIB * KIB - 100)}}
    assert ["1", "2"] == [task.id for task in fed(*cut(list_of(query, {"id": 2}), piece)).tasks]
    query["query"] = {"html": "x" * (2 * KIB * KIB)}
    error = refusal(*cut(list_of({"id": 2}, query), piece))
    assert (Reason.BAD_SHAPE, "a member or an element is longer than 1048576 characters") == (
        error.reason,
        error.detail,
    )


@pytest.mark.parametrize(
    "element",
    [
        b"[],",
        b'{"id":1},',
        b"0,",
        b'{"id": 17, "name": "' + b"x" * 200 + b'"},',
        b"      ",
        b'{"query": {"a": [1, 2, 3]}},',
    ],
)
def test_a_large_list_takes_no_memory_of_its_size(element: bytes) -> None:
    """No more is held than what is kept and the newest piece, whatever the rest is made of."""
    pieces = [b'{"tasks": [{"id": 1},', *cut(element * (KIB * KIB // len(element)), 16 * KIB), b'{"id": 1}]}']
    tracemalloc.start()
    try:
        with suppress(PollError):
            fed(*pieces, selection=Selection(most=10))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 512 * KIB


@pytest.mark.parametrize("more", ['"tasks":[[', '"more":['], ids=["element", "member"])
@pytest.mark.parametrize("crowd", [b"[],", b'{"":0},', b"[[]],"])
def test_a_crowd_of_arrays_and_objects_is_refused(more: str, crowd: bytes) -> None:
    """Of more than 10,000 in one element or member no more are built, however they come in."""
    tracemalloc.start()
    try:
        error = refusal(*cut(b"{" + more.encode() + crowd * (KIB * KIB // len(crowd)), 16 * KIB))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert Reason.BAD_SHAPE is error.reason
    assert most < 5 * KIB * KIB


def test_many_small_elements_behind_a_long_one_are_no_crowd() -> None:
    """What counts is one element, not all that is at hand."""
    long = b'{"id":1,"query":"' + b"x" * 270 * KIB + b'"}'
    elements = b",".join([long, *(b'{"id":%d}' % number for number in range(2, 20_002))])
    assert 20_001 == len(fed(*cut(b'{"tasks":[' + elements + b"]}", 16 * KIB)).tasks)


LIST = [*'{}[]",:0-.e \n', '{"id": 1}, ', '{"tasks": [', '"a": [', '"tasks": ', "null,", "\\ud800", "9" * 50, "\ufeff"]


@settings(max_examples=15, deadline=AMPLE)
@given(repeated(LIST))
def test_a_large_list_is_read_in_time(body: Repeated) -> None:
    """However it is made: in proportion to its length, and so with many a turn for others."""
    with suppress(PollError):
        fed(*cut(body.text(2 * KIB * KIB).encode(), 16 * KIB))
