"""What a scraper gets: which format it asked for, and the families written in it."""

from __future__ import annotations

import importlib
import importlib.util
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from exporter.web.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client import Metric

# isal is an optional extra, several times faster; both modules know level 2.
_GZIP = importlib.import_module("isal.igzip" if importlib.util.find_spec("isal") else "gzip")
_QUALITY = re.compile(r"[01](\.[0-9]{0,3})?", re.ASCII)
_VERSION = re.compile(r"[1-9][0-9]{0,3}(\.[0-9]{1,4}){0,2}", re.ASCII)
# The schemes that leave our names, all plain, as they are; "dots" would not.
_ESCAPINGS = ("allow-utf-8", "underscores")


@dataclass(frozen=True, slots=True)
class Format:
    """An exposition format that we write, and its exact content type."""

    content_type: str
    openmetrics: bool = False

    @property
    def end(self) -> bytes:
        """What follows the last family."""
        return b"# EOF\n" if self.openmetrics else b""


TEXT = Format(CONTENT_TYPE_PLAIN_0_0_4)
OPENMETRICS = Format(openmetrics.CONTENT_TYPE_LATEST, openmetrics=True)


@dataclass(frozen=True, slots=True)
class Wish:
    """One element of an Accept or Accept-Encoding header: the thing, its parameters, and how much it is wanted."""

    name: str
    parameters: dict[str, str]
    quality: float


def parse_wishes(header: str) -> Iterator[Wish]:
    """The elements of an Accept-like header; one whose quality cannot be read is left out."""
    for element in header.split(","):
        name, *rest = (part.strip() for part in element.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip().lower(): value.strip() for key, _, value in pairs}
        quality = parameters.get("q", "1")
        if name and _QUALITY.fullmatch(quality):
            yield Wish(name.lower(), parameters, min(1.0, float(quality)))


def choose_format(accept: str) -> Format:
    """OpenMetrics 1.0.0 where it is asked for at least as much as text, else text 0.0.4; never an error.

    A version above 1 is answered with 1.0.0, one below 1 or that is no version with text.
    """
    wishes = list(parse_wishes(accept))
    plain = max((wish.quality for wish in wishes if wish.name in ("text/plain", "text/*", "*/*")), default=0.0)
    asked = [wish for wish in wishes if _asks_openmetrics(wish) and wish.quality >= plain]
    return _escaped(max(asked, key=lambda wish: wish.quality)) if asked else TEXT


def _asks_openmetrics(wish: Wish) -> bool:
    version = wish.parameters.get("version", "1.0.0")
    return wish.name == "application/openmetrics-text" and wish.quality > 0 and _VERSION.fullmatch(version) is not None


def _escaped(wish: Wish) -> Format:
    asked = wish.parameters.get("escaping")
    if asked is None:
        return OPENMETRICS
    scheme = asked if asked in _ESCAPINGS else "underscores"
    return Format(f"{OPENMETRICS.content_type}; escaping={scheme}", openmetrics=True)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip is welcome; an explicit `gzip;q=0` outweighs a `*`."""
    qualities = {wish.name: wish.quality for wish in parse_wishes(accept_encoding)}
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0))) > 0


def compress(body: bytes) -> bytes:
    """The body in gzip form, by isal where it is installed."""
    return bytes(_GZIP.compress(body, 2, mtime=0))


def encode(families: Iterable[Metric], form: Format) -> bytes:
    """The exposition of the families. Raises what a family raises that cannot be written."""
    held, lines = list(families), Lines(openmetrics=form.openmetrics)
    return b"".join(_write(family, lines, form) for family in held) + form.end


def encode_sound(families: Iterable[Metric], form: Format) -> bytes:
    """The exposition of those families that can be written."""
    return encode([family for family in families if _is_sound(family, form)], form)


def _write(family: Metric, lines: Lines, form: Format) -> bytes:
    try:
        return lines.write(family)
    except Exception:  # noqa: BLE001 - whatever it was, the client library writes it or says what is wrong
        return _write_by_library(family, form)


class _Alone:
    """One family, in the shape that the library's encoders ask for."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return (self._family,)


def _write_by_library(family: Metric, form: Format) -> bytes:
    write: Callable[[_Alone], bytes] = openmetrics.generate_latest if form.openmetrics else generate_latest
    return write(_Alone(family)).removesuffix(form.end)


def _is_sound(family: Metric, form: Format) -> bool:
    try:
        encode([family], form)
    except Exception:  # noqa: BLE001 - an encoder raises whatever a wrong value raises in it
        return False
    return True
