"""The web config file as it is now: read again whenever it changes, so that users, headers and TLS need no restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from exporter.config import ClientAuth, ConfigError, WebConfig, load_web
from exporter.web.looks import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Signature = tuple[int, ...] | None

_Lifted = Callable[[WebConfig, WebConfig], bool]
_Keep = Callable[[WebConfig, WebConfig], WebConfig]
_log = structlog.get_logger()
_FIXED: Mapping[str, Callable[[WebConfig], object]] = {  # what the server is built with
    "tls_server_config, on or off": lambda config: config.tls is not None,
    "rate_limit": lambda config: config.rate_limit,
}


_STRICTNESS = (ClientAuth.NONE, ClientAuth.IF_GIVEN, ClientAuth.REQUIRED)


def _asks_less(before: WebConfig, config: WebConfig) -> bool:
    """Whether clients that were turned away would be let in by their certificates, or by having none."""
    if before.tls is None or config.tls is None:
        return False
    weaker = _STRICTNESS.index(config.tls.client_auth) < _STRICTNESS.index(before.tls.client_auth)
    return weaker or bool(before.tls.client_allowed_sans and not config.tls.client_allowed_sans)


def _keep_demands(before: WebConfig, config: WebConfig) -> WebConfig:
    """Certificate, versions and the rest follow the file all the same."""
    assert before.tls is not None  # noqa: S101 - what asks less than another has both
    assert config.tls is not None  # noqa: S101
    demands = {name: getattr(before.tls, name) for name in ("client_auth", "client_ca", "client_allowed_sans")}
    return replace(config, tls=replace(config.tls, **demands))


def _keep_users(before: WebConfig, config: WebConfig) -> WebConfig:
    return replace(config, users=before.users)


_PROTECTIONS: tuple[tuple[str, _Lifted, _Keep], ...] = (
    ("basic_auth_users, to none", lambda before, config: bool(before.users) and not config.users, _keep_users),
    ("client certificates, to fewer demands", _asks_less, _keep_demands),
)


def signature(path: Path) -> Signature:
    """What becomes another when the file does, through symbolic links; None where there is nothing to be found."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


class WebFile:
    """A web config file that is looked at for each request and each TLS handshake.

    A fault that comes while the exporter runs is logged once; that of a start is its caller's to tell. Whoever must not
    wait for a disk looks in `executor`, which has one thread; `seconds` is a clock that only goes on.
    """

    def __init__(self, path: Path, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.seconds = seconds
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="web-file")
        self._config: WebConfig | None = None
        self._read_as: Signature = None
        self._first: WebConfig | None = None
        self._failure, self._problems = Failure(seconds), tuple[str, ...]()
        self._fault = ""
        self._told: set[str] = set()

    def current(self) -> WebConfig:
        """What the file says now. Raises ConfigError for as long as it is invalid."""
        found = signature(self.path)
        if self._config is None or found != self._read_as:
            # The signature is older than what is read: a change in between is seen next time.
            self._config, self._read_as = self._read_unless_known(found), found
        return self._config

    def _read_unless_known(self, found: Signature) -> WebConfig:
        if self._failure.is_recent(found):
            raise ConfigError(self._problems)
        try:
            return self._read()
        except ConfigError as error:
            self._problems = error.problems
            self._failure.note(found)
            raise

    def _read(self) -> WebConfig:
        try:
            config = load_web(self.path)
        except ConfigError as error:
            self._tell_fault("; ".join(error.problems))
            raise
        if self._fault:
            _log.info("The web config file is valid again", file=str(self.path))
        self._fault, self._first = "", self._first or config
        self._tell_fixed(self._first, config)
        return config if self._config is None else self._guarded(self._config, config)

    def _guarded(self, before: WebConfig, config: WebConfig) -> WebConfig:
        """No protection is lifted while we run: a file that is half written is valid, and has not said all yet."""
        for name, lifted, keep in _PROTECTIONS:
            if lifted(before, config):
                config = keep(before, config)
                self._tell_once(name)
        return config

    def _tell_fault(self, fault: str) -> None:
        if self._first is not None and fault != self._fault:
            _log.error("The web config file is invalid; every request but for /-/healthy is refused", err=fault)
            self._fault = fault

    def _tell_fixed(self, first: WebConfig, config: WebConfig) -> None:
        for name, part in _FIXED.items():
            if part(first) != part(config):
                self._tell_once(name)

    def _tell_once(self, name: str) -> None:
        if name not in self._told:
            _log.warning("This change of the web config file takes effect at the next start", changed=name)
            self._told.add(name)
