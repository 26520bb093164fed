"""A disk that does not answer: the keeper's waits all have an end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from builders import _VirtualLoop, a_task, at
from exporter.store import Keeper, Store
from log_lines import written
from store.disks import Broken

if TYPE_CHECKING:
    from collections.abc import Callable

START = at("2024-06-10 11:30:20Z")


class _Hanging(_VirtualLoop):
    """Threads begin their work and never end it."""

    def run_in_executor(self, _executor: object, func: object, *args: object) -> asyncio.Future[None]:
        return self.create_future()


def test_a_disk_that_hangs_does_not_hold_the_end_up() -> None:
    """After two seconds the end goes on without the last save, and says so."""
    store = Store()
    store.add_account("main", interval=timedelta(minutes=1), listed=None)
    store.record_list("main", [a_task()], dropped=0, fetched_at=START)
    keeper = Keeper(store, Broken(0), on_error=str)
    with written() as lines, asyncio.Runner(loop_factory=_Hanging) as runner:
        runner.run(keeper.aclose())
        assert 2.0 == runner.get_loop().time()
    assert 'level=error msg="Ledger not closed" reason="the disk does not answer"' in lines.getvalue()


class _Slow(_VirtualLoop):
    """What threads do is done when `answer` says so."""

    def __init__(self) -> None:
        super().__init__()
        self.works: list[tuple[asyncio.Future[None], Callable[[], None]]] = []
        self.asked = asyncio.Event()

    def run_in_executor(self, _executor: object, func: Callable[[], None], *args: object) -> asyncio.Future[None]:
        self.works.append((self.create_future(), func))
        self.asked.set()
        return self.works[-1][0]

    async def answer(self) -> None:
        """What the disk was asked for last is done, once it was."""
        await self.asked.wait()
        self.asked.clear()
        done, work = self.works[-1]
        try:
            done.set_result(work())
        except ZeroDivisionError as error:
            done.set_exception(error)


@pytest.mark.parametrize("times", [0, 1], ids=["saved late", "failed late"])
def test_a_disk_that_hangs_is_told_and_asked_for_nothing_more(times: int) -> None:
    """Once, in ten seconds; polling goes on, no saves pile up, and once it answers what is new by then is saved."""
    store, file, hours, bugs = Store(), Broken(times), 3, []

    async def main(loop: _Slow) -> None:
        loop.set_exception_handler(lambda _, context: bugs.append(context))
        store.add_account("main", interval=timedelta(minutes=1), listed=None)
        keeper = Keeper(store, file, on_error=str)
        for number in range(hours):
            store.record_list("main", [a_task(id=str(number))], dropped=0, fetched_at=START + timedelta(hours=number))
            await keeper.save()
            assert (10.0 * (number + 1), 1) == (loop.time(), len(loop.works))
        await loop.answer()
        await asyncio.gather(keeper.save(), loop.answer())

    with written() as lines, asyncio.Runner(loop_factory=_Slow) as runner:
        runner.run(main(runner.get_loop()))
    assert ({("main", str(number)) for number in range(hours)}, []) == (set(file.written), bugs)
    told = [line.partition(" level=")[2] for line in lines.getvalue().splitlines()]
    not_saved = 'error msg="Ledger not saved" reason="the disk does not answer" tasks=1'
    assert [not_saved, f'info msg="Ledger saved again" tasks={hours}'] == told
