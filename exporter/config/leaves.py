"""The single values of the file: what each accepts, and the words for what it expects."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from pydantic_core import PydanticCustomError, core_schema

from exporter.config.door import Plain
from exporter.config.durations import DURATION_PATTERN, format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

UNEXPECTED: Final = "unexpected"  # the type of every error raised here; its context holds the words

_TASK_ID: Final = re.compile(r"[0-9]{1,20}")
_NUMBER_LIKE: Final = re.compile(r"[-+.]?[0-9].*")
_BASE_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:%-]*)*)"
)
_PROXY_URL: Final = re.compile(
    r"https?://(?:[!-.0-9;-?A-~:]*@)?(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?"
)


@dataclass(frozen=True, slots=True)
class Expecting:
    """Puts these words in place of whatever the wrapped type would say."""

    words: str
    bare: bool = False  # the value stands without quotes

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return _wrapped(handler(source), self.words, bare=self.bare)


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds, both included."""

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        inner = core_schema.int_schema(strict=True, ge=self.least, le=self.most)
        return _wrapped(inner, f"a whole number between {self.least} and {self.most}", bare=True)


@dataclass(frozen=True, slots=True)
class Within:
    """A duration within bounds, both included; with `auto`, that word too, which becomes None."""

    shortest: str
    longest: str
    auto: bool = False

    def read(self, value: object) -> timedelta | None:
        if self.auto and value == "auto":
            return None
        try:
            span = parse_duration(value if isinstance(value, str) else "0" if _is_zero(value) else "")
        except ValueError:
            raise self._refusal(value) from None
        if not parse_duration(self.shortest) <= span <= parse_duration(self.longest):
            raise self._refusal(value)
        return span

    def _refusal(self, value: object) -> PydanticCustomError:
        unit = f", with its unit{self._guess(value)}" if type(value) is int and value > 0 else ""
        auto = "auto or " if self.auto else ""
        return unexpected(f"{auto}a duration between {self.shortest} and {self.longest}{unit}")

    def _guess(self, seconds: int) -> str:
        """What may have been meant, where that would do."""
        shortest, longest = (parse_duration(each) // timedelta(seconds=1) for each in (self.shortest, self.longest))
        return f": {seconds}s?" if shortest <= seconds <= longest else ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(_write)
        return core_schema.no_info_plain_validator_function(self.read, serialization=written)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        duration: dict[str, Any] = {"type": "string", "minLength": 1, "pattern": DURATION_PATTERN}
        kinds = [{"const": "auto"}] * self.auto + [duration] + [{"const": 0}] * (self.shortest == "0s")
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}


@dataclass(frozen=True, slots=True)
class TaskId:
    """A task id, exact: a quoted text of digits, or a number in plain decimal."""

    def read(self, value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return str(value)
        if isinstance(value, str) and not isinstance(value, Plain) and _TASK_ID.fullmatch(value):
            return str(int(value))  # as upstream's ids are told: without leading zeros
        advice = isinstance(value, Plain) and _NUMBER_LIKE.fullmatch(value)
        raise unexpected("a task id of 1 to 20 decimal digits" + (", in quotes" if advice else ""))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": ["string", "integer"], "pattern": r"^[0-9]{1,20}$", "minimum": 0}


@dataclass(frozen=True, slots=True)
class Url:
    """A text that one of the readers below accepts."""

    read: Callable[[object], str]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": "^https?://"}


def read_base_url(value: object) -> str:
    """The address without trailing slashes."""
    words = "an address such as https://api.screenshotmax.com"
    if not isinstance(value, str):
        raise unexpected(words)
    if set(value) & set("@?#"):
        raise unexpected(f"{words}, without them", found="an address with a user, a query or a fragment")
    parts = _BASE_URL.fullmatch(value)
    if not parts or not _is_host(parts["host"]) or not _is_port(parts["port"]):
        raise unexpected(words)
    if parts["path"].rstrip("/").endswith("/v1"):
        raise unexpected("the address without /v1, which is added to it")
    return value.rstrip("/")


def read_proxy_url(value: object) -> str:
    parts = _PROXY_URL.fullmatch(value) if isinstance(value, str) else None
    if not parts or not _is_host(parts["host"]) or not _is_port(parts["port"]):
        raise unexpected("an address such as http://proxy.example:3128")
    return str(value)


def is_plain_http_abroad(base_url: str) -> bool:
    """Whether the address would carry the key in clear text beyond this machine."""
    parts = _BASE_URL.fullmatch(base_url)
    return parts is not None and parts["scheme"] == "http" and not _is_loopback(parts["host"].strip("[]"))


def unexpected(words: str, *, found: str = "") -> PydanticCustomError:
    return PydanticCustomError(UNEXPECTED, "expected {words}", {"words": words, "found": found})


def _wrapped(inner: core_schema.CoreSchema, words: str, *, bare: bool) -> core_schema.CoreSchema:
    def check(value: Any, handler: core_schema.ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            quoted = bare and isinstance(value, str) and not isinstance(value, Plain)
            raise unexpected(words + (", without quotes" if quoted else "")) from None

    return core_schema.no_info_wrap_validator_function(check, inner)


def _write(span: timedelta | None) -> str:
    return "auto" if span is None else format_duration(span)


def _is_zero(value: object) -> bool:
    return type(value) is int and value == 0


def _is_port(text: str | None) -> bool:
    return text is None or 1 <= int(text) <= 65_535


def _is_host(text: str) -> bool:
    if not text.startswith("["):
        return not text.startswith((".", "-"))
    try:
        ipaddress.IPv6Address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
