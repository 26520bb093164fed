"""Log lines as people grep and machines parse them."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from exporter import logs
from exporter.model import Secret
from log_lines import set_back, written

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
HIDDEN = "key-in-the-text"


def told(form: str, **facts: Any) -> str:
    """The one line that an event with these facts becomes, without its time."""
    with written(form=form) as lines:
        structlog.get_logger().info("Polled", **facts)
    assert 1 == len(lines.getvalue().splitlines())
    return re.sub(f'^(time=|{{"time": "){TIME}"?,? ', "", lines.getvalue()).removesuffix("\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("/etc/config.yaml", "/etc/config.yaml"),
        ("naïve日本", "naïve日本"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "so"', r'"say \"so\""'),
        ("back\\slash", r'"back\\slash"'),
        ("first\nlevel=info", r'"first\nlevel=info"'),
        ("a\rb\tc", r'"a\rb\tc"'),
        ("\x1b[31m\x00\x7f", r'"\u001b[31m\u0000\u007f"'),
        ("\x85\u2028\u2029\x9b", r'"\u0085\u2028\u2029\u009b"'),
        ("\u202eevil", r'"\u202eevil"'),
        ("\ud800", r'"\ud800"'),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (0.125, "0.125"),
        ([1, "a"], "\"[1, 'a']\""),
        (datetime(2024, 1, 1, tzinfo=UTC), '"2024-01-01 00:00:00+00:00"'),
        (Secret(HIDDEN), "<secret>"),
        (ValueError(HIDDEN), "ValueError"),
    ],
)
def test_logfmt_values(value: Any, text: str) -> None:
    """A value is bare where that is unambiguous, else quoted, on one line, with nothing a terminal would obey."""
    assert f"level=info msg=Polled fact={text}" == told("logfmt", fact=value)


@given(st.text(st.characters(), max_size=30))
def test_any_text_can_be_read_back(text: str) -> None:
    """Both forms carry any text whole, on one printable line."""
    logfmt = told("logfmt", fact=text)
    assert logfmt.isprintable()
    value = logfmt.partition(" fact=")[2]
    assert text == (json.loads(value) if value.startswith('"') else value)
    as_json = told("json", fact=text)
    assert as_json.isprintable()
    assert text == json.loads("{" + as_json)["fact"]


def test_json_keeps_types() -> None:
    """Numbers and truth stay what they are; what JSON does not know becomes its text."""
    line = told("json", tasks=3, seconds=0.5, up=True, key=Secret(HIDDEN), error=ValueError(HIDDEN))
    expected = '"level": "info", "msg": "Polled", "tasks": 3, "seconds": 0.5, "up": true, "key": "<secret>", '
    assert expected + '"error": "ValueError", "at": ""}' == line


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_first_keys(form: str) -> None:
    """Time, level and msg come first, also with a bound context; facts that are None are left out."""
    with written(form=form) as lines:
        structlog.get_logger().bind(account="main").info("Polled", tasks=3, reason=None)
    start = rf"time={TIME} level=info msg=Polled account=main tasks=3\n"
    if form == "json":
        start = rf'{{"time": "{TIME}", "level": "info", "msg": "Polled", "account": "main", "tasks": 3}}\n'
    assert re.fullmatch(start, lines.getvalue())


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_source(form: str) -> None:
    """Between level and msg stands the file and line that says it, as Prometheus has it."""
    stream = io.StringIO()
    with set_back():
        logs.configure(stream=stream, form=form)
        structlog.get_logger().info("Polled")
    here = r"source=test_logs\.py:\d+" if form == "logfmt" else r'"source": "test_logs\.py:\d+",'
    msg = "msg=Polled" if form == "logfmt" else '"msg": "Polled"'
    assert re.search(f'info"?,? {here} {msg}', stream.getvalue())


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warn", "error", "error"]),
        ("info", ["info", "warn", "error", "error"]),
        ("warn", ["warn", "error", "error"]),
        ("error", ["error", "error"]),
    ],
)
def test_levels(level: str, expected: list[str]) -> None:
    """The level and what is more severe is told, by the names the flag has."""
    with written(level=level) as lines:
        log = structlog.get_logger()
        for method in (log.debug, log.info, log.warning, log.error, log.critical):
            method("Polled")
    assert expected == re.findall(r" level=(\w+) ", lines.getvalue())


def fail() -> None:
    raise ValueError(HIDDEN)


@pytest.mark.parametrize("style", ["error", "exc_info", "exception", "tuple"])
def test_exceptions(style: str) -> None:
    """An exception is told by class and place, in whatever way it is handed over; its text never."""
    with written(level="debug") as lines:
        try:
            fail()
        except ValueError as error:
            given_as = {
                "error": {"error": error},
                "exc_info": {"exc_info": True},
                "exception": {"exc_info": error},
                "tuple": {"exc_info": (ValueError, error, error.__traceback__)},
            }
            structlog.get_logger().error("Internal error", **given_as[style])
    assert re.search(r'level=error msg="Internal error" error=ValueError at=fail:\d+\n$', lines.getvalue())


def test_libraries_are_routed() -> None:
    """A library's warning becomes one line of ours, by its first line alone; its chatter does not."""
    with written() as lines:
        log = logging.getLogger("a.library")
        log.info("Started server process")
        log.warning("Invalid %s received.\nTraceback: %s", "HTTP request", HIDDEN)
        log.log(35, "odd level")
        log.warning("%d", "no number")
        try:
            fail()
        except ValueError:
            log.exception("Exception in ASGI application\n")
    assert [
        'level=warn source=a.library msg="Invalid HTTP request received."',
        'level=warn source=a.library msg="odd level"',
        "level=warn source=a.library msg=%d",
        'level=error source=a.library msg="Exception in ASGI application" error=ValueError at=fail',
    ] == [line.partition(" ")[2].partition(":")[0] for line in lines.getvalue().splitlines()]


@pytest.mark.parametrize("name", ["httpx", "httpcore", "httpcore.http11", "httpcore.connection", "asyncio"])
def test_lines_with_urls_are_silenced(name: str) -> None:
    """What the HTTP client and asyncio log themselves is never shown, at whatever level."""
    with written(level="debug") as lines:
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
            logging.getLogger(name).log(level, "GET https://api.example/?access_key=%s", HIDDEN)
    assert "" == lines.getvalue()


def test_python_warnings_are_routed() -> None:
    """A warning of Python's becomes one line of ours instead of two of its own."""
    with written() as lines, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("no longer\nlike this", DeprecationWarning, stacklevel=1)
    assert 1 == len(lines.getvalue().splitlines())
    assert re.search(r'level=warn source=py.warnings msg=".*DeprecationWarning: no longer"\n', lines.getvalue())


class Full(io.StringIO):
    """A stream on a full disk."""

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [Full(), closed()], ids=["full", "closed"])
def test_a_broken_stream_is_survived(stream: io.StringIO) -> None:
    """That a line cannot be written is nobody's error but the line's."""
    with set_back():
        logs.configure(stream=stream)
        structlog.get_logger().error("Polled")
        logging.getLogger("uvicorn.error").error("Polled")
