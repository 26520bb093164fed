"""Log lines as people grep and machines parse them."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import re
import ssl
import warnings
from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from exporter import logs
from exporter.model import Secret
from log_lines import set_back, written

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
HIDDEN = "key-in-the-text"
ODD = "Odd/key+=%&\"'\\?#~end"
KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=6, max_size=40)


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


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE), HIDDEN), 'OSError strerror="Too many open files" '),
        (ssl.SSLError(1, HIDDEN), "SSLError "),
        (OSError(HIDDEN), "OSError "),
        (OSError(errno.EMFILE, HIDDEN), "OSError "),
    ],
)
def test_errors_of_the_system(error: OSError, shown: str) -> None:
    """Which one it is, is told in the system's own words and in no others."""
    assert f'level=info msg=Polled error={shown}at=""' == told("logfmt", error=error)


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


@pytest.mark.parametrize("form", ["logfmt", "json"])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (ODD, "<secret>"),
        (f"GET /v1/tasks?access_key={quote(ODD, safe='')}&x=1", "GET /v1/tasks?access_key=<secret>&x=1"),
        (f"/{quote(ODD)}/", "/<secret>/"),
        (re.sub("%..", lambda found: found[0].lower(), quote(ODD, safe="")), "<secret>"),
        (repr({"X-Access-Key": ODD}), None),
        (repr(ODD.encode()), None),
        (json.dumps({"key": ODD}), '{"key": "<secret>"}'),
        (f"{ODD}, {ODD}", "<secret>, <secret>"),
        (ODD[:-1], ODD[:-1]),
        (ODD.lower(), ODD.lower()),
        ("short", "short"),
    ],
)
def test_a_secret_in_use_is_hidden(form: str, text: str, shown: str | None) -> None:
    """As it is and as it is quoted in URLs, JSON and Python, in a fact or in a library's words; what is not it stays."""
    stream = io.StringIO()
    with set_back():
        secrets = logs.configure(stream=stream, form=form)
        secrets.note(Secret(ODD))
        secrets.note(Secret("short"))
        structlog.get_logger().info("Polled", fact=text)
        logging.getLogger("later").warning("said %s", text)
    first, second = stream.getvalue().splitlines()
    fact, said = value_of(first, "fact", form), value_of(second, "msg", form).removeprefix("said ")
    assert fact == said
    if shown is None:
        assert "<secret>" in fact
        assert "Odd" not in fact
        assert "end" not in fact
    else:
        assert shown == fact


def test_secrets_are_hidden_in_lists() -> None:
    """What is in a list is hidden there, and the list stays one."""
    stream = io.StringIO()
    with set_back():
        logs.configure(stream=stream, form="json").note(Secret(ODD))
        structlog.get_logger().info("Polled", several=[1, ODD, (f"a {ODD}", True)])
    assert [1, "<secret>", ["a <secret>", True]] == json.loads(stream.getvalue())["several"]


def value_of(line: str, name: str, form: str) -> str:
    """One fact of a line, as whoever parses it reads it."""
    if form == "json":
        return str(json.loads(line)[name])
    value = line.partition(f" {name}=")[2]
    return str(json.JSONDecoder().raw_decode(value)[0]) if value.startswith('"') else value.partition(" ")[0]


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("before", ["", "u", "me", "user:"])
@pytest.mark.parametrize("after", ["", "!", ":password"])
@pytest.mark.parametrize("secret", ["password~~~???>>>", "secret"])
def test_a_secret_in_base64_is_hidden(encode: Any, before: str, after: str, secret: str) -> None:
    """Wherever it stands in what is encoded, as in a proxy's Authorization: at most bits of its edges are left."""
    secrets = logs.Secrets()
    secrets.note(Secret(secret))
    whole = encode(f"{before}{secret}{after}".encode()).decode()
    left = secrets.redact(f"Basic {whole}").removeprefix("Basic ")
    start, _, end = left.partition("<secret>")
    assert left != whole
    assert len(start) <= (len(before) * 8 + 7) // 6 + 1
    assert len(end.rstrip("=")) <= (len(after) * 8 + 7) // 6 + 1


@given(KEYS, st.text(max_size=9), st.text(max_size=9))
@example(key="000000", before="\x10", after="")
@example(key="nabcde", before="\\", after="\nabcde")
@example(key="abcdef\\", before="", after='"')
def test_a_line_without_its_secret_can_be_read(key: str, before: str, after: str) -> None:
    """Whatever the key is made of, and whatever stands round it, what is left of a line is one, without the key."""
    for form in ("logfmt", "json"):
        stream = io.StringIO()
        with set_back():
            logs.configure(stream=stream, form=form).note(Secret(key))
            structlog.get_logger().info("Polled", source="", fact=f"{before}{key}{after}")
        (line,) = stream.getvalue().splitlines()
        fact = line.partition("fact=" if form == "logfmt" else '"fact": ')[2].removesuffix("}" * (form == "json"))
        shown = json.loads(fact) if fact.startswith('"') else fact
        assert "<secret>" in shown
        assert key not in shown.replace("<secret>", " ")


def test_of_two_secrets_no_rest_is_left() -> None:
    """One that begins like another is hidden whole, whichever came first."""
    for order in (("rotated", "rotated-in"), ("rotated-in", "rotated")):
        secrets = logs.Secrets()
        for text in order:
            secrets.note(Secret(text))
        assert "<secret> <secret>." == secrets.redact("rotated rotated-in.")


def test_the_newest_secrets_are_hidden() -> None:
    """Those of a hundred accounts and many that were rotated out; what is in use is never among those given up."""
    secrets = logs.Secrets()
    for number in range(1000):
        secrets.note(Secret("in-use"))
        secrets.note(Secret(f"key-number-{number:04}"))
        assert "<secret> <secret>" == secrets.redact(f"in-use key-number-{number:04}")
    hidden = ["<secret>" == secrets.redact(f"key-number-{number:04}") for number in range(1000)]
    assert [False] * 745 + [True] * 255 == hidden


def test_lines_cannot_be_forged() -> None:
    """What a library passes on of a peer's words starts no line and moves no cursor, in either form."""
    for form in ("logfmt", "json"):
        with written(form=form) as lines:
            logging.getLogger("later").warning("GET /\r\x1b[2Jtime=now level=error msg=forged\x85\u2028")
        (line,) = lines.getvalue().splitlines()
        assert line.isprintable()
        assert "warn" == value_of(line, "level", form)


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
