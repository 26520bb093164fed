from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import pytest

from client.wires import Observed, an_api, an_upstream
from exporter.client.transport import build_transport
from exporter.model import PollError, Reason

if TYPE_CHECKING:
    from exporter.client import Upstream


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
