"""The shape of the file: every key with its type, bounds, default and meaning. The JSON Schema comes from here."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from exporter.config.leaves import Expecting, TaskId, Url, Whole, Within, read_base_url, read_proxy_url
from exporter.config.values import Api, MissedRun, Poll

MOST_ACCOUNTS: Final = 100
MOST_IDS: Final = 10_000
ACCESS_KEYS: Final = ("access_key", "access_key_file", "access_key_env")

SECTION_KEYS: Final = ("api", "poll", "missed_run")  # of an account: key by key over those of the top level

_API: Final = Api()
_POLL: Final = Poll()
_MISSED_RUN: Final = MissedRun()
_A_FILE: Final = "the path of a file, without control characters"

Filename = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,4096}$"), Expecting(_A_FILE)]
OptionalFilename = Annotated[Filename | None, Expecting(f"{_A_FILE}, or null")]
Grace = Annotated[timedelta | None, Within("0s", "31d", auto=True)]
Early = Annotated[timedelta | None, Within("0s", "1d", auto=True)]
Id = Annotated[str, TaskId()]
Ids = Annotated[tuple[Id, ...], Field(max_length=MOST_IDS)]


def _drop_default(schema: dict[str, Any]) -> None:
    """For keys whose absence means something that no value says."""
    schema.pop("default", None)


_OVER_TOP: Final = Field(description="Key by key over the top level.", json_schema_extra=_drop_default)


def _tasks_tag(value: object) -> str:
    return "<list>" if isinstance(value, (tuple, list)) else "<all>"


Tasks = Annotated[
    Annotated[Literal["all"], Expecting("all, or a list of task ids"), Tag("<all>")]
    | Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_IDS), Tag("<list>")],
    Discriminator(_tasks_tag),
]


class Section(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ApiSection(Section):
    """How to reach ScreenshotMAX."""

    base_url: Annotated[
        str,
        Url(read_base_url),
        Field(description="Address without /v1; https, or http to this machine."),
    ] = _API.base_url
    auth: Annotated[
        Literal["header", "query"],
        Expecting("header or query"),
        Field(description="Where the access key travels."),
    ] = _API.auth
    timeout: Annotated[
        timedelta,
        Within("1s", "1m"),
        Field(
            description="One request, all phases. 1s to 1m."
        ),  # an edit meanwhile must fall within the epoch's first minute
    ] = _API.timeout
    requests_per_minute: Annotated[
        int,
        Whole(2, 6000),
        Field(description="Ceiling for one account, shared by its tasks. 2 to 6000."),
    ] = _API.requests_per_minute
    max_list_bytes: Annotated[
        int,
        Whole(1024, 268_435_456),
        Field(description="No more of a list answer is read."),
    ] = _API.max_list_bytes
    ca_file: Annotated[
        OptionalFilename,
        Field(description="PEM file of the authorities to trust in place of the usual ones; null for none."),
    ] = None
    proxy_url: Annotated[
        Annotated[str, Url(read_proxy_url)] | None,
        Expecting("an address such as http://proxy.example:3128, or null"),
        Field(description="HTTP proxy for every request; null for none. The environment's proxies are ignored."),
    ] = None
    allow_http: Annotated[
        bool,
        Expecting("true or false", bare=True),
        Field(description="Send the key over plain http beyond this machine."),
    ] = _API.allow_http


class PollSection(Section):
    """How often to poll, and how old evidence may grow."""

    interval: Annotated[
        timedelta,
        Within("5s", "24h"),
        Field(description="From one round to the next. 5s to 24h."),
    ] = _POLL.interval
    fetch: Annotated[
        Literal["auto", "each", "list"],
        Expecting("auto, each or list"),
        Field(description="each: Get Task. list: List Tasks. auto: list for all, or from ten ids on."),
    ] = _POLL.fetch
    stale_after: Annotated[
        timedelta,
        Within("10s", "31d"),
        Field(description="Older evidence gives no verdict. At least twice the interval, 10s to 31d."),
    ] = _POLL.stale_after
    max_tasks: Annotated[
        int,
        Whole(1, 100_000),
        Field(description="Tasks kept of one account."),
    ] = _POLL.max_tasks


class MissedRunSection(Section):
    """How lenient to be. auto: derived from the schedule's period."""

    grace: Annotated[Grace, Field(description="Lateness allowed. auto, or 0s to 31d.")] = _MISSED_RUN.grace
    early: Annotated[Early, Field(description="How early a run may answer its fire. auto, or 0s to 1d.")] = (
        _MISSED_RUN.early
    )


class OverrideSection(Section):
    """How lenient to be with one task."""

    id: Annotated[Id, Field(description="The task's id.")]
    grace: Annotated[Grace, Field(description="As in missed_run.", json_schema_extra=_drop_default)] = None
    early: Annotated[Early, Field(description="As in missed_run.", json_schema_extra=_drop_default)] = None


class AccountSection(Section):
    """One set of credentials, and what to watch with it. Exactly one of the three access keys."""

    name: Annotated[
        str,
        Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$"),
        Expecting("1 to 63 letters, digits, '_', '.' or '-', a letter or digit first (numbers in quotes)"),
        Field(description="The value of the label `account`; unique."),
    ]
    access_key: Annotated[
        str,
        Field(pattern=r"^\s*[!-~]{1,512}\s*$"),
        Expecting("1 to 512 printable ASCII characters without blanks (numbers in quotes)"),
        Field(description="The key itself. Prefer access_key_file.", json_schema_extra=_drop_default),
    ] = ""
    access_key_file: Annotated[
        Filename,
        Field(
            description="File holding the key, relative to this one. Re-read, so that rotation needs no restart.",
            json_schema_extra=_drop_default,
        ),
    ] = ""
    access_key_env: Annotated[
        str,
        Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"),
        Expecting("the name of an environment variable"),
        Field(description="Environment variable holding the key.", json_schema_extra=_drop_default),
    ] = ""
    tasks: Annotated[Tasks, Field(description="all, or a list of task ids.")] = "all"
    exclude: Annotated[Ids, Field(description="Ids to leave out of all.")] = ()
    overrides: Annotated[
        tuple[OverrideSection, ...],
        Field(max_length=MOST_IDS, description="Lenience of single tasks."),
    ] = ()
    api: Annotated[ApiSection, _OVER_TOP] = ApiSection()
    poll: Annotated[PollSection, _OVER_TOP] = PollSection()
    missed_run: Annotated[MissedRunSection, _OVER_TOP] = MissedRunSection()


class RootSection(Section):
    """Configuration of screenshotmax-exporter."""

    api: Annotated[ApiSection, Field(description="How to reach ScreenshotMAX.")] = ApiSection()
    poll: Annotated[PollSection, Field(description="How often to poll.")] = PollSection()
    missed_run: Annotated[MissedRunSection, Field(description="How lenient to be.")] = MissedRunSection()
    accounts: Annotated[
        tuple[AccountSection, ...],
        Field(min_length=1, max_length=MOST_ACCOUNTS, description="Whose tasks to watch."),
    ]


_SECTIONS: Final[dict[str, type[Section]]] = {
    "api": ApiSection,
    "poll": PollSection,
    "missed_run": MissedRunSection,
    "overrides": OverrideSection,
    "accounts": AccountSection,
}


def section_at(path: tuple[str | int, ...]) -> type[Section]:
    """The section whose keys stand at this path of the file."""
    names = [part for part in path if isinstance(part, str)]
    return _SECTIONS[names[-1]] if names else RootSection


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the file, for editors. What involves several keys at once is checked by `load` only."""
    schema = RootSection.model_json_schema()
    for section in (ApiSection, PollSection, MissedRunSection):
        keys = schema["$defs"][section.__name__]["properties"]
        for key, default in section().model_dump(mode="json").items():  # pydantic itself would say PT10S, not 10s
            keys[key]["default"] = default
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "screenshotmax-exporter"}
