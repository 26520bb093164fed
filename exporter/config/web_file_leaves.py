"""The single values of the web config file. Where Prometheus's toolkit has words for a refusal, they are its own."""

from __future__ import annotations

import difflib
import re
import ssl
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from exporter.config.door import Plain
from exporter.config.messages import describe, escaped
from exporter.config.web_values import ClientAuth
from exporter.model import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")

LEAST_COST: Final = 4
MOST_COST: Final = 16  # seconds for one comparison; each step doubles them, and a scrape gives up after ten
MOST_BURST: Final = 2**31 - 1

VERSIONS: Final = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
CIPHERS: Final = {  # Go's name -> OpenSSL's; those of TLS 1.3 have none, as neither Go nor Python lets them be chosen
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
CURVES: Final = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}

_UNVERIFIED: Final = frozenset({"RequestClientCert", "RequireAnyClientCert", "RequireClientCert"})
_POLICIES: Final = {str(policy): policy for policy in ClientAuth}
_WORDS: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "y": True,
    "false": False,
    "no": False,
    "off": False,
    "n": False,
}
_BOOLEANS: Final = {  # what the toolkit's YAML 1.1 takes for a boolean
    spelled: value for word, value in _WORDS.items() for spelled in (word, word.capitalize(), word.upper())
}
_SUITE_LIKE: Final = re.compile(r"TLS_[A-Z0-9_]{1,60}")
_HASH: Final = re.compile(r"\$2[abxy]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_HEADER_VALUE: Final = re.compile(r"[ -~]*")
_GO_PART: Final = re.compile(
    r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)"
)  # micro: Go takes both signs
_GO_DURATION: Final = re.compile(rf"\+?(0|({_GO_PART.pattern})+)")
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LONGEST: Final = 2**63 - 1  # Go counts nanoseconds in 64 bits
_LONGEST_TEXT: Final = 64


class UnfitError(Exception):
    """A value that its key does not accept. Without `found`, the value itself is described."""

    def __init__(self, expected: str, *, found: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.found = found


@dataclass(frozen=True, slots=True)
class Named(Generic[T]):
    """A name out of a table, for what the table has. `unknown` are the toolkit's words before any other name."""

    table: Mapping[str, T]
    unknown: str
    such_as: str = ""  # where all names would be too many to tell

    def __call__(self, value: object) -> T:
        name = _scalar(value)
        expected = self.such_as or f"one of {', '.join(self.table)}"
        if name is None:
            raise UnfitError(expected)
        if name not in self.table:
            raise UnfitError(expected + self._advice(name), found=f"{self.unknown}: {self._told(name)}")
        return self.table[name]

    def _told(self, name: str) -> str:
        return _told(name, [known for known in (*self.table, *map(str, self.table.values())) if known])

    def _advice(self, name: str) -> str:
        by_value = [known for known, value in self.table.items() if name and value == name]
        near = by_value or difflib.get_close_matches(name[:_LONGEST_TEXT], self.table, n=1, cutoff=0.9)
        return f': did you mean "{near[0]}"?' if near else ""


@dataclass(frozen=True, slots=True)
class Header:
    """The value of a header; with `values`, one of these. None when blank, which unsets it."""

    name: str
    values: tuple[str, ...] = ()

    def __call__(self, value: object) -> str | None:
        text = _scalar(value)
        if text is None:
            raise UnfitError("a text")
        text = text.strip()  # a folded text ends with its line
        if not _HEADER_VALUE.fullmatch(text):
            raise UnfitError("printable ASCII characters on one line", found="a text with others")
        if self.values and text not in self.values:
            raise UnfitError(" or ".join(self.values), found=self._invalid(text))
        return text or None

    def _invalid(self, text: str) -> str:
        allowed = " ".join(f'"{value}"' for value in self.values)
        return f'invalid value for {self.name}. Expected one of: [{allowed}], but got: "{_told(text, self.values)}"'


read_version: Final = Named(VERSIONS, "unknown TLS version")
read_cipher: Final = Named(CIPHERS, "unknown cipher", such_as="the name of a suite that Go calls secure")
read_curve: Final = Named(CURVES, "unknown curve")
_read_policy: Final = Named(_POLICIES, "invalid ClientAuth")


def read_client_auth(value: object) -> ClientAuth | None:
    if value == "":
        return None
    if isinstance(value, str) and value in _UNVERIFIED:
        found = f"{value}, which takes certificates without verifying them"
        raise UnfitError("RequireAndVerifyClientCert (a certificate that is asked for is verified here)", found=found)
    return _read_policy(value)


def read_path(value: object) -> str | None:
    """The path of a file as it stands; None when empty, as if the key were not there."""
    if not isinstance(value, str) or not value.isprintable():
        raise UnfitError("the path of a file, without control characters")
    return value or None


def read_pem(value: object) -> Secret | None:
    """None when empty, as if the key were not there."""
    if not isinstance(value, str):
        raise UnfitError("a text in PEM form")
    return Secret(value) if value else None


def read_san(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise UnfitError("a DNS name, an e-mail address, an IP address or a URI")
    return value


def read_boolean(value: object) -> bool:
    """As YAML 1.1 has it: true, yes, on, y and their opposites, without quotes."""
    if isinstance(value, bool):
        return value
    word = value if isinstance(value, str) and value in _BOOLEANS else None
    if word is None or not isinstance(word, Plain):
        raise UnfitError("true or false" + (", without quotes" if word else ""))
    return _BOOLEANS[word]


def read_user(value: object) -> str:
    """A user name; a client sends it with the password behind a colon."""
    name = str(value)
    if ":" in name or not name.isprintable():
        raise UnfitError("printable characters without a colon", found="a user name that cannot be sent")
    return name


def read_hash(value: object) -> Secret:
    """A bcrypt hash, by its shape; nothing of it, nor of a password in its place, comes into the message."""
    shape = _HASH.fullmatch(value) if isinstance(value, str) else None
    if not shape:
        raise UnfitError("one such as htpasswd -nBC 10 makes", found="no bcrypt hash")
    if not LEAST_COST <= int(shape["cost"]) <= MOST_COST:
        raise UnfitError(
            f"a cost between {LEAST_COST} and {MOST_COST}", found=f"a bcrypt hash of cost {int(shape['cost'])}"
        )
    return Secret(shape[0])


def read_interval(value: object) -> timedelta:
    """Go's duration text, or a bare number of nanoseconds; what is left below a microsecond counts as a whole one."""
    try:
        if type(value) is int:
            return _whole_microseconds(value)
        return parse_go_duration(value if isinstance(value, str) else "")
    except ValueError:
        raise UnfitError("a duration such as 1s, 500ms or 1m30s, or 0 for no limit") from None


def parse_go_duration(text: str) -> timedelta:
    """The span of `time.ParseDuration`, rounded up to microseconds. Raises ValueError for anything else or negative."""
    if len(text) > _LONGEST_TEXT or not _GO_DURATION.fullmatch(text):
        raise ValueError("not a duration")
    return _whole_microseconds(sum(_nanoseconds(number, unit) for number, unit in _GO_PART.findall(text)))


def read_burst(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MOST_BURST:
        raise UnfitError(f"a whole number between 0 and {MOST_BURST}")
    return value


def _nanoseconds(number: str, unit: str) -> int:
    """Whole ones, as Go cuts them off."""
    whole, _, fraction = number.partition(".")
    size = _NANOSECONDS[unit]
    below: int = int(fraction or "0") * size // 10 ** len(fraction)
    return int(whole or "0") * size + below


def _whole_microseconds(nanoseconds: int) -> timedelta:
    if not 0 <= nanoseconds <= _LONGEST:
        raise ValueError("a duration out of range")
    return timedelta(microseconds=-(-nanoseconds // 1_000))


def _scalar(value: object) -> str | None:
    """The text of a scalar as it stands in the file; None for what is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int)) else None


def _told(name: str, known: Sequence[str]) -> str:
    """A wrong name, as far as it may be told: a secret in its place is not like a right one."""
    if _SUITE_LIKE.fullmatch(name) or difflib.get_close_matches(name[:_LONGEST_TEXT], known, n=1, cutoff=0.92):
        return escaped(name[:_LONGEST_TEXT])
    return describe(name, ("name",)).removeprefix("'").removesuffix("'")
