"""From a file to a Config: read, parse strictly, check, merge. Every mistake of the file is told at once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from exporter.config import checks, door, translate
from exporter.config.files import UnreadableError, read_file
from exporter.config.messages import ConfigError, Mistake, escaped, problems
from exporter.config.schema import AccountSection, RootSection, Section
from exporter.config.values import Account, Api, Config, MissedRun, Poll, Source
from exporter.model import Secret

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.config.door import Document


def load(path: Path) -> Config:
    """The configuration in a file. Raises ConfigError, also for a file that cannot be read."""
    file = ConfigFile(path)
    return file.parse(file.read())


@dataclasses.dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration file, read and parsed apart, so that one can tell whether it has changed."""

    path: Path

    def read(self) -> bytes:
        """Its content, or of a file that is too large the beginning. Raises ConfigError."""
        try:
            return read_file(self.path, most=door.LARGEST_FILE)
        except UnreadableError as error:
            found = f"{escaped(str(self.path))}: found {error}, expected a configuration file"
            raise ConfigError((found,)) from None

    def parse(self, content: bytes) -> Config:
        """The configuration in what was read. Raises ConfigError."""
        return parse(content, name=str(self.path), directory=self.path.absolute().parent)


def parse(content: bytes | str, *, name: str, directory: Path) -> Config:
    """The configuration in a text; relative paths in it start at `directory`. Raises ConfigError."""
    document = door.read(content)
    root, wrong = _checked(document)
    if root is None or wrong:
        raise ConfigError(problems(wrong, name=name, marks=document.marks))
    return _built(root, name=name, directory=directory.absolute())


def _checked(document: Document) -> tuple[RootSection | None, list[Mistake]]:
    if not document.whole:
        return None, list(document.mistakes)
    root: RootSection | None = None
    wrong: list[Mistake] = []
    try:
        root = RootSection.model_validate(document.data)
    except ValidationError as error:
        wrong += translate.mistakes(error)
    wrong += checks.mistakes(document.data)
    refused = document.refused
    fresh = (one for one in wrong if not any(one.path[:end] in refused for end in range(len(one.path) + 1)))
    return root, [*document.mistakes, *fresh]


def _built(root: RootSection, *, name: str, directory: Path) -> Config:
    top = Config(
        accounts=(),
        name=name,
        directory=directory,
        api=_api(Api(), root.api, directory),
        poll=_poll(root.poll),
        missed_run=_over(MissedRun(), root.missed_run, Source.TOP_LEVEL),
    )
    return dataclasses.replace(top, accounts=tuple(_account(one, root, top) for one in root.accounts))


def _account(account: AccountSection, root: RootSection, top: Config) -> Account:
    given = account.model_fields_set
    directory = top.directory
    lenience = _over(top.missed_run, account.missed_run, Source.ACCOUNT)
    return Account(
        name=account.name,
        access_key=Secret(account.access_key.strip()) if "access_key" in given else None,
        access_key_file=directory / account.access_key_file if "access_key_file" in given else None,
        access_key_env=account.access_key_env if "access_key_env" in given else None,
        tasks=account.tasks,
        exclude=frozenset(account.exclude),
        overrides={one.id: _over(lenience, one, Source.OVERRIDE) for one in account.overrides},
        api=_api(top.api, account.api, directory),
        poll=_poll(root.poll, account.poll),
        missed_run=lenience,
    )


def _api(base: Api, section: Section, directory: Path) -> Api:
    given = _given(section)
    if given.get("ca_file") is not None:
        given["ca_file"] = directory / given["ca_file"]
    return dataclasses.replace(base, **given)


def _poll(*sections: Section) -> Poll:
    """Later sections over earlier ones; a `stale_after` nobody gave grows with the interval."""
    given = {key: value for section in sections for key, value in _given(section).items()}
    poll = dataclasses.replace(Poll(), **given)
    if "stale_after" in given:
        return poll
    return dataclasses.replace(poll, stale_after=max(poll.stale_after, 2 * poll.interval))


def _over(base: MissedRun, section: Section, source: Source) -> MissedRun:
    given = _given(section)
    given.pop("id", None)
    sources = dataclasses.replace(base.sources, **dict.fromkeys(given, source))
    return dataclasses.replace(base, **given, sources=sources)


def _given(section: Section) -> dict[str, Any]:
    return {key: getattr(section, key) for key in section.model_fields_set}
