from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.wires import SAMPLES, TASK, TASK_ID
from exporter.client.parse import decode, find_id, parse_task
from exporter.model import PollError, Reason, Task
from repeated import AMPLE, Repeated, repeated

MONTHLY = Task(
    id=TASK_ID,
    name="task screenshot",
    api="screenshot",
    frequency="every_month",
    crontab="34 9 28 * *",
    timezone="Etc/UTC",
    enabled=True,
    created_at=datetime(2024, 4, 28, 9, 29, 26, tzinfo=UTC),
    last_run_at=datetime(2025, 4, 28, 9, 29, 26, tzinfo=UTC),
    runs=12,
)
DAILY = Task(
    id="5678133109850112",
    name="Test CRON",
    api="screenshot",
    frequency="every_day",
    crontab="25 13 * * *",
    timezone="Etc/UTC",
    enabled=True,
    created_at=datetime(2025, 5, 14, 13, 25, 4, tzinfo=UTC),
    last_run_at=datetime(2025, 5, 30, 13, 25, 16, tzinfo=UTC),
    runs=18,
)


def read(body: bytes, expected_id: str | None = TASK_ID) -> Task:
    return parse_task(decode(body), expected_id=expected_id)


def with_member(name: str, value: str) -> bytes:
    """The published sample with one member's value replaced by this JSON text."""
    members = {**json.loads(TASK), name: "@"}
    return json.dumps(members).replace('"@"', value).encode()


def test_published_task() -> None:
    """The page's own task is read field by field, and nothing is bad."""
    assert MONTHLY == read(TASK)


MOST = 10_000  # arrays and objects in one value


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("[" + "[]," * (MOST - 3) + "0]", None),
        ("[" + "[]," * (MOST - 1) + "0]", Reason.BAD_SHAPE),
        ("[" + '{"a":0},' * (MOST - 1) + "0]", Reason.BAD_SHAPE),
        ("[" + "[[]]," * (MOST // 2) + "0]", Reason.BAD_SHAPE),
        ('"' + "[{" * MOST + '"', None),
        ('"' + r"\\" + '", "b": "' + r"\"[" * 2 * MOST + '"', None),
        ("[" * 2 * MOST + "]" * 2 * MOST, Reason.BAD_JSON),
        ("0}" + "[" * 2 * MOST, Reason.BAD_JSON),
        ('"' + "[" * 2 * MOST, Reason.BAD_JSON),
    ],
    ids=["as many as may be", "arrays", "objects", "nested", "in a string", "escaped", "deep", "behind", "unended"],
)
def test_a_crowd_of_arrays_and_objects_is_refused(more: str, reason: Reason | None) -> None:
    """Each takes up to thirty times its text: of more than a task can need none is built. In a string they are text."""
    body = f'{{"id": {TASK_ID}, "more": {more}}}'.encode()
    if reason is None:
        assert TASK_ID == read(body).id
    else:
        with pytest.raises(PollError) as caught:
            read(body)
        assert reason is caught.value.reason


def test_published_steps() -> None:
    """The task published at two times ran twice between them."""
    before, after = (read((SAMPLES / f"daily-task-{step}.json").read_bytes(), DAILY.id) for step in (1, 2))
    assert DAILY == after
    assert (datetime(2025, 5, 28, 13, 25, 12, tzinfo=UTC), 16) == (before.last_run_at, before.runs)


def test_query_is_not_kept() -> None:
    """What a task asks for may hold secrets: none of it passes the door."""
    assert "marked" not in repr(read(with_member("query", '"cookies=marked"')))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xef\xbb\xbf" + TASK, id="byte order mark"),
        pytest.param(TASK.replace(b"{", b'{"runs": 99,', 1), id="duplicate key: the last wins"),
        pytest.param(TASK.replace(b"{", b'{"more": {"a": [1, null]},', 1), id="unknown field"),
        pytest.param(TASK.replace(b"{", b'{"more": %s,' % (b"9" * 100_000), 1), id="unknown endless number"),
        pytest.param(TASK.replace(b"5650820808835072", b'"05650820808835072"'), id="id as text"),
    ],
)
def test_harmless_oddities(body: bytes) -> None:
    """An odd but readable answer tells what the plain one tells."""
    assert MONTHLY == read(body)


@pytest.mark.parametrize(
    ("body", "reason", "detail"),
    [
        pytest.param(b"", Reason.BAD_JSON, "the body is not JSON", id="nothing"),
        pytest.param(b"<html>login</html>", Reason.BAD_JSON, "the body is not JSON", id="captive portal"),
        pytest.param(TASK[:-10], Reason.BAD_JSON, "the body is not JSON", id="truncated"),
        pytest.param(TASK + b"{}", Reason.BAD_JSON, "the body is not JSON", id="extra bytes"),
        pytest.param(b"\xef\xbb\xbf\xef\xbb\xbf{}", Reason.BAD_JSON, "the body is not JSON", id="two marks"),
        pytest.param(TASK.decode().encode("utf-16"), Reason.BAD_JSON, "the body is not UTF-8", id="UTF-16"),
        pytest.param('{"name": "ü"}'.encode("latin-1"), Reason.BAD_JSON, "the body is not UTF-8", id="Latin-1"),
        pytest.param(b"\xed\xa0\x80", Reason.BAD_JSON, "the body is not UTF-8", id="surrogate in UTF-8"),
        pytest.param(b"[" * 200_000, Reason.BAD_JSON, "the JSON is nested too deeply", id="nested arrays"),
        pytest.param(b'{"id":' * 200_000, Reason.BAD_JSON, "the JSON is nested too deeply", id="nested objects"),
        pytest.param(b"null", Reason.BAD_SHAPE, "expected a task object, found null", id="null"),
        pytest.param(b"[]", Reason.BAD_SHAPE, "expected a task object, found an array", id="array"),
        pytest.param(b'"x"', Reason.BAD_SHAPE, "expected a task object, found a string", id="string"),
        pytest.param(b"true", Reason.BAD_SHAPE, "expected a task object, found a boolean", id="boolean"),
        pytest.param(b"1", Reason.BAD_SHAPE, "expected a task object, found a number", id="number"),
        pytest.param(b"9" * 100_000, Reason.BAD_SHAPE, "expected a task object, found a number", id="long number"),
        pytest.param(b"1e400", Reason.BAD_SHAPE, "expected a task object, found a number", id="1e400"),
        pytest.param(b"NaN", Reason.BAD_SHAPE, "expected a task object, found a number", id="NaN"),
        pytest.param(b"{}", Reason.BAD_SHAPE, "the task object has no usable id", id="empty object"),
        pytest.param(
            (SAMPLES / "error-404.json").read_bytes(), Reason.BAD_SHAPE, "the task object has no usable id", id="error"
        ),
        pytest.param(
            (SAMPLES / "daily-task-1.json").read_bytes(), Reason.WRONG_ID, "the answer is another task's", id="mixed up"
        ),
        pytest.param(
            with_member("id", "5650820808835073"), Reason.WRONG_ID, "the answer is another task's", id="next id"
        ),
    ],
)
def test_no_task(body: bytes, reason: Reason, detail: str) -> None:
    """A hostile answer gives no task at all, and a fixed sentence that quotes nothing of it."""
    with pytest.raises(PollError) as caught:
        read(body)
    assert (reason, detail) == (caught.value.reason, caught.value.detail)


@pytest.mark.parametrize(
    ("text", "task_id"),
    [
        ("1", "1"),
        ("0", "0"),
        ("9007199254740993", "9007199254740993"),
        ("9223372036854775807", "9223372036854775807"),
        ("99999999999999999999", "99999999999999999999"),
        ('"9007199254740993"', "9007199254740993"),
        ('"0012"', "12"),
        *[(text, None) for text in ("100000000000000000000", "-1", "1.0", "1e3", "true", "null", "[1]", "{}", "NaN")],
        *[
            (text, None)
            for text in ('""', '"1 "', '"+1"', '"1_0"', '"\u0661"', '"\u00b2"', '"0x1"', '"1\\n"', "9" * 5000)
        ],
    ],
)
def test_ids(text: str, task_id: str | None) -> None:
    """An id is exact beyond 2^53; what is no whole decimal number of 1 to 20 digits is none."""
    assert task_id == find_id(decode(with_member("id", text)))


def test_expected_id_is_compared_as_a_number() -> None:
    """Leading zeros in the configured id name the same task."""
    assert TASK_ID == read(TASK, f"000{TASK_ID}").id


NEVER = [("last_run", text, "last_run_at", None) for text in ("null", "0", "0.0", "-0")]
SECONDS = [
    ("last_run", "1745832566.0", "last_run_at", MONTHLY.last_run_at),
    ("last_run", "1", "last_run_at", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
    ("last_run", "100000000000", "last_run_at", datetime(5138, 11, 16, 9, 46, 40, tzinfo=UTC)),
    ("created", "null", "created_at", None),
    ("created", "0", "created_at", None),
    ("created", "1.714296566e9", "created_at", MONTHLY.created_at),
    ("runs", "null", "runs", None),
    ("runs", "0", "runs", 0),
    ("runs", "9007199254740993", "runs", 9007199254740993),
    ("runs", "9223372036854775808", "runs", 2**63),
    ("enabled", "false", "enabled", False),
    ("name", '""', "name", ""),
    ("name", '"' + "x" * 1_000_000 + '"', "name", "x" * 200),
    ("name", r'"\ud800\n<b>\u202e"', "name", "\ufffd <b>\ufffd"),
    ("api", '"teleport"', "api", "teleport"),
    ("frequency", '"' + "y" * 65 + '"', "frequency", "y" * 64),
    ("crontab", '"@reboot"', "crontab", "@reboot"),
    ("crontab", r'"0\t9 * * *\n* \ud800"', "crontab", "0 9 * * *\ufffd* \ufffd"),
    ("crontab", '"' + "1" * 300 + '"', "crontab", "1" * 257),
    ("timezone", r'"Europe/Berlin\n"', "timezone", "Europe/Berlin\ufffd"),
    ("timezone", '"' + "Z" * 5000 + '"', "timezone", "Z" * 128),
]


@pytest.mark.parametrize(("name", "text", "attribute", "value"), NEVER + SECONDS)
def test_usable_values(name: str, text: str, attribute: str, value: object) -> None:
    """A legal if unusual value is read, and no field is bad."""
    task = read(with_member(name, text))
    assert (value, frozenset(), False) == (getattr(task, attribute), task.bad_fields, task.implausible)


BAD_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e400", "9" * 400, "9" * 100_000, "true", "false", '"1"', "[]", "1.5")
BAD_TEXTS = ("null", "1", "true", "[]", "{}", "NaN")
BAD = [
    *[("last_run", text, "last_run_at", None) for text in BAD_NUMBERS],
    *[("created", text, "created_at", None) for text in (*BAD_NUMBERS, "-1", "100000000001", "1e300")],
    *[("runs", text, "runs", None) for text in (*BAD_NUMBERS, "-1", "9223372036854775809", "1e300")],
    *[("enabled", text, "enabled", None) for text in ("null", "0", "1", '"true"', '"false"', "1.0", "[]")],
    *[(name, text, name, "") for name in ("name", "api", "frequency") for text in BAD_TEXTS],
    *[(name, text, name, None) for name in ("crontab", "timezone") for text in (*BAD_TEXTS, '["UTC"]')],
]


@pytest.mark.parametrize(("name", "text", "attribute", "value"), BAD)
def test_bad_values(name: str, text: str, attribute: str, value: object) -> None:
    """A bad field spoils itself and is named; every other field is as it would be without it."""
    expected = {field: getattr(MONTHLY, field) for field in MONTHLY.__slots__}
    expected |= {attribute: value, "bad_fields": frozenset({name})}
    assert Task(**expected) == read(with_member(name, text))


@pytest.mark.parametrize("text", ["-1", "-1.0", "100000000001", "1745832566000", "1e300", "9" * 40])
def test_implausible_last_run(text: str) -> None:
    """A last run in milliseconds or below zero is no instant, and said to be implausible, not bad."""
    task = read(with_member("last_run", text))
    assert (None, True, frozenset()) == (task.last_run_at, task.implausible, task.bad_fields)


def test_absent_fields() -> None:
    """No field but the id is required: what is absent is not bad."""
    assert Task(id="7") == read(b'{"id": 7}', None)


MEMBERS = ("id", "name", "api", "frequency", "crontab", "timezone", "enabled", "created", "last_run", "runs")
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters())),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.sampled_from(MEMBERS), inner)),
    max_leaves=20,
)
TASKS = st.dictionaries(st.sampled_from(MEMBERS), VALUES)


@settings(max_examples=100, deadline=None)
@given(st.one_of(VALUES, TASKS))
def test_any_json(value: object) -> None:
    """Any JSON is a task with clean text or a PollError, never another exception."""
    with suppress(PollError):
        repr(parse_task(decode(json.dumps(value).encode()), expected_id=None)).encode()


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(), st.text(st.sampled_from('{}[]",:0123456789eE.-+ntrufalse \\d')).map(str.encode)))
def test_any_bytes(body: bytes) -> None:
    """Any bytes are a JSON value or a PollError, never another exception."""
    with suppress(PollError):
        decode(body)


JSON = [*'{}[]",:0-.eE\\ \n', '{"a":', '{"id": 1, "name": "', '"b": 1, ', "[[", "null,", "\\ud800", "\ufeff", "9" * 50]


@settings(max_examples=25, deadline=AMPLE)
@given(repeated(JSON))
def test_a_body_of_the_largest_size_is_read_in_time(body: Repeated) -> None:
    """However it is made, what is let in is a task or a PollError before long."""
    with suppress(PollError):
        parse_task(decode(body.text(1024 * 1024).encode()), expected_id=None)
