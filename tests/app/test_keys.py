from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from exporter.app.keys import NotedKeySource
from exporter.config import Account, Api
from exporter.model import PollError, Secret
from log_lines import written

if TYPE_CHECKING:
    from pathlib import Path


def test_every_key_that_is_read_is_told_of(tmp_path: Path) -> None:
    """Before anybody can use it, also the one that took its place, and none where none can be read."""
    path, noted, readable = tmp_path / "key", list[Secret](), list[bool]()
    source = NotedKeySource(Account("main", access_key_file=path), note=noted.append)
    source.attach(readable.append)
    with pytest.raises(PollError):
        source.read()
    assert [] == noted
    for key in ("first", "second"):
        path.write_text(f"{key}\n")
        assert Secret(key) == source.read() == noted[-1]
    assert [Secret("first"), Secret("second")] == noted
    assert [True, False, True] == readable


@pytest.mark.parametrize("first", ["key", ""])
def test_a_source_that_is_not_attached_tells_nobody(tmp_path: Path, first: str) -> None:
    """A reload that may be refused says nothing of keys; whoever is attached hears at once how it stands."""
    path, readable = tmp_path / "key", list[bool]()
    path.write_text(first)
    with written() as lines:
        source = NotedKeySource(Account("main", access_key_file=path), note=lambda _: None)
        with contextlib.suppress(PollError):
            source.read()
        assert "" == lines.getvalue()
        source.attach(readable.append)
        path.write_text("key" if not first else "")
        source.read()
    assert [bool(first), not first] == readable
    assert 1 == lines.getvalue().count(" msg=")


def test_what_is_logged_says_whether_a_key_is_in_use(tmp_path: Path) -> None:
    """At the first start no earlier one is, and nothing is sent; later the one that was read before stays in use."""
    path = tmp_path / "key"
    with written() as lines:
        source = NotedKeySource(Account("main", access_key_file=path), note=lambda _: None)
        source.attach(lambda _: None)
        for text in (None, None, "first", "", "second"):
            if text is not None:
                path.write_text(text)
            with contextlib.suppress(PollError):
                source.read()
    fault = f'fault="access_key_file {path} cannot be read: No such file or directory"'
    empty = f'fault="access_key_file {path} is empty or not set"'
    assert [
        f'level=warn msg="Cannot read the access key; no request is sent until it can be read" account=main {fault}',
        'level=info msg="The access key can be read" account=main',
        f'level=warn msg="Cannot read the access key; one that was read before stays in use" account=main {empty}',
        'level=info msg="The access key can be read" account=main',
    ] == [line.partition(" ")[2] for line in lines.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("proxy_url", "passwords"),
    [
        (None, []),
        ("http://proxy.example:3128", []),
        ("http://us%65r:p%40ss:w@proxy.example", ["p%40ss:w", "p@ss:w"]),
        ("https://token@proxy.example/", ["token", "token"]),
        ("http://:password@[::1]:3128", ["password", "password"]),
    ],
)
def test_the_proxys_password_is_told_of(proxy_url: str | None, passwords: list[str]) -> None:
    """As it stands in the URL and as it is sent, at each use; where there is a user alone, that one."""
    noted: list[Secret] = []
    account = Account("main", access_key=Secret("key-key"), api=Api(proxy_url=proxy_url))
    NotedKeySource(account, note=noted.append).read()
    assert [Secret("key-key"), *map(Secret, passwords)] == noted
