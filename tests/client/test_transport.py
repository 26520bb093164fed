from __future__ import annotations

import asyncio
import select
import socket
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import pytest

from client.wires import Observed, an_api, an_upstream
from exporter.client.transport import build_transport
from exporter.model import PollError, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.client import Upstream

SHORT_SECONDS = 0.3


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "No such file or directory"),
        (b"", "no PEM certificates in it"),
        (b"marked", "no PEM certificates in it"),
        (b"-----BEGIN CERTIFICATE-----\nmarked\n-----END CERTIFICATE-----\n", "no PEM certificates in it"),
    ],
)
def test_ca_file_faults(tmp_path: Path, content: bytes | None, fault: str) -> None:
    """An unusable file of authorities is a TLS failure that names the file; nothing else is trusted instead."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PollError) as caught:
        build_transport(an_api(ca_file=path))
    assert (Reason.TLS, f"ca_file {path} cannot be used: {fault}") == (caught.value.reason, caught.value.detail)


def test_ca_file_is_tried_again(tmp_path: Path) -> None:
    """A file of authorities that comes late is used from then on; until then no request is sent."""
    path = tmp_path / "ca.pem"
    observed = Observed()
    upstream = an_upstream(an_api("https://127.0.0.1:1", ca_file=path), observe=observed)

    assert Reason.TLS is asyncio.run(reason_of(upstream))
    path.write_bytes(Path(certifi.where()).read_bytes())
    assert Reason.CONNECT is asyncio.run(reason_of(upstream))
    assert ["none"] == observed.codes


async def reason_of(upstream: Upstream) -> Reason:
    with pytest.raises(PollError) as caught:
        await upstream.list_tasks()
    await upstream.aclose()
    return caught.value.reason


@contextmanager
def black_hole() -> Iterator[int]:
    """A port of loopback whose queue is full and whom nobody accepts: the kernel drops whatever else knocks."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            knocking = stack.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(listener.getsockname())
            if not select.select([], [knocking], [], 0.05)[1]:
                yield listener.getsockname()[1]
                return
        raise AssertionError("this kernel lets more in than its queue holds")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_nobody_answers(scheme: str) -> None:
    """Where not even the connecting is answered, the deadline holds all the same, and the socket is given back."""
    observed = Observed()
    with black_hole() as port:
        before = descriptors()
        api = an_api(f"{scheme}://127.0.0.1:{port}", timeout=timedelta(seconds=SHORT_SECONDS))
        assert Reason.TIMEOUT is asyncio.run(reason_of(an_upstream(api, observe=observed)))
        assert descriptors() <= before
    ((code, seconds, _),) = observed.requests
    assert "none" == code
    assert SHORT_SECONDS <= seconds < 3


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
