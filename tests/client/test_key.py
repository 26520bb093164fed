from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from client.wires import an_account
from exporter.client import KeySource
from exporter.model import PollError, Reason, Secret

if TYPE_CHECKING:
    from pathlib import Path

KEY = "not-a-real-key"
FAULTS = [
    pytest.param(b"", "is empty or not set", id="empty"),
    pytest.param(b" \n\t\n", "is empty or not set", id="white space"),
    pytest.param(b"marked\nmarked\n", "holds several lines", id="several lines"),
    pytest.param(b"\xef\xbb\xbfmarked", "starts with a byte order mark", id="BOM"),
    pytest.param(b"\xff\xfem\x00a\x00r\x00", "holds a character that is not ASCII", id="UTF-16"),
    pytest.param("märked".encode(), "holds a character that is not ASCII", id="not ASCII"),
    pytest.param(b"marked marked", "holds a blank or a control character", id="blank"),
    pytest.param(b"marked\x00", "holds a blank or a control character", id="NUL"),
    pytest.param(b"marked\x7f", "holds a blank or a control character", id="DEL"),
    pytest.param(b"m" * 513, "is longer than 512 characters", id="too long"),
    pytest.param(b"m" * 4097, "is larger than 4096 bytes", id="large file"),
]


def fault(**source: Any) -> str:
    """The detail of the error that reading the key raises."""
    with pytest.raises(PollError) as caught:
        KeySource(an_account(**source)).read()
    assert Reason.KEY is caught.value.reason
    return caught.value.detail


@pytest.mark.parametrize("content", [KEY, f"{KEY}\n", f"\r\n\t {KEY} \v\f\r\n"])
def test_file(tmp_path: Path, content: str) -> None:
    """White space around the key in a file is trimmed."""
    path = tmp_path / "key"
    path.write_bytes(content.encode())
    assert Secret(KEY) == KeySource(an_account(access_key_file=path)).read()


@pytest.mark.parametrize("size", [1, 512])
def test_file_length(tmp_path: Path, size: int) -> None:
    """A key has 1 to 512 characters, whatever white space fills the file."""
    path = tmp_path / "key"
    path.write_text("~" * size + " " * (4096 - size))
    assert Secret("~" * size) == KeySource(an_account(access_key_file=path)).read()


@pytest.mark.parametrize(("content", "expected"), FAULTS)
def test_file_faults(tmp_path: Path, content: bytes, expected: str) -> None:
    """A file that holds no key is refused by name, and what it holds is not told."""
    path = tmp_path / "key"
    path.write_bytes(content)
    assert f"access_key_file {path} {expected}" == fault(access_key_file=path)


def test_file_is_read_at_every_use(tmp_path: Path) -> None:
    """A rotated key is found at the next use: rewritten, renamed over, or behind a swapped symlink."""
    path = tmp_path / "key"
    (tmp_path / "first").write_text("first")
    (tmp_path / "second").write_text("second")
    path.symlink_to("first")
    source = KeySource(an_account(access_key_file=path))
    assert Secret("first") == source.read()
    (tmp_path / "swap").symlink_to("second")
    (tmp_path / "swap").rename(path)
    assert Secret("second") == source.read()
    (tmp_path / "second").write_text("third")
    assert Secret("third") == source.read()
    path.unlink()
    assert "cannot be read: No such file or directory" in fault(access_key_file=path)


@pytest.mark.parametrize(("content", "expected"), FAULTS)
def test_the_last_good_key_is_kept(tmp_path: Path, content: bytes, expected: str) -> None:
    """While the file holds none, as amid a rotation, the key before stays in use; each change of that is told once."""
    path, told = tmp_path / "key", list[str]()
    path.write_text("first")
    source = KeySource(an_account(access_key_file=path), tell=told.append)
    assert Secret("first") == source.read()
    assert [] == told
    path.write_bytes(content)
    assert [Secret("first")] * 2 == [source.read(), source.read()]
    assert [f"access_key_file {path} {expected}"] == told
    path.unlink()
    assert Secret("first") == source.read()
    path.write_text("second")
    assert [Secret("second")] * 2 == [source.read(), source.read()]
    missing = f"access_key_file {path} cannot be read: No such file or directory"
    assert [f"access_key_file {path} {expected}", missing, ""] == told


def test_directory(tmp_path: Path) -> None:
    """A directory is named as what it is not."""
    assert f"access_key_file {tmp_path} is not a regular file" == fault(access_key_file=tmp_path)


def test_pipe(tmp_path: Path) -> None:
    """A pipe without a writer is refused instead of waited for."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert f"access_key_file {path} is not a regular file" == fault(access_key_file=path)


def test_unreadable(tmp_path: Path) -> None:
    """What the system says against reading is told."""
    path = tmp_path / "loop"
    path.symlink_to("loop")
    assert f"access_key_file {path} cannot be read: Too many levels of symbolic links" == fault(access_key_file=path)


def test_a_file_of_others(tmp_path: Path) -> None:
    """A file without read permission is told of as such, whoever runs the test."""
    path = tmp_path / "key"
    path.touch(mode=0o200)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)  # root may read everything
    try:
        assert f"access_key_file {path} cannot be read: Permission denied" == fault(access_key_file=path)
    finally:
        os.seteuid(before)


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is asked at every use as well, and a missing variable is named."""
    source = KeySource(an_account(access_key_env="PRETEND_KEY"))
    monkeypatch.setenv("PRETEND_KEY", f" {KEY}\n")
    assert Secret(KEY) == source.read()
    monkeypatch.delenv("PRETEND_KEY")
    assert "the environment variable that access_key_env names is empty or not set" == fault(
        access_key_env="PRETEND_KEY"
    )


def test_inline() -> None:
    """An inline key is trimmed and checked like any other."""
    assert Secret(KEY) == KeySource(an_account(access_key=Secret(f"{KEY}\n"))).read()
    assert "access_key holds several lines" == fault(access_key=Secret("marked\nmarked"))


def test_error_holds_no_content(tmp_path: Path) -> None:
    """Neither the error nor what it was raised amid shows a byte of the content."""
    path = tmp_path / "key"
    path.write_bytes(b"marked\xffmarked")
    with pytest.raises(PollError) as caught:
        KeySource(an_account(access_key_file=path)).read()
    assert not re.search("marked", f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}")
