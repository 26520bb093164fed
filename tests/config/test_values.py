from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

from exporter.config import Account, Api, Config, MissedRun, PolicySources, Poll, Source, parse
from exporter.model import Policy, Secret

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("fetch", "tasks", "way"),
    [
        ("auto", "all", "list"),
        ("auto", tuple("123456789"), "each"),
        ("auto", tuple("0123456789"), "list"),
        ("each", tuple("0123456789"), "each"),
        ("list", ("1",), "list"),
        ("list", "all", "list"),
    ],
)
def test_auto_lists_from_ten_ids_on(
    fetch: Literal["auto", "each", "list"], tasks: Literal["all"] | tuple[str, ...], way: str
) -> None:
    """One List Tasks call costs less than ten Get Task calls."""
    account = Account(name="main", tasks=tasks, poll=Poll(fetch=fetch))
    assert way == account.fetch


def test_a_policy_is_the_override_or_the_account() -> None:
    """Each task is judged as leniently as it is configured to be."""
    account = Account(
        name="main",
        poll=Poll(stale_after=5 * MINUTE),
        missed_run=MissedRun(grace=MINUTE),
        overrides={"7": MissedRun(grace=3 * MINUTE, early=MINUTE)},
    )
    expected = [Policy(5 * MINUTE, 3 * MINUTE, MINUTE), Policy(5 * MINUTE, MINUTE, None)]
    assert expected == [account.policy("7"), account.policy("8")]


def test_no_secret_is_shown() -> None:
    """Neither repr nor the effective configuration holds the key or the proxy's password."""
    api = Api(proxy_url="http://user:marked@proxy.example:3128")
    config = Config(accounts=(Account(name="main", access_key=Secret("marked"), api=api),), api=api)
    shown = config.effective()
    expected = ("<secret>", "http://<secret>@proxy.example:3128")
    assert expected == (shown["accounts"][0]["access_key"], shown["api"]["proxy_url"])
    assert "marked" not in repr(config) + repr(shown)
    misplaced = Account(name="main", access_key_env="marked").effective()  # a key in the place of a variable's name
    assert ("<secret>", False) == (misplaced["access_key_env"], "marked" in repr(misplaced))


def test_the_effective_configuration_holds_every_default() -> None:
    """Whoever reads it need not know the defaults."""
    account = Account(
        name="main", access_key_file=Path("/run/key"), tasks=("7",), overrides={"7": MissedRun(early=MINUTE)}
    )
    api = {
        "base_url": "https://api.screenshotmax.com",
        "auth": "header",
        "timeout": "10s",
        "requests_per_minute": 60,
        "max_list_bytes": 16_777_216,
        "ca_file": None,
        "proxy_url": None,
        "allow_http": False,
    }
    poll = {"interval": "1m", "fetch": "auto", "stale_after": "15m", "max_tasks": 10_000}
    sections = {"api": api, "poll": poll, "missed_run": {"grace": "auto", "early": "auto"}}
    expected = {
        **sections,
        "accounts": [
            {
                "name": "main",
                "access_key_file": "/run/key",
                "tasks": ["7"],
                "overrides": [{"id": "7", "grace": "auto", "early": "1m"}],
                **sections,
            }
        ],
    }
    assert expected == Config(accounts=(account,)).effective()


def test_the_source_of_a_tolerance_is_the_innermost_place_that_gave_it() -> None:
    """Override before account before top level before default, key by key, also where the value given is auto."""
    text = """
        missed_run: {grace: 10m}
        accounts:
          - name: plain
            access_key: key-of-the-tests
          - name: own
            access_key: key-of-the-tests
            missed_run: {early: auto}
            overrides: [{id: 7, grace: auto}]
        """
    plain, own = parse(text, name="config.yaml", directory=Path()).accounts
    assert [
        PolicySources(Source.TOP_LEVEL, Source.DEFAULT),
        PolicySources(Source.TOP_LEVEL, Source.ACCOUNT),
        PolicySources(Source.OVERRIDE, Source.ACCOUNT),
    ] == [plain.policy_sources("7"), own.policy_sources("8"), own.policy_sources("7")]


def test_a_source_makes_no_two_tolerances_different() -> None:
    """The same tolerance from another place is the same tolerance."""
    assert MissedRun(grace=MINUTE) == MissedRun(grace=MINUTE, sources=PolicySources(Source.OVERRIDE, Source.OVERRIDE))
