from __future__ import annotations

import pytest

from exporter.config import checks
from exporter.config.door import read

HEAD = "accounts:\n  - name: main\n    access_key_env: KEY\n    "


def told(text: str) -> list[str]:
    """Path and finding of each mistake between keys."""
    return [".".join(map(str, mistake.path)) + ": " + mistake.found for mistake in checks.mistakes(read(text).data)]


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("", ["accounts.0: no access key"]),
        ("access_kye: x", []),
        (
            "access_key: x\n    access_key_file: y\n    access_key_env: Z",
            [
                "accounts.0.access_key_file: a second access key beside access_key",
                "accounts.0.access_key_env: a second access key beside access_key",
            ],
        ),
        ("access_key:", []),
    ],
)
def test_exactly_one_access_key(text: str, mistakes: list[str]) -> None:
    """Presence counts, not the value; a misspelt key is told as such and not as a missing one too."""
    assert mistakes == told(f"accounts:\n  - name: main\n    {text}\n")


@pytest.mark.parametrize(
    ("interval", "requests_per_minute", "ids", "mistakes"),
    [
        ("10s", 12, 2, []),
        ("10s", 12, 3, ["accounts.0.tasks: 3 requests to make every 10s"]),
        ("60s", 9, 9, []),
        ("60s", 8, 9, ["accounts.0.tasks: 9 requests to make every 1m"]),
        ("60s", 2, 10, []),
        ("10s", 2, 10, ["accounts.0.tasks: 1 requests to make every 10s"]),
        ("2s", 1, 3, []),
        ("60s", 1, 3, []),
    ],
)
def test_polls_fit_under_the_ceiling(interval: str, requests_per_minute: int, ids: int, mistakes: list[str]) -> None:
    """Get Task costs one request each, List Tasks one in all; a value out of bounds has its own mistake."""
    sections = f"poll: {{interval: {interval}}}\n    api: {{requests_per_minute: {requests_per_minute}}}"
    assert mistakes == told(f"{HEAD}{sections}\n    tasks: [{', '.join(map(str, range(ids)))}]\n")


@pytest.mark.parametrize(
    ("top", "own", "mistakes"),
    [
        ("interval: 7m30s, stale_after: 15m", "", []),
        ("interval: 7m31s, stale_after: 15m", "", ["poll.stale_after: stale_after: 15m with interval: 7m31s"]),
        ("interval: 1h", "", []),
        ("stale_after: 15m", "interval: 8m", ["accounts.0.poll.interval: stale_after: 15m with interval: 8m"]),
        ("interval: 8m", "stale_after: 15m", ["accounts.0.poll.stale_after: stale_after: 15m with interval: 8m"]),
        ("interval: 8m, stale_after: 15m", "stale_after: 16m", []),
        ("interval: 8m, stale_after: 15m", "interval: 1m", []),
        ("interval: soon, stale_after: 10s", "", []),
        ("interval: 8m, stale_after: soon", "", []),
    ],
)
def test_evidence_outlives_two_intervals(top: str, own: str, mistakes: list[str]) -> None:
    """Judged on the merged account, told at the nearest of the two keys; a default grows with the interval."""
    assert mistakes == told(f"poll: {{{top}}}\n{HEAD}poll: {{{own}}}\n")


@pytest.mark.parametrize(
    ("top", "own", "mistakes"),
    [
        ("base_url: http://a.example", "", ["api.base_url: 'http://a.example'"]),
        ("base_url: http://a.example", "allow_http: true", []),
        (
            "base_url: http://a.example, allow_http: true",
            "allow_http: false",
            ["accounts.0.api.allow_http: 'http://a.example'"],
        ),
        ("base_url: http://localhost:8080", "", []),
        ("allow_http: true", "base_url: http://b.example", []),
        ("", "base_url: http://b.example", ["accounts.0.api.base_url: 'http://b.example'"]),
        ("base_url: http://a.example", "allow_http: yes", []),
    ],
)
def test_no_key_in_clear_text(top: str, own: str, mistakes: list[str]) -> None:
    """Plain http beyond this machine must be asked for by the account or the top level."""
    assert mistakes == told(f"api: {{{top}}}\n{HEAD}api: {{{own}}}\n")


def test_a_mistake_of_the_top_level_is_found_once_for_each_account_it_touches() -> None:
    """`fetch: each` is told for every account that watches all tasks, by name."""
    text = "poll: {fetch: each}\naccounts:\n" + "".join(
        f"  - {{name: {name}, access_key_env: KEY, tasks: {tasks}}}\n"
        for name, tasks in [("a", "all"), ("b", "[1]"), ("c", "all")]
    )
    expected = [
        "poll.fetch: each for account 'a', which watches all tasks",
        "poll.fetch: each for account 'c', which watches all tasks",
    ]
    assert expected == told(text)


@pytest.mark.parametrize(
    "text", ["", "5", "[]", "accounts: 5", "accounts: [5, [], x]", "poll: 5\napi: []\naccounts: []"]
)
def test_a_file_of_another_shape_has_nothing_to_compare(text: str) -> None:
    """Wrong types are told by the schema alone."""
    assert [] == told(text)
