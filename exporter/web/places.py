"""Where the routes are: the paths of our own making, and the address that browsers know us by."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLAIN_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)+", re.ASCII)
_NAME = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_URL = re.compile(
    rf"https?://(?:{_NAME}(?:\.{_NAME})*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?(?P<path>/.*)?",
    re.ASCII | re.IGNORECASE,
)
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`route_prefix` is what all routes are under, `external_url` how browsers reach it; none ends in a slash."""

    route_prefix: str = ""
    external_url: str = ""


def locate(*, external_url: str, route_prefix: str) -> Place:
    """The place that the two flags name; an empty one was not given. Raises ValueError, one sentence.

    As in Prometheus, the external URL's path is the prefix where no other is given, and `/` is none.
    """
    path = _path_of(external_url)
    prefix = "/" + route_prefix.strip("/") if route_prefix else path
    if prefix not in ("", "/") and not is_plain(prefix):
        raise ValueError(f"route prefix {route_prefix!r}: expected a plain path, such as /screenshotmax")
    return Place(route_prefix=prefix.rstrip("/"), external_url=external_url.rstrip("/"))


def is_plain(path: str) -> bool:
    """Whether a path reads the same to every proxy and browser: no escapes, no dot segments, no empty ones."""
    return _PLAIN_PATH.fullmatch(path) is not None


def _path_of(url: str) -> str:
    """The path of an external URL, without a slash at its end. A user's password is not quoted."""
    if not url:
        return ""
    found = _URL.fullmatch(url)
    path = (found["path"] or "").rstrip("/") if found else ""
    if not found or not 0 < int(found["port"] or 80) <= _LAST_PORT or (path and not is_plain(path)):
        what = "external URL" if "@" in url else f"external URL {url!r}"
        raise ValueError(f"{what}: expected http or https, a host and a plain path, such as https://example.com/tasks")
    return path
