from __future__ import annotations

import asyncio
from time import monotonic

from builders import at
from chaos.clock import SocketClock


async def outwait(clock: SocketClock) -> float:
    """Wait an hour for somebody who keeps still on purpose; the seconds that passed on the loop's clock."""
    left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with clock.silence():
            await reader.read()
        writer.close()
        left.set()

    loop = asyncio.get_running_loop()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        clock.settle()
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        began_seconds = loop.time()
        heard = asyncio.create_task(reader.read())
        await asyncio.wait([heard], timeout=3600)
        passed_seconds = loop.time() - began_seconds
        writer.close()
        await asyncio.gather(left.wait(), heard)
    return passed_seconds


def test_a_silence_that_is_meant() -> None:
    """An hour on a connection takes no time when it is silent on purpose, and the wall clock goes along."""
    clock, began = SocketClock(at("2024-06-10 12:00Z")), monotonic()
    assert 3600 == clock.run(outwait(clock))
    assert at("2024-06-10 13:00Z") == clock.now()
    assert monotonic() - began < 60
