"""The file that `--web.config.file` names, as Prometheus's exporter toolkit has it; every mistake is told at once."""

from __future__ import annotations

import difflib
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from exporter.config import door
from exporter.config import web_file_leaves as leaves
from exporter.config.files import UnreadableError, read_file
from exporter.config.messages import ConfigError, KeyPath, Mistake, describe, escaped, problems, spelled
from exporter.config.web_values import ClientAuth, RateLimit, Tls, WebConfig

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from exporter.config.door import Document
    from exporter.model import Secret

Leaf = Callable[[object], Any]  # the value, or None as if the key were not there; raises UnfitError


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping of known keys. `unknown` says of another key what the toolkit says, by the key."""

    keys: Mapping[str, Section | Several | Users | Leaf]
    unknown: Callable[[str], str] = lambda _key: "an unknown key"


@dataclass(frozen=True, slots=True)
class Several:
    """A list of values of one kind."""

    leaf: Leaf


@dataclass(frozen=True, slots=True)
class Users:
    """A mapping of user names, which may be any, to hashes."""


TLS: Final = "tls_server_config"
HTTP: Final = "http_server_config"
USERS: Final = "basic_auth_users"
RATE: Final = "rate_limit"
_HEADERS: Final = (
    leaves.Header("Content-Security-Policy"),
    leaves.Header("X-Frame-Options", ("deny", "sameorigin")),
    leaves.Header("X-Content-Type-Options", ("nosniff",)),
    leaves.Header("X-XSS-Protection"),
    leaves.Header("Strict-Transport-Security"),
)
FILE: Final = Section(
    {
        TLS: Section(
            {
                "cert_file": leaves.read_path,
                "cert": leaves.read_pem,
                "key_file": leaves.read_path,
                "key": leaves.read_pem,
                "client_auth_type": leaves.read_client_auth,
                "client_ca_file": leaves.read_path,
                "client_ca": leaves.read_pem,
                "client_allowed_sans": Several(leaves.read_san),
                "min_version": leaves.read_version,
                "max_version": leaves.read_version,
                "cipher_suites": Several(leaves.read_cipher),
                "prefer_server_cipher_suites": leaves.read_boolean,
                "curve_preferences": Several(leaves.read_curve),
            }
        ),
        HTTP: Section(
            {
                "http2": leaves.read_boolean,
                "headers": Section(
                    {header.name: header for header in _HEADERS},
                    unknown=lambda key: f'HTTP header "{spelled((key,))}" can not be configured',
                ),
            }
        ),
        USERS: Users(),
        RATE: Section({"interval": leaves.read_interval, "burst": leaves.read_burst}),
    }
)
_SWITCHES: Final = ("cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type")
_OLDEST: Final = ssl.TLSVersion.TLSv1_2
_NEWEST: Final = ssl.TLSVersion.TLSv1_3


def load_web(path: Path) -> WebConfig:
    """The web configuration in a file. Raises ConfigError, also for a file that cannot be read."""
    return parse_web(_content(path), name=str(path), directory=path.parent)


def parse_web(content: bytes | str, *, name: str, directory: Path) -> WebConfig:
    """The web configuration in a text; relative paths in it start at `directory`. Raises ConfigError.

    The files that it names are not read.
    """
    document = door.read(content, number_keys=True)  # a user may be named so
    if document.mistakes == door.read("").mistakes:  # refused for nothing but being empty, which this file may be
        return WebConfig()
    given, wrong = _checked(document)
    if wrong:
        raise ConfigError(problems(wrong, name=name, marks=document.marks))
    return _built(given, directory.absolute())


def _content(path: Path) -> bytes:
    try:
        return read_file(path, most=door.LARGEST_FILE, is_regular=True)
    except UnreadableError as error:
        raise ConfigError((f"{escaped(str(path))}: found {error}, expected a web configuration file",)) from None


def _checked(document: Document) -> tuple[dict[str, Any], list[Mistake]]:
    """Each section's good values, and all that is wrong."""
    reader = _Reader(document)
    given = {} if document.data is None else reader.read((), document.data, FILE)
    return given, [*reader.mistakes, *_between_keys(given, reader.spoilt)]


class _Reader:
    """From plain data to values; collects mistakes, and the places where a value was meant and could not be read."""

    def __init__(self, document: Document) -> None:
        self.mistakes = list(document.mistakes)
        self.spoilt: set[KeyPath] = set(document.refused)

    def read(self, path: KeyPath, value: object, kind: Section | Several | Users | Leaf) -> Any:
        """The value, or None where there is none or a mistake."""
        if path in self.spoilt:
            return None
        if isinstance(kind, Section):
            return self._section(path, value, kind)
        if isinstance(kind, Several):
            return self._several(path, value, kind.leaf)
        if isinstance(kind, Users):
            return self._users(path, value)
        try:
            return kind(value)
        except leaves.UnfitError as error:
            self._refuse(path, error.found or describe(value, path), error.expected)
            return None

    def _section(self, path: KeyPath, value: object, section: Section) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for key, item in self._mapping(path, value, f"a mapping of {', '.join(section.keys)}").items():
            if key not in section.keys:
                self._unknown((*path, key), section)
            elif item is not None:
                given[key] = self.read((*path, key), item, section.keys[key])
        return {key: item for key, item in given.items() if item is not None}

    def _several(self, path: KeyPath, value: object, leaf: Leaf) -> tuple[Any, ...] | None:
        if not isinstance(value, tuple):
            self._refuse(path, describe(value, path), "a list")
            return None
        return tuple(self.read((*path, index), item, leaf) for index, item in enumerate(value))

    def _users(self, path: KeyPath, value: object) -> dict[str, Secret]:
        entries = self._mapping(path, value, "a mapping of user names to bcrypt hashes")
        for name in entries:
            self.read((*path, name), name, leaves.read_user)
        return {name: self.read((*path, name), entry, leaves.read_hash) for name, entry in entries.items()}

    def _mapping(self, path: KeyPath, value: object, expected: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._refuse(path, describe(value, path), expected)
            return {}
        return value

    def _unknown(self, path: KeyPath, section: Section) -> None:
        key = str(path[-1])
        near = difflib.get_close_matches(key, section.keys, n=1, cutoff=0.7)
        known = f'a known one: did you mean "{near[0]}"?' if near else f"one of {', '.join(section.keys)}"
        self._refuse(path, section.unknown(key), known)
        self.spoilt.update((*path[:-1], meant) for meant in near)

    def _refuse(self, path: KeyPath, found: str, expected: str) -> None:
        self.mistakes.append(Mistake(path, found, expected))
        self.spoilt.add(path)


def _between_keys(given: Mapping[str, Any], spoilt: set[KeyPath]) -> Iterator[Mistake]:
    """What involves several keys; a key whose value is refused counts as given."""
    tls = given.get(TLS, {})
    meant = {*tls, *(str(path[1]) for path in spoilt if path[:1] == (TLS,) and len(path) > 1)}
    if not meant.isdisjoint(_SWITCHES):
        yield from _no_pair(meant)
    if (TLS, "client_auth_type") not in spoilt:
        yield from _clients(tls, meant)
    yield from _versions(tls, spoilt)
    yield from _rate(given.get(RATE, {}), spoilt)


def _no_pair(meant: set[str]) -> Iterator[Mistake]:
    for key, words in (("cert", "the server's certificate"), ("key", "the certificate's private key")):
        if key not in meant and f"{key}_file" not in meant:
            yield Mistake((TLS,), f"missing one of {key} or {key}_file", words)


def _clients(tls: Mapping[str, Any], meant: set[str]) -> Iterator[Mistake]:
    policy = tls.get("client_auth_type", ClientAuth.NONE)
    authorities = [key for key in ("client_ca_file", "client_ca") if key in meant]
    if authorities and policy is ClientAuth.NONE:
        yield Mistake(
            (TLS, authorities[0]),
            "client CA's have been configured without a Client Auth Policy",
            f"client_auth_type: {ClientAuth.REQUIRED}",
        )
    if not authorities and policy is not ClientAuth.NONE:
        found = f"{policy} without client_ca or client_ca_file"
        yield Mistake((TLS, "client_auth_type"), found, "the authority that clients' certificates are verified against")
    if "client_allowed_sans" in meant and policy is not ClientAuth.REQUIRED:
        found = (
            "client_allowed_sans requires client_auth_type to be one of "
            "RequireAnyClientCert or RequireAndVerifyClientCert"
        )
        yield Mistake((TLS, "client_allowed_sans"), found, f"client_auth_type: {ClientAuth.REQUIRED}")
    if tls.get("client_allowed_sans") == ():
        yield Mistake((TLS, "client_allowed_sans"), "an empty list", "at least one name, as no client could match")


def _versions(tls: Mapping[str, Any], spoilt: set[KeyPath]) -> Iterator[Mistake]:
    if not spoilt.isdisjoint({(TLS, "min_version"), (TLS, "max_version")}):
        return
    least, most = tls.get("min_version", _OLDEST), tls.get("max_version", _NEWEST)
    ciphers = tls.get("cipher_suites", ())
    if least > most:
        place = "min_version" if "min_version" in tls else "max_version"
        found = f"{_version(least)} as the oldest and {_version(most)} as the newest version"
        yield Mistake((TLS, place), found, "a min_version that is not above max_version")
    if least < _NEWEST and ciphers and set(ciphers) == {""}:
        found = f"suites of TLS 1.3 only, with min_version {_version(least)}"
        yield Mistake((TLS, "cipher_suites"), found, "min_version: TLS13, or a suite of TLS 1.2")


def _version(version: ssl.TLSVersion) -> str:
    return next(name for name, one in leaves.VERSIONS.items() if one is version)


def _rate(rate: Mapping[str, Any], spoilt: set[KeyPath]) -> Iterator[Mistake]:
    if rate.get("interval") and "burst" not in rate and (RATE, "burst") not in spoilt:
        yield Mistake((RATE,), "an interval without burst", "burst, as with none every request is refused")


def _built(given: Mapping[str, Any], directory: Path) -> WebConfig:
    http = given.get(HTTP, {})
    return WebConfig(
        tls=_tls(given.get(TLS, {}), directory),
        http2=http.get("http2", True),
        headers=http.get("headers", {}),
        users=given.get(USERS, {}),
        rate_limit=_rate_limit(**given.get(RATE, {})),
    )


def _rate_limit(*, interval: timedelta | None = None, burst: int = 0) -> RateLimit | None:
    return RateLimit(interval=interval, burst=burst) if interval else None


def _tls(given: Mapping[str, Any], directory: Path) -> Tls | None:
    """None where nothing switches it on: versions alone do not."""

    def source(key: str) -> Any:
        file = given.get(f"{key}_file")
        return directory / file if file else given.get(key)

    if given.keys().isdisjoint(_SWITCHES):
        return None
    return Tls(
        cert=source("cert"),
        key=source("key"),
        min_version=given.get("min_version", _OLDEST),
        max_version=given.get("max_version", _NEWEST),
        client_ca=source("client_ca"),
        client_auth=given.get("client_auth_type", ClientAuth.NONE),
        client_allowed_sans=given.get("client_allowed_sans", ()),
        ciphers=tuple(filter(None, given.get("cipher_suites", ()))),
        prefer_server_ciphers=given.get("prefer_server_cipher_suites", True),
        curves=given.get("curve_preferences", ()),
    )
