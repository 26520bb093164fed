"""The queue of reloads over real files: whole or not at all, one at a time, and every asker answered."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from builders import KEY, Clock, at
from exporter.config import ConfigFile
from exporter.reload import Effects, Reloader
from log_lines import written

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from typing import Any

    from exporter.config import Config


PATIENCE_SECONDS = 10.0


def text(*names: str) -> str:
    return "accounts:\n" + "".join(f"  - {{name: {name}, access_key: {KEY}}}\n" for name in names)


class Yard:
    """A configuration file, a reloader over it, and what it did."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.path = path / "config.yaml"
        self.path.write_text(text("first"))
        self.applied: list[list[str]] = []
        self.went_well: list[bool] = []
        self.tried = asyncio.Event()
        self.bugs: list[str] = []
        self.trouble: Exception | None = None
        self.seconds_to_apply = 0.0
        file = ConfigFile(self.path)
        effects = Effects(apply=self._apply, record=self._record, on_error=self.bugs.append)
        self.reloader = Reloader(file, file.read(), effects, **settings)

    def _record(self, successful: bool) -> None:
        self.went_well.append(successful)
        self.tried.set()

    async def _apply(self, config: Config) -> None:
        await asyncio.sleep(self.seconds_to_apply)
        if self.trouble:
            raise self.trouble
        self.applied.append([account.name for account in config.accounts])


def play(yard: Yard, scenario: Coroutine[Any, Any, None]) -> str:
    """The scenario while the reloader runs; what was logged."""

    async def main() -> None:
        running = asyncio.create_task(yard.reloader.run())
        await scenario
        assert not running.done()
        running.cancel()

    with written() as lines:
        Clock(at("2024-06-10 12:00Z")).run(main())
    return lines.getvalue()


def test_a_reload_that_is_asked_for(tmp_path: Path) -> None:
    """What the file holds by then is applied, and told in the words that people grep for."""
    yard = Yard(tmp_path)

    async def scenario() -> None:
        yard.path.write_text(text("first", "second"))
        assert "" == await yard.reloader.ask()
        assert "" == await yard.reloader.ask()

    said = play(yard, scenario())
    assert [["first", "second"]] * 2 == yard.applied
    assert [True, True] == yard.went_well
    assert 2 == said.count(f'level=info msg="Reloaded config file" file={yard.path} accounts=2')


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("accounts: []\n", "config.yaml:1: accounts: found an empty list, expected at least one item"),
        ("accounts: [\n", "config.yaml:2:1"),
        (None, "found no such file, expected a configuration file"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str | None, reason: str) -> None:
    """Nothing is applied, the reason is answered and logged, and once mended the next reload succeeds."""
    yard = Yard(tmp_path)

    async def scenario() -> None:
        yard.path.write_text(content) if content is not None else yard.path.unlink()
        assert reason in await yard.reloader.ask()
        yard.path.write_text(text("second"))
        assert "" == await yard.reloader.ask()

    said = play(yard, scenario())
    assert ([["second"]], [False, True], []) == (yard.applied, yard.went_well, yard.bugs)
    assert 1 == said.count('level=error msg="Error reloading config" err=')


def test_a_bug_in_a_reload_is_survived(tmp_path: Path) -> None:
    """It is counted as ours, answered without its text, and the next reload is tried."""
    yard = Yard(tmp_path)

    async def scenario() -> None:
        yard.trouble = ValueError(KEY)
        assert "internal error (ValueError)" == await yard.reloader.ask()
        yard.trouble = None
        assert "" == await yard.reloader.ask()

    said = play(yard, scenario())
    assert (["reload"], [False, True]) == (yard.bugs, yard.went_well)
    assert KEY not in said


def test_a_storm_is_one_reload_after_the_other(tmp_path: Path) -> None:
    """A thousand who ask while one reload is under way share the next, and each of them is answered."""
    yard = Yard(tmp_path)

    async def scenario() -> None:
        yard.seconds_to_apply = 1
        first = yard.reloader.ask()
        await asyncio.sleep(0.5)
        storm = [yard.reloader.ask() for _ in range(1000)]
        storm[0].cancel()  # a client that went
        assert "" == await first
        assert {""} == set(await asyncio.gather(*storm[1:]))

    play(yard, scenario())
    assert 2 == len(yard.applied)


def test_the_watch(tmp_path: Path) -> None:
    """A changed file is reloaded by itself; one that is refused or gone is tried again only when it has changed."""
    yard = Yard(tmp_path, watch_every=timedelta(seconds=5))
    half = text("second").encode()[:-5]

    async def scenario() -> None:
        for content, outcomes in [
            (text("first").encode(), []),
            (half, [False]),
            (text("second").encode(), [False, True]),
            (None, [False, True, False]),
            (text("second").encode(), [False, True, False, True]),
        ]:
            yard.path.write_bytes(content) if content is not None else yard.path.unlink()
            await asyncio.sleep(5.1)
            assert outcomes == yard.went_well
            await asyncio.sleep(60)
            assert outcomes == yard.went_well

    play(yard, scenario())
    assert [["second"], ["second"]] == yard.applied


def test_the_watch_sees_a_swapped_link(tmp_path: Path) -> None:
    """As Kubernetes swaps `..data`: the name stays, what it leads to is another directory."""
    yard = Yard(tmp_path, watch_every=timedelta(seconds=5))

    async def scenario() -> None:
        for name in ("old", "new"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "config.yaml").write_text(text(name))
        (tmp_path / "..data").symlink_to("old")
        yard.path.unlink()
        yard.path.symlink_to("..data/config.yaml")
        await asyncio.sleep(6)
        (tmp_path / "..tmp").symlink_to("new")
        (tmp_path / "..tmp").rename(tmp_path / "..data")
        await asyncio.sleep(6)

    play(yard, scenario())
    assert [["old"], ["new"]] == yard.applied


def test_without_a_watch_nothing_happens_by_itself(tmp_path: Path) -> None:
    """A changed file waits to be asked for."""
    yard = Yard(tmp_path)

    async def scenario() -> None:
        yard.path.write_text(text("second"))
        await asyncio.sleep(86_400)

    play(yard, scenario())
    assert [] == yard.applied


def test_an_answer_that_comes_too_late_changes_nothing(tmp_path: Path) -> None:
    """What was read after its time, and so was not applied, is not taken for what is in force: the watch sees it."""
    yard = Yard(tmp_path, watch_every=timedelta(milliseconds=50), read_seconds=0.3)

    async def scenario() -> None:
        yard.path.unlink()
        os.mkfifo(yard.path)
        asking = yard.reloader.ask()
        pipe = await asyncio.to_thread(os.open, yard.path, os.O_WRONLY)  # there is a reader from here on
        assert "the file could not be read within 0.3 s" == await asking
        yard.path.rename(tmp_path / "pipe")
        yard.path.write_text(text("second"))
        os.write(pipe, text("second").encode())
        os.close(pipe)
        while not yard.applied:
            await yard.tried.wait()
            yard.tried.clear()

    async def main() -> None:
        running = asyncio.create_task(yard.reloader.run())
        await asyncio.wait_for(scenario(), PATIENCE_SECONDS)
        running.cancel()

    asyncio.run(main())
    assert [["second"]] == yard.applied


@pytest.mark.parametrize("asked", [True, False])
def test_a_file_that_does_not_answer(tmp_path: Path, asked: bool) -> None:
    """Whoever asks, or the watch, is told in time that the old one stays; once the file answers the next succeeds."""
    watch_every = None if asked else timedelta(milliseconds=50)
    yard = Yard(tmp_path, watch_every=watch_every, read_seconds=0.3)

    async def scenario() -> None:
        yard.path.unlink()
        os.mkfifo(yard.path)
        if asked:
            assert "the file could not be read within 0.3 s" == await yard.reloader.ask()
        await yard.tried.wait()
        pipe = os.open(yard.path, os.O_RDWR)  # what was waiting for a writer has one, and comes to its end
        yard.path.unlink()
        yard.path.write_text(text("second"))
        os.close(pipe)
        while not yard.applied:
            assert await yard.reloader.ask() in {"", "the file could not be read within 0.3 s"}

    async def main() -> None:
        running = asyncio.create_task(yard.reloader.run())
        await asyncio.wait_for(scenario(), PATIENCE_SECONDS)
        running.cancel()

    asyncio.run(main())
    assert (False, [["second"]]) == (yard.went_well[0], yard.applied[:1])
