"""A real server on real sockets while a test visits it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from exporter.web import Server


def serving(
    server: Server, visit: Callable[[httpx.AsyncClient], Awaitable[object]], *, verify: ssl.SSLContext | bool = True
) -> object:
    """Serves while `visit` runs, then stops; the whole within a deadline."""

    async def run() -> object:
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            group.create_task(server.serve())
            async with httpx.AsyncClient(base_url=server.urls[0], verify=verify, trust_env=False) as client:
                try:
                    return await visit(client)
                finally:
                    server.stop()

    return asyncio.run(run())
