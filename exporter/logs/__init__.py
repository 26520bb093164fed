"""Log lines on stderr, logfmt or JSON, one event a line: keys time, level, source, msg, then the event's facts.

httpx and httpcore are silenced whatever the level: their lines hold URLs, and with `auth: query` the key.
Whoever says it and however it is written, a secret that is in use is cut out of every line.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from base64 import b64encode
from itertools import starmap
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

import structlog
from structlog.processors import CallsiteParameter as Place

from exporter.logs.lines import lines_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.typing import EventDict, WrappedLogger

    from exporter.logs.lines import Lines
    from exporter.model import Secret

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_SILENCED = ("httpx", "httpcore", "hpack", "asyncio", "uvicorn.access")
_SILENT = logging.CRITICAL + 1
_FLUSH_SECONDS = 0.5
_FIRST_KEYS = ("time", "level", "source", "msg")
_BARE = re.compile(r'[^\s"=\\]+')
_NO_KEY = re.compile(r"[^A-Za-z0-9_.-]")
_MOST_SECRETS = 256  # a configuration has a hundred accounts, each with a key and perhaps a proxy's password
_SHORTEST_SECRET = 6  # characters; what is shorter stands in innocent words, too
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]")  # what is written alike everywhere
_WITH_BACKSLASHES = re.compile(r"(\\*)([^\\]|\Z)", re.DOTALL)
_BASE64 = {"+": r"(?:[+-]|%2[Bb])", "/": r"(?:[/_]|%2[Ff])"}


class Secrets:
    """What no line may show: the newest secrets that were in use."""

    def __init__(self) -> None:
        # Both are replaced, never changed: other threads may be reading.
        self._noted: dict[Secret, re.Pattern[str]] = {}  # the newest last
        self._longest_first: list[re.Pattern[str]] = []  # one may be a part of another

    def note(self, secret: Secret) -> None:
        """Hide it from now on: in clear, and as URLs, JSON, repr and Base64 have it. One below 6 characters is not."""
        if len(secret.reveal()) < _SHORTEST_SECRET:
            return
        noted = self._noted.copy()
        known = noted.pop(secret, None)
        noted[secret] = known if known is not None else _pattern(secret.reveal())
        if len(noted) > _MOST_SECRETS:
            del noted[next(iter(noted))]
        self._noted = noted
        if known is None:
            longest_first = sorted(noted, key=lambda each: len(each.reveal()), reverse=True)
            self._longest_first = [noted[each] for each in longest_first]

    def redact(self, text: str) -> str:
        for pattern in self._longest_first:
            text = pattern.sub("<secret>", text)
        return text

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Every fact of a line, just before it is written: what is quoted afterwards can be read as before."""
        return {key: self._redacted(value) for key, value in event.items()}

    def _redacted(self, value: object) -> object:
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, (list, tuple)):
            return [self._redacted(each) for each in value]
        return self.redact(str(value))


def _pattern(text: str) -> re.Pattern[str]:
    in_words = "".join(starmap(_written, _WITH_BACKSLASHES.findall(text)))
    return re.compile("|".join([in_words, *_in_base64(text.encode(errors="replace"))]))


def _written(backslashes: str, character: str) -> str:
    """A pattern of one character, or of the end, and the backslashes before it, of which each quoting makes more."""
    before = rf"(?:\\|%5[Cc]){{{len(backslashes)},}}"
    if not character or _PLAIN.fullmatch(character):
        return (before if backslashes else "") + re.escape(character)
    return rf"{before}(?:{re.escape(character)}|(?i:{quote(character, safe='', errors='replace')}))"


def _in_base64(content: bytes) -> Iterator[str]:
    """Patterns of it amid other text, such as a user's name, for each way that it may lie across groups of three."""
    for before in range(3):
        text = b64encode(bytes(before) + content).decode()
        own = text[(0, 2, 3)[before] : (before + len(content)) * 8 // 6]  # what neither neighbour has a bit in
        yield "".join(_BASE64.get(each, each) for each in own)


def configure(*, level: str = "info", form: str = "logfmt", stream: TextIO | None = None) -> Secrets:
    """Set up logging for the process. `level` is a key of LEVELS, `form` is logfmt or json.

    What is noted in the result is hidden from then on.
    """
    lines, secrets = lines_to(stream or sys.stderr), Secrets()
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.CallsiteParameterAdder([Place.FILENAME, Place.LINENO], additional_ignores=[__name__]),
            _exception_class,
            _promised_keys,
            secrets,
            _as_json if form == "json" else _as_logfmt,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    _route_the_standard_library(LEVELS[level], lines)
    return secrets


def finish() -> None:
    """Wait for what is still to be written, but not for long: before an end that waits for no thread."""
    logging.shutdown()


def _promised_keys(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Level names as the flag has them, the known keys first, facts that are None left out."""
    event["level"] = {"warning": "warn", "critical": "error", "exception": "error"}.get(method, method)
    event["msg"] = event.pop("event")
    place = f"{event.pop(Place.FILENAME.value)}:{event.pop(Place.LINENO.value)}"
    event.setdefault("source", place)
    first = {key: event.pop(key) for key in _FIRST_KEYS}
    return first | {key: value for key, value in event.items() if value is not None}


def _exception_class(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """An exception's class and place are told, never its text: that may quote what upstream sent, or a URL.

    Of the system's errors also which it is, where the words are the system's own.
    """
    found = event.pop("exc_info", None)
    if found:
        caught = found[1] if isinstance(found, tuple) else found
        event["error"] = caught if isinstance(caught, BaseException) else sys.exception()
    error = event.get("error")
    if isinstance(error, BaseException):
        event["strerror"] = _of_the_system(error)
        event["at"] = _place(error)
    return {key: type(value).__name__ if isinstance(value, BaseException) else value for key, value in event.items()}


def _of_the_system(error: BaseException) -> str | None:
    if isinstance(error, OSError) and error.errno and error.strerror == os.strerror(error.errno):
        return error.strerror
    return None


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}"


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return _escaped(json.dumps(event, ensure_ascii=False, default=str))


def _as_logfmt(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return " ".join(f"{_NO_KEY.sub('_', key)}={_logfmt_value(value)}" for key, value in event.items())


def _logfmt_value(value: object) -> str:
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if _BARE.fullmatch(text) and text.isprintable():
        return text
    return _escaped(json.dumps(text, ensure_ascii=False))


def _escaped(text: str) -> str:
    """JSON text without the characters that JSON lets through and a line or a terminal would not bear."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


class _ToStructlog(logging.Handler):
    """What libraries log becomes one of our lines, without traceback: tracebacks may quote what they should not."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def flush(self) -> None:
        """Python's logging asks for it at the interpreter's end."""
        self._lines.flush(_FLUSH_SECONDS)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            first_line = record.getMessage().partition("\n")[0]
        except Exception:  # noqa: BLE001 - a library's mistake in its own log line, which it may not even know of
            first_line = str(record.msg).partition("\n")[0]
        error = record.exc_info[1] if record.exc_info else None
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.ERROR)
        structlog.get_logger().log(level, first_line, source=record.name, error=error)


def _route_the_standard_library(level: int, lines: Lines) -> None:
    """Also what the `warnings` module has to say, which would else take two lines of its own form."""
    root = logging.getLogger()
    root.handlers[:] = [_ToStructlog(lines)]
    root.setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
    for name in _SILENCED:
        logging.getLogger(name).setLevel(_SILENT)
