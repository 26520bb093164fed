from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.app.keys import NotedKeySource
from exporter.config import Account, Api
from exporter.model import PollError, Secret

if TYPE_CHECKING:
    from pathlib import Path


def test_every_key_that_is_read_is_told_of(tmp_path: Path) -> None:
    """Before anybody can use it, also the one that took its place, and none where none can be read."""
    path, noted, faults = tmp_path / "key", list[Secret](), list[str]()
    source = NotedKeySource(Account("main", access_key_file=path), tell=faults.append, note=noted.append)
    with pytest.raises(PollError):
        source.read()
    assert [] == noted
    for key in ("first", "second"):
        path.write_text(f"{key}\n")
        assert Secret(key) == source.read() == noted[-1]
    assert [Secret("first"), Secret("second")] == noted
    assert 2 == len(faults)


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
    NotedKeySource(account, tell=lambda _: None, note=noted.append).read()
    assert [Secret("key-key"), *map(Secret, passwords)] == noted
