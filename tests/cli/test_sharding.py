"""Which shard a daemon is, from flags, pod names and host names."""

from __future__ import annotations

import pytest

from exporter.cli import build_parser
from exporter.cli.sharding import find_shard
from exporter.model import Shard


def found(*words: str, pod: str | None = None, host: str = "a-host-7") -> Shard:
    environment = {} if pod is None else {"POD_NAME": pod}
    return find_shard(build_parser().parse_args(["serve", *words]), environment=environment, host=host)


@pytest.mark.parametrize(
    ("shard", "pod", "host", "expected"),
    [
        ("0", "exporter-3", "exporter-3", 0),
        ("9", None, "exporter-3", 9),
        ("auto", "exporter-3", "node-8", 3),
        ("auto", "my-exporter-2-0", "node-8", 0),
        ("auto", "exporter-007", "node-8", 7),
        ("auto", None, "node-8", 8),
        ("auto", "", "node-8", 8),
    ],
)
def test_the_shard_is_given_or_in_the_name(shard: str, pod: str | None, host: str, expected: int) -> None:
    """A number stands; auto takes that of the StatefulSet's pod, or else of the host."""
    assert Shard(expected, 10) == found(f"--shard={shard}", "--total-shards=10", pod=pod, host=host)


def test_without_flags_there_is_one_shard() -> None:
    """Whatever the pod is called."""
    assert Shard(0, 1) == found(pod="exporter-3")


@pytest.mark.parametrize(
    ("words", "pod", "host", "told"),
    [
        (["--shard=1"], None, "h-0", "--shard=1: found shard 1, expected 0 to 0 with --total-shards=1"),
        (
            ["--shard=auto", "--total-shards=4"],
            "exporter-4",
            "h-0",
            "--shard=auto: POD_NAME 'exporter-4': found shard 4, expected 0 to 3 with --total-shards=4",
        ),
        (
            ["--shard=auto", "--total-shards=4"],
            None,
            "exporter-12",
            "--shard=auto: host name 'exporter-12': found shard 12, expected 0 to 3 with --total-shards=4",
        ),
        *(
            (
                ["--shard=auto"],
                pod,
                "h-0",
                f"--shard=auto: found POD_NAME {pod!r}, expected one that ends in - and a number",
            )
            for pod in ("exporter", "exporter-", "exporter3", "exporter-7d9f6-x2x4z", "-1x", "exporter-\u0663", "a-0\n")
        ),
    ],
)
def test_a_shard_that_there_is_not(words: list[str], pod: str | None, host: str, told: str) -> None:
    """One sentence says where it was looked for, what was found and what was expected."""
    with pytest.raises(ValueError, match=r"^--shard") as caught:
        found(*words, pod=pod, host=host)
    assert told == str(caught.value)
