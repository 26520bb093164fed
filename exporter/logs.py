"""Log lines on stderr, logfmt or JSON, one event a line: keys time, level, msg, then the event's facts.

httpx and httpcore are silenced whatever the level: their lines hold URLs, and with `auth: query` the key.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING, TextIO

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
FORMATS = ("logfmt", "json")
_SILENCED = ("httpx", "httpcore", "hpack", "asyncio", "uvicorn.access")
_FIRST_KEYS = ("time", "level", "msg")


def configure(*, level: str = "info", form: str = "logfmt", stream: TextIO | None = None) -> None:
    """Set up logging for the process. `level` is a key of LEVELS, `form` one of FORMATS."""
    stream = stream or sys.stderr
    render: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.processors.LogfmtRenderer(key_order=_FIRST_KEYS, drop_missing=True)
    )
    shared: list[Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.add_log_level,
        structlog.processors.EventRenamer("msg"),
        _plain_values,
        _exception_class,
        render,
    ]
    structlog.configure(
        processors=shared,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: _Lines(stream),
        cache_logger_on_first_use=False,
    )
    _route_the_standard_library(LEVELS[level])


def _plain_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Logfmt writes keys without values for None and refuses nothing; leave empty facts out instead."""
    return {key: value for key, value in event.items() if value is not None}


def _exception_class(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """An exception's class and place are told, never its text: that may quote what upstream sent, or a URL."""
    error = event.pop("error", None)
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            event["at"] = f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}"
    elif error is not None:
        event["error"] = error
    return event


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
        text = record.getMessage().splitlines()
        structlog.get_logger().log(record.levelno, text[0] if text else "", source=record.name)


def _route_the_standard_library(level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [_ToStructlog()]
    root.setLevel(max(level, logging.WARNING))
    logging.raiseExceptions = False
    for name in _SILENCED:
        logging.getLogger(name).setLevel(logging.CRITICAL)
