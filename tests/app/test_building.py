from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from builders import KEY, at, config_text
from exporter import app
from exporter.config import ConfigError, ConfigFile, parse
from exporter.model import Shard
from exporter.web import Place


def built(**with_: Any) -> app.House:
    listed = config_text(accounts=f"[{{name: main, access_key: {KEY}, tasks: [7001]}}]", api="{requests_per_minute: 2}")
    config = parse(listed, name="config.yaml", directory=Path())
    return app.build(config, now=lambda: at("2024-06-10 11:30:20Z"), host="test-host", **with_)


def answer(house: app.House, path: str, method: str = "GET") -> int:
    async def ask() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(house.web), base_url="http://exporter") as client:
            return (await client.request(method, path)).status_code

    return asyncio.run(ask())


def test_the_web_stands_where_it_was_asked_for() -> None:
    """Metrics at their path under the prefix, and nowhere else."""
    house = built(telemetry_path="/shop/metrics", place=Place(route_prefix="/cron"))
    assert [200, 404] == [answer(house, path) for path in ("/cron/shop/metrics", "/metrics")]


def test_only_a_file_can_be_loaded_again(tmp_path: Path) -> None:
    """Without one there is no loop that looks at it; with one, requests still ask for leave."""
    path = tmp_path / "config.yaml"
    path.write_text(config_text())
    file = ConfigFile(path)
    reloading = app.Reloading(file=file, content=file.read())
    for with_, names in (({}, {"pollers", "ledger"}), ({"reloading": reloading}, {"pollers", "ledger", "reload"})):
        house = built(**with_)
        loops = house.loops()
        assert names == loops.keys()
        for loop in loops.values():
            loop.close()
        assert 403 == answer(house, "/-/reload", "POST")


def test_what_cannot_be_built_is_refused() -> None:
    """A telemetry path that is none, and more shards than an account's budget has requests."""
    with pytest.raises(ValueError, match="metrics"):
        built(telemetry_path="metrics")
    with pytest.raises(ConfigError, match="requests_per_minute"):
        built(shard=Shard(0, 3))
