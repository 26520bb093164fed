"""What involves several keys at once, told of the merged account; what is broken is skipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from exporter.config.durations import format_duration
from exporter.config.leaves import is_plain_http_abroad
from exporter.config.messages import KeyPath, Mistake, describe
from exporter.config.schema import ACCESS_KEYS, AccountSection, Id, section_at
from exporter.config.translate import nearest
from exporter.config.values import resolve_fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

_ID: Final[TypeAdapter[str]] = TypeAdapter(Id)


def mistakes(data: object) -> Iterator[Mistake]:
    """Every mistake between keys of the file's plain data."""
    root = _mapping(data)
    items = enumerate(_items(root.get("accounts")))
    views = [_View(("accounts", index), item, root) for index, item in items if isinstance(item, dict)]
    names = [((*view.path, "name"), view.account.get("name")) for view in views]
    yield from _repeated([(place, name) for place, name in names if isinstance(name, str)])
    for view in views:
        for check in _CHECKS:
            yield from check(view)


@dataclass(frozen=True, slots=True)
class _View:
    """One account over the top level, as plain data that may be broken anywhere."""

    path: KeyPath
    account: dict[str, Any]
    root: dict[str, Any]

    def given(self, section: str, key: str) -> bool:
        return any(key in _mapping(level.get(section)) for level in (self.account, self.root))

    def value(self, section: str, key: str) -> Any:
        """The merged value, or its default; None where it is broken."""
        merged = {**_mapping(self.root.get(section)), **_mapping(self.account.get(section))}
        chosen = {key: merged[key]} if key in merged else {}
        try:
            return getattr(section_at((section,)).model_validate(chosen), key)
        except ValidationError:
            return None

    def place(self, section: str, *keys: str) -> KeyPath:
        """Where to tell of these keys: the first that the account gives, else the first that the top level gives."""
        own, top = _mapping(self.account.get(section)), _mapping(self.root.get(section))
        here = [(*self.path, section, key) for key in keys if key in own]
        above = [(section, key) for key in keys if key in top]
        return (*here, *above, self.path)[0]

    def ids(self, key: str) -> list[tuple[KeyPath, str]]:
        """The readable ids of a list, each with its place."""
        return [
            ((*self.path, key, i), text) for i, item in enumerate(_items(self.account.get(key))) if (text := _id(item))
        ]

    def overrides(self) -> list[tuple[KeyPath, str]]:
        items = [_mapping(item).get("id") for item in _items(self.account.get("overrides"))]
        return [((*self.path, "overrides", i, "id"), text) for i, item in enumerate(items) if (text := _id(item))]

    @property
    def listed(self) -> bool:
        return isinstance(self.account.get("tasks"), tuple)


def _one_access_key(view: _View) -> Iterator[Mistake]:
    given = [key for key in view.account if key in ACCESS_KEYS]
    unknown = view.account.keys() - AccountSection.model_fields.keys()
    misspelt = any(nearest(key, view.path) in ACCESS_KEYS for key in sorted(unknown)[:20])
    words = f"exactly one of {', '.join(ACCESS_KEYS)}"
    if not given and not misspelt:
        yield Mistake(view.path, "no access key", words)
    for key in given[1:]:
        yield Mistake((*view.path, key), f"a second access key beside {given[0]}", words)


def _ids_once(view: _View) -> Iterator[Mistake]:
    for places in (view.ids("tasks"), view.ids("exclude"), view.overrides()):
        yield from _repeated(places)


def _known_ids(view: _View) -> Iterator[Mistake]:
    tasks = {text for _, text in view.ids("tasks")}
    excluded = {text for _, text in view.ids("exclude")}
    if view.listed and "exclude" in view.account:
        yield Mistake((*view.path, "exclude"), "ids to exclude beside a list of tasks", "exclude with tasks: all only")
    for place, text in view.overrides():
        if view.listed and text not in tasks:
            yield Mistake(place, describe(text, place), "an id that the account's tasks list")
        elif not view.listed and text in excluded:
            yield Mistake(place, describe(text, place), "an id that exclude does not name")


def _fetch_fits(view: _View) -> Iterator[Mistake]:
    if view.value("poll", "fetch") == "each" and view.account.get("tasks", "all") == "all":
        place = view.place("poll", "fetch")
        yield Mistake(
            place, f"each for account {_name(view)}, which watches all tasks", "list or auto, or a list of ids"
        )


def _requests_fit(view: _View) -> Iterator[Mistake]:
    interval, fetch = view.value("poll", "interval"), view.value("poll", "fetch")
    ceiling = view.value("api", "requests_per_minute")
    if interval is None or fetch is None or ceiling is None:
        return
    count = len(_items(view.account.get("tasks"))) if view.listed else None
    needed = count if count and resolve_fetch(fetch, count) == "each" else 1
    room = ceiling * interval.total_seconds() / 60
    if needed > room:
        place = (*view.path, "tasks") if view.listed else view.place("poll", "interval")
        found = f"{needed} requests to make every {format_duration(interval)}"
        yield Mistake(place, found, f"at most {int(room)}, which requests_per_minute: {ceiling} allows")


def _tasks_fit(view: _View) -> Iterator[Mistake]:
    most, count = view.value("poll", "max_tasks"), len(_items(view.account.get("tasks")))
    if most is not None and count > most:
        yield Mistake((*view.path, "tasks"), f"{count} ids", f"at most {most}, which max_tasks allows")


def _evidence_outlives_the_interval(view: _View) -> Iterator[Mistake]:
    interval: timedelta | None = view.value("poll", "interval")
    stale_after: timedelta | None = view.value("poll", "stale_after")
    if interval is None or stale_after is None or not view.given("poll", "stale_after"):
        return
    if stale_after < 2 * interval:
        found = f"{format_duration(stale_after)} with interval: {format_duration(interval)}"
        place = view.place("poll", "stale_after", "interval")
        words = f"stale_after of at least {format_duration(2 * interval)}, twice the interval"
        yield Mistake(place, f"stale_after: {found}", words)


def _no_key_in_clear_text(view: _View) -> Iterator[Mistake]:
    base_url, allowed = view.value("api", "base_url"), view.value("api", "allow_http")
    if base_url is not None and allowed is False and is_plain_http_abroad(base_url):
        place = view.place("api", "base_url", "allow_http")
        yield Mistake(place, f"'{base_url}'", "https (http goes to this machine only, or with allow_http: true)")


_CHECKS: Final[tuple[Callable[[_View], Iterator[Mistake]], ...]] = (
    _one_access_key,
    _ids_once,
    _known_ids,
    _fetch_fits,
    _requests_fit,
    _tasks_fit,
    _evidence_outlives_the_interval,
    _no_key_in_clear_text,
)


def _repeated(places: list[tuple[KeyPath, str]]) -> Iterator[Mistake]:
    first: dict[str, KeyPath] = {}
    for place, text in places:
        if first.setdefault(text, place) != place:
            yield Mistake(place, f"{describe(text, place)} a second time", "each one once")


def _name(view: _View) -> str:
    return describe(view.account.get("name"), view.path)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else ()


def _id(value: object) -> str | None:
    try:
        return _ID.validate_python(value)
    except ValidationError:
        return None
