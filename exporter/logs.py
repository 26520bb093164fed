"""Log lines on stderr, logfmt or JSON, one event a line: keys time, level, source, msg, then the event's facts.

httpx and httpcore are silenced whatever the level: their lines hold URLs, and with `auth: query` the key.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from typing import TYPE_CHECKING, TextIO

import structlog
from structlog.processors import CallsiteParameter as Place

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_SILENCED = ("httpx", "httpcore", "hpack", "asyncio", "uvicorn.access")
_SILENT = logging.CRITICAL + 1
_FIRST_KEYS = ("time", "level", "source", "msg")
_BARE = re.compile(r'[^\s"=\\]+')
_NO_KEY = re.compile(r"[^A-Za-z0-9_.-]")


def configure(*, level: str = "info", form: str = "logfmt", stream: TextIO | None = None) -> None:
    """Set up logging for the process. `level` is a key of LEVELS, `form` is logfmt or json."""
    lines = _Lines(stream or sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.CallsiteParameterAdder([Place.FILENAME, Place.LINENO], additional_ignores=[__name__]),
            _exception_class,
            _promised_keys,
            _as_json if form == "json" else _as_logfmt,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    _route_the_standard_library(LEVELS[level])


def _promised_keys(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Level names as the flag has them, the known keys first, facts that are None left out."""
    event["level"] = {"warning": "warn", "critical": "error", "exception": "error"}.get(method, method)
    event["msg"] = event.pop("event")
    place = f"{event.pop(Place.FILENAME.value)}:{event.pop(Place.LINENO.value)}"
    event.setdefault("source", place)
    first = {key: event.pop(key) for key in _FIRST_KEYS}
    return first | {key: value for key, value in event.items() if value is not None}


def _exception_class(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """An exception's class and place are told, never its text: that may quote what upstream sent, or a URL."""
    found = event.pop("exc_info", None)
    if found:
        caught = found[1] if isinstance(found, tuple) else found
        event["error"] = caught if isinstance(caught, BaseException) else sys.exception()
    error = event.get("error")
    if isinstance(error, BaseException):
        event["at"] = _place(error)
    return {key: type(value).__name__ if isinstance(value, BaseException) else value for key, value in event.items()}


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


class _Lines:
    """Where lines go. A closed or full stderr must never stop the polling."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = exception = msg


class _ToStructlog(logging.Handler):
    """What libraries log becomes one of our lines, without traceback: tracebacks may quote what they should not."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            first_line = record.getMessage().partition("\n")[0]
        except Exception:  # noqa: BLE001 - a library's mistake in its own log line, which it may not even know of
            first_line = str(record.msg).partition("\n")[0]
        error = record.exc_info[1] if record.exc_info else None
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.ERROR)
        structlog.get_logger().log(level, first_line, source=record.name, error=error)


def _route_the_standard_library(level: int) -> None:
    """Also what the `warnings` module has to say, which would else take two lines of its own form."""
    root = logging.getLogger()
    root.handlers[:] = [_ToStructlog()]
    root.setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
    for name in _SILENCED:
        logging.getLogger(name).setLevel(_SILENT)
