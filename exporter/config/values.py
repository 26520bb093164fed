"""What the rest of the house sees of the configuration: frozen, merged, defaults filled in, nothing left to check."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from exporter.config.durations import format_duration
from exporter.model import Policy, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTO_LIST_FROM: Final = 10  # DESIGN: `fetch: auto` takes List Tasks from ten ids on
_USERINFO: Final = re.compile(r"(?<=//)[^/]*@")


@dataclass(frozen=True, slots=True)
class Api:
    """How to reach ScreenshotMAX. `base_url` has no trailing slash; `proxy_url` may hold a password."""

    base_url: str = "https://api.screenshotmax.com"
    auth: Literal["header", "query"] = "header"
    timeout: timedelta = timedelta(seconds=10)
    requests_per_minute: int = 60
    max_list_bytes: int = 16 * 1024 * 1024
    ca_file: Path | None = None  # absolute
    proxy_url: str | None = field(default=None, repr=False)
    allow_http: bool = False

    def effective(self) -> dict[str, Any]:
        return {
            "base_url": self.base_url,
            "auth": self.auth,
            "timeout": format_duration(self.timeout),
            "requests_per_minute": self.requests_per_minute,
            "max_list_bytes": self.max_list_bytes,
            "ca_file": None if self.ca_file is None else str(self.ca_file),
            "proxy_url": None if self.proxy_url is None else _USERINFO.sub("<secret>@", self.proxy_url),
            "allow_http": self.allow_http,
        }


@dataclass(frozen=True, slots=True)
class Poll:
    """How often to poll, and how old evidence may grow."""

    interval: timedelta = timedelta(seconds=60)
    fetch: Literal["auto", "each", "list"] = "auto"
    stale_after: timedelta = timedelta(minutes=15)
    max_tasks: int = 10_000

    def effective(self) -> dict[str, Any]:
        return {
            "interval": format_duration(self.interval),
            "fetch": self.fetch,
            "stale_after": format_duration(self.stale_after),
            "max_tasks": self.max_tasks,
        }


class Source(StrEnum):
    """Where in the file a value was given."""

    DEFAULT = "default"  # nowhere
    TOP_LEVEL = "top_level"
    ACCOUNT = "account"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class PolicySources:
    """Where a task's grace and early were given."""

    grace: Source
    early: Source


@dataclass(frozen=True, slots=True)
class MissedRun:
    """How lenient to be. None means auto: derived from the schedule's period."""

    grace: timedelta | None = None
    early: timedelta | None = None
    sources: PolicySources = field(default=PolicySources(Source.DEFAULT, Source.DEFAULT), compare=False)

    def effective(self) -> dict[str, Any]:
        return {"grace": _auto_or(self.grace), "early": _auto_or(self.early)}


@dataclass(frozen=True, slots=True)
class Account:
    """One set of credentials and what to watch with it; exactly one of the three access keys is given."""

    name: str
    access_key: Secret | None = None
    access_key_file: Path | None = None  # absolute; read by the client at each use, so that rotation needs no restart
    access_key_env: str | None = None
    tasks: Literal["all"] | tuple[str, ...] = "all"
    exclude: frozenset[str] = frozenset()
    overrides: Mapping[str, MissedRun] = field(default_factory=dict, hash=False)  # by task id, already merged
    api: Api = field(default_factory=Api)
    poll: Poll = field(default_factory=Poll)
    missed_run: MissedRun = field(default_factory=MissedRun)

    @property
    def fetch(self) -> Literal["each", "list"]:
        """The way tasks are fetched, with `auto` resolved."""
        return resolve_fetch(self.poll.fetch, None if self.tasks == "all" else len(self.tasks))

    def policy(self, task_id: str) -> Policy:
        """How lenient to be with one task of this account."""
        lenience = self._lenience(task_id)
        return Policy(stale_after=self.poll.stale_after, grace=lenience.grace, early=lenience.early)

    def policy_sources(self, task_id: str) -> PolicySources:
        """Where that task's grace and early were given."""
        return self._lenience(task_id).sources

    def _lenience(self, task_id: str) -> MissedRun:
        return self.overrides.get(task_id, self.missed_run)

    def effective(self) -> dict[str, Any]:
        keys = {
            "access_key": None if self.access_key is None else "<secret>",
            "access_key_file": None if self.access_key_file is None else str(self.access_key_file),
            "access_key_env": None if self.access_key_env is None else "<secret>",  # a key may stand there by mistake
        }
        return {
            "name": self.name,
            **{key: value for key, value in keys.items() if value is not None},
            "tasks": "all" if self.tasks == "all" else list(self.tasks),
            **({"exclude": sorted(self.exclude)} if self.tasks == "all" else {}),
            "overrides": [{"id": task, **one.effective()} for task, one in self.overrides.items()],
            "api": self.api.effective(),
            "poll": self.poll.effective(),
            "missed_run": self.missed_run.effective(),
        }


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration file, checked. The top-level sections are kept for display: accounts hold theirs merged."""

    accounts: tuple[Account, ...]
    name: str = "config.yaml"  # the file, as it was named to us
    directory: Path = Path("/")  # absolute: where relative paths start
    api: Api = field(default_factory=Api)
    poll: Poll = field(default_factory=Poll)
    missed_run: MissedRun = field(default_factory=MissedRun)

    def effective(self) -> dict[str, Any]:
        """Plain data in the shape of the file, every default filled in, every secret as `<secret>`."""
        return {
            "api": self.api.effective(),
            "poll": self.poll.effective(),
            "missed_run": self.missed_run.effective(),
            "accounts": [account.effective() for account in self.accounts],
        }


def resolve_fetch(fetch: str, ids: int | None) -> Literal["each", "list"]:
    """`each` or `list` for so many listed ids; None stands for all tasks."""
    if fetch == "auto":
        return "list" if ids is None or ids >= AUTO_LIST_FROM else "each"
    return "each" if fetch == "each" else "list"


def _auto_or(span: timedelta | None) -> str:
    return "auto" if span is None else format_duration(span)
