"""Who polls what: every task one owner, even parts, few moves, and never more requests than the account may make."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from builders import KEY, config_text
from exporter.config import ConfigError, parse
from exporter.model import Shard
from exporter.poller.share import owner, owns, share
from exporter.simulator.world import id_sequence

if TYPE_CHECKING:
    from exporter.config import Config

APP_ENGINE = 5_629_499_534_213_120  # Datastore's automatic ids begin here, in steps that leave low bits zero
IDS = {
    "consecutive": range(5_650_820_808_835_000, 5_650_820_808_845_000),
    "small": range(1, 10_001),
    "wide steps": range(APP_ENGINE, APP_ENGINE + 10_000 * 2**38, 2**38),
    "simulated": tuple(islice(id_sequence(7), 10_000)),
}


def of_shards(total: int) -> list[Shard]:
    return [Shard(ordinal, total) for ordinal in range(total)]


def a_config(tasks: object = "all", **changes: str) -> Config:
    account = f"{{name: main, access_key: {KEY}, tasks: {tasks if tasks == 'all' else list(tasks)}}}"
    return parse(config_text(accounts=f"[{account}]", **changes), name="config.yaml", directory=Path())


@pytest.mark.parametrize(
    ("account", "task_id", "total", "expected"),
    [
        ("main", "5650820808835072", 1, 0),
        ("main", "5650820808835072", 4, 3),
        ("main", "5678133109850112", 4, 0),
        ("main", "9223372036854775783", 4, 2),
        ("marketing", "5650820808835072", 16, 3),
        ("marketing", "9223372036854775783", 16, 8),
    ],
)
def test_owners_are_the_same_for_ever(account: str, task_id: str, total: int, expected: int) -> None:
    """An upgrade that moved tasks would cost their counts, so the published numbers stay."""
    assert expected == owner(account, task_id, total=total)
    assert [expected] == [each.ordinal for each in of_shards(total) if owns(each, account, task_id)]


@pytest.mark.parametrize("total", [2, 3, 4, 7, 16, 50])
@pytest.mark.parametrize("ids", IDS)
def test_parts_are_even(ids: str, total: int) -> None:
    """Whatever the ids look like, each part is within what pure chance would give: four times the root of its size."""
    parts = Counter(owner("main", str(task_id), total=total) for task_id in IDS[ids])
    expected = 10_000 / total
    assert set(range(total)) == set(parts)
    assert max(abs(part - expected) for part in parts.values()) <= 4 * sqrt(expected)


def test_the_account_is_part_of_the_name() -> None:
    """The same ids under two accounts are shared out differently, so small accounts do not all meet on one shard."""
    both = [(owner("main", str(n), total=4), owner("second", str(n), total=4)) for n in IDS["small"]]
    assert 0.2 < sum(one == two for one, two in both) / len(both) < 0.3


@pytest.mark.parametrize(("before", "after"), [(1, 2), (3, 4), (4, 8), (15, 16)])
def test_more_shards_take_from_the_old_and_fewer_give_back(before: int, after: int) -> None:
    """From n to m shards 1 - n/m of the tasks move, all to the new ones; nothing moves between those that stay."""
    pairs = [(owner("main", str(n), total=before), owner("main", str(n), total=after)) for n in IDS["simulated"]]
    moved = [new for old, new in pairs if old != new]
    assert all(new >= before for new in moved)
    assert 1 - before / after == pytest.approx(len(moved) / len(pairs), abs=0.02)


@pytest.mark.parametrize(
    ("ceiling", "total", "each"), [(60, 1, 60), (60, 4, 15), (62, 4, 15), (8, 4, 2), (6000, 7, 857)]
)
def test_the_ceiling_is_divided(ceiling: int, total: int, each: int) -> None:
    """Each shard has the same whole part of it, and all together never more than the account."""
    config = a_config(api=f'{{base_url: "http://127.0.0.1:1", requests_per_minute: {ceiling}}}')
    parts = [part.api.requests_per_minute for shard in of_shards(total) for part in share(config, shard)]
    assert [each] * total == parts
    assert sum(parts) <= ceiling


@pytest.mark.parametrize(("count", "fetch"), [(9, "each"), (10, "list"), (40, "list")])
def test_listed_ids_are_shared_out_and_fetched_as_all_of_them_are(count: int, fetch: str) -> None:
    """Each id on one shard; ten ids are a list poll on every shard, though none has ten. Without ids no account."""
    config = a_config(range(7001, 7001 + count))
    parts = [share(config, shard) for shard in of_shards(16)]
    ids = [task_id for accounts in parts for account in accounts for task_id in account.tasks]
    assert sorted(config.accounts[0].tasks) == sorted(ids)
    assert {fetch} == {account.fetch for accounts in parts for account in accounts}
    busy = {owner("main", task_id, total=16) for task_id in ids}
    assert busy == {number for number, accounts in enumerate(parts) if accounts}
    assert len(busy) < 16


def test_one_shard_is_the_configuration_itself() -> None:
    """Without sharding nothing is computed and nothing is another."""
    config = a_config(range(1, 4))
    assert config.accounts is share(config, Shard())


@pytest.mark.parametrize(
    ("tasks", "ceiling", "total", "told"),
    [
        ("all", 7, 4, "found 1 for each, expected at least 2"),
        ("all", 3, 4, "found 0 for each, expected at least 2"),
        ("all", 8, 8, "found 1 for each, expected at least 2"),
        (range(1, 21), 20, 4, "found 8 ids of shard 1 to ask every 1m, expected at most 5"),
    ],
)
def test_parts_that_are_too_small_are_refused_on_all_shards(tasks: object, ceiling: int, total: int, told: str) -> None:
    """One sentence with account, ceiling and shards; the same on each, so that no single shard is left out."""
    api = f'{{base_url: "http://127.0.0.1:1", requests_per_minute: {ceiling}}}'
    config = a_config(tasks, api=api, poll=f"{{interval: 60s, fetch: {'auto' if tasks == 'all' else 'each'}}}")
    for shard in of_shards(total):
        with pytest.raises(ConfigError) as caught:
            share(config, shard)
        sentence = f"config.yaml: account main: requests_per_minute: {ceiling} for {total} shards: {told}"
        assert sentence == str(caught.value)


def test_every_part_that_is_accepted_fits() -> None:
    """The fullest shard may need just what it has."""
    api = '{base_url: "http://127.0.0.1:1", requests_per_minute: 32}'
    config = a_config(range(1, 21), api=api, poll="{interval: 60s, fetch: each}")
    parts = [account for shard in of_shards(4) for account in share(config, shard)]
    assert 8 == max(len(part.tasks) for part in parts) == parts[0].api.requests_per_minute


def test_a_list_must_fit_the_part_of_a_shard() -> None:
    """Two requests a minute carry a list every 30 s and none more often: verdicts would come and go."""
    for interval, fits in (("30s", True), ("29s", False)):
        text = config_text(
            api='{base_url: "http://127.0.0.1:1", requests_per_minute: 8}',
            poll=f"{{interval: {interval}}}",
        )
        config = parse(text, name="config.yaml", directory=Path())
        if fits:
            assert 2 == share(config, Shard(ordinal=0, total=4))[0].api.requests_per_minute
        else:
            with pytest.raises(ConfigError, match="found a list to ask every 29s, expected one request a poll"):
                share(config, Shard(ordinal=0, total=4))
