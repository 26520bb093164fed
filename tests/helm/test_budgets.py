"""Budgets of requests that are too small for so many shards, held to the exporter's own arithmetic."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from charts import CHART, DEFAULT, Helm, file_of
from exporter.config import ConfigError, parse
from exporter.model import Shard
from exporter.poller.share import share

pytestmark = pytest.mark.real

A_KEY = "config.accounts[0].name=a,config.accounts[0].access_key_env=A,extraEnv[0].name=A"
THREE_IDS = f"{A_KEY},config.accounts[0].tasks={{1,2,3}}"
EACH = f"{THREE_IDS},config.poll.fetch=each"
# Shards, values, and whether the budget is refused: just beyond each edge, and at it.
BUDGETS = (
    (31, "", True),
    (30, "", False),
    (4, "config.api.requests_per_minute=7", True),
    (4, f"{A_KEY},config.accounts[0].api.requests_per_minute=7", True),
    (20, "config.poll.interval=19s999ms", True),
    (20, "config.poll.interval=20s", False),
    (30, f"{EACH},config.poll.interval=29s", True),
    (30, f"{THREE_IDS},config.poll.interval=30s", False),
    (2, f"{EACH},config.api.requests_per_minute=4,config.poll.interval=59s", True),
    (2, f"{THREE_IDS},config.api.requests_per_minute=4,config.poll.interval=1m", False),
    (30, f"{THREE_IDS},config.poll.fetch=list,config.poll.interval=29s", True),
    (4, f"{THREE_IDS.replace('3}', '3,4,5,6,7,8,9}')},config.api.requests_per_minute=10", True),
    (4, f"{THREE_IDS.replace('3}', '3,4,5,6,7,8,9,10}')},config.api.requests_per_minute=10", False),
)  # fmt: skip


@pytest.mark.parametrize(("shards", "values", "refused"), BUDGETS)
def test_the_chart_refuses_a_budget_that_the_pods_refuse(
    newest_helm: Helm, shards: int, values: str, refused: bool
) -> None:
    """What is too little for so many shards is told before a pod has to, and nothing that the pods would take is refused."""
    words = ("template", "smx", CHART, *DEFAULT, "--set", values)
    done = newest_helm.run(*words, f"--set=sharding.totalShards={shards}")
    config = parse(file_of(newest_helm.render(*words[3:]), "config.yaml"), name="config.yaml", directory=Path("/etc"))

    assert (refused, refused) == ("requests_per_minute is" in done.stderr, done.returncode != 0)
    with pytest.raises(ConfigError, match="requests_per_minute") if refused else nullcontext():
        share(config, Shard(0, shards))
