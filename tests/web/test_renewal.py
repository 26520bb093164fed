"""What handshakes do when the files behind TLS cannot be used, or not be reached."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from builders import Clock
from exporter.web import Server, WebFile, bind, build_context
from exporter.web.tls import LiveContext
from log_lines import written
from web.disks import Disk
from web.shop import PAIR, Shop, ask, open_shop

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_pair_that_does_not_fit_is_not_tried_again_at_once(shop: Shop) -> None:
    """However many handshakes there are, it is tried once a second, and one that has changed at once."""
    built: list[str] = []
    now = [0.0]
    shop.web_file(f"tls_server_config: {{{PAIR}}}")
    context = LiveContext(WebFile(shop.directory / "web.yml", seconds=lambda: now[0]))

    def note(frame: FrameType, event: str, _detail: object) -> None:
        if event == "call" and frame.f_code is build_context.__code__:
            built.append(f"at {now[0]}")

    async def renew() -> None:
        await context.renew()

    def handshakes() -> None:
        sys.setprofile(note)
        try:
            for now[0] in (0.0, 0.5, 0.9, 1.0, 1.5):
                Clock(LONG_AGO).run(renew())
        finally:
            sys.setprofile(None)

    shop.put("server.crt", shop.issue().cert_chain_pems[0].bytes())
    handshakes()
    assert ["at 0.0", "at 1.0"] == built
    shop.put("server.crt", shop.issue().cert_chain_pems[0].bytes())
    handshakes()
    assert ["at 0.0", "at 1.0"] * 2 == built


def test_a_fault_that_comes_again_is_told_again(shop: Shop) -> None:
    """A link that leads nowhere is told once; led back to the same file and astray once more, it is told once more."""
    now = [0.0]
    shop.web_file(f"tls_server_config: {{{PAIR}}}")
    key = shop.directory / "server.key"
    true_key = key.rename(shop.directory / "true.key")

    def lead(target: Path | str) -> None:
        key.unlink(missing_ok=True)
        key.symlink_to(target)

    async def renew() -> None:
        await context.renew()

    lead(true_key)
    context = LiveContext(WebFile(shop.directory / "web.yml", seconds=lambda: now[0]))
    with written() as log:
        for target in ("nowhere", true_key, "nowhere"):
            lead(target)
            for _ in range(3):
                now[0] += 2
                Clock(LONG_AGO).run(renew())
    assert 2 == log.getvalue().count("Error renewing TLS")


def test_a_disk_that_does_not_answer(shop: Shop) -> None:
    """Handshakes go on with the certificate from before, and the server ends when it is told to."""
    shop.web_file(f"tls_server_config: {{{PAIR}}}")
    disk = Disk(shop.directory / "web.yml")

    async def run() -> list[str]:
        server = Server(shop.app, bind(["127.0.0.1:0"]), web_file=WebFile(disk.path))
        async with open_shop(server, seconds=5):
            disk.hang()
            return [await ask(server, shop.client()) for _ in range(3)]

    with disk:
        assert ["hello"] * 3 == asyncio.run(run())


def test_who_goes_while_the_disk_hangs_leaves_nothing(shop: Shop) -> None:
    """A client whose handshake has to wait for a disk has gone when the server ends."""
    shop.web_file(f"tls_server_config: {{{PAIR}}}")
    disk = Disk(shop.directory / "web.yml")

    async def run() -> bytes:
        server = Server(shop.app, bind(["127.0.0.1:0"]), web_file=WebFile(disk.path))
        async with open_shop(server, seconds=5):
            disk.hang()
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            await asyncio.sleep(0.05)  # it is let in, and waits for less than the look may take
            server.stop()
            rest = await reader.read()
            writer.close()
            return rest

    with disk:
        assert b"" == asyncio.run(run())


@pytest.mark.parametrize("name", ["server.crt", "server.key", "ca.crt"])
def test_a_pipe_is_no_certificate(name: str, shop: Shop) -> None:
    """One is refused at once, and not waited for."""
    (shop.directory / name).unlink()
    os.mkfifo(shop.directory / name)
    refusal = shop.refusal(f"{PAIR}, client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert")
    assert f"_file '{shop.directory / name}': found no regular file, expected " in refusal
