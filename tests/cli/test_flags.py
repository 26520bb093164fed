"""How the values of flags are read, and the flags of the web and of reloading."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cli.runs import run
from exporter.cli import build_parser


@pytest.mark.parametrize(
    ("words", "value", "expected"),
    [
        ([], "web_config_file", None),
        (["--web.config.file=web.yaml"], "web_config_file", Path("web.yaml")),
        (["--web.config.file="], "web_config_file", None),
        ([], "external_url", ""),
        (["--web.external-url=https://example.com/"], "external_url", "https://example.com/"),
        ([], "route_prefix", ""),
        (["--web.route-prefix", "/shop"], "route_prefix", "/shop"),
        ([], "enable_lifecycle", False),
        (["--web.enable-lifecycle"], "enable_lifecycle", True),
        (["--web.enable-lifecycle", "--no-web.enable-lifecycle"], "enable_lifecycle", False),
        ([], "systemd_socket", False),
        (["--web.systemd-socket"], "systemd_socket", True),
        ([], "auto_reload", False),
        (["--config.enable-auto-reload"], "auto_reload", True),
        (["--no-config.enable-auto-reload"], "auto_reload", False),
        ([], "shard", 0),
        (["--shard=3"], "shard", 3),
        (["--shard=auto"], "shard", "auto"),
        ([], "total_shards", 1),
        (["--total-shards=16"], "total_shards", 16),
    ],
)
def test_flags_of_the_daemon(words: list[str], value: str, expected: object) -> None:
    """Each flag has its value or its default; a switch has its opposite, and an empty name of a file is no file."""
    assert expected == getattr(build_parser().parse_args(["serve", *words]), value)


@pytest.mark.parametrize("verb", [["healthcheck"], ["config", "check"]])
@pytest.mark.parametrize(("words", "expected"), [([], None), (["--web.config.file=w.yaml"], Path("w.yaml"))])
def test_other_verbs_read_the_web_config_file_too(verb: list[str], words: list[str], expected: Path | None) -> None:
    """Who asks the daemon, and who validates its files, may name its web configuration."""
    assert expected == build_parser().parse_args([*verb, *words]).web_config_file


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ([], 5),
        (["1"], 1),
        (["30"], 30),
        (["30s"], 30),
        (["90s"], 90),
        (["5m"], 300),
        (["1h30m"], 5400),
        (["23h59m60s"], 86_400),
        (["24h"], 86_400),
        (["86400"], 86_400),
    ],
)
def test_auto_reload_intervals(words: list[str], seconds: int) -> None:
    """Seconds, with their unit or without, or a duration as Prometheus writes it."""
    given = [word for each in words for word in ("--config.auto-reload-interval", each)]
    assert timedelta(seconds=seconds) == build_parser().parse_args(["serve", *given]).auto_reload_interval


@pytest.mark.parametrize(
    "text",
    ["", "0", "0s", "-1", "500ms", "1.5", "30 s", "s", "30S", "1m1h", "1d", "86401", "24h1s", "99999h", "\u0663"],
)
def test_bad_auto_reload_intervals(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else, below a second and above a day, is bad flags with one sentence."""
    assert 2 == run("serve", f"--config.auto-reload-interval={text}")
    told = (
        f"argument --config.auto-reload-interval: found {text!r}, expected a time from 1s to 24h, such as 30s, 5m or 30"
    )
    assert capsys.readouterr().err.endswith(f"serve: error: {told}\n")


@pytest.mark.parametrize("text", ["", "-1", "1.5", "first", "AUTO", "1000000", "\u0663", " 1"])
def test_bad_shards(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A shard is a whole number or auto, a number of shards at least 1; anything else is bad flags with one sentence."""
    assert 2 == run("serve", f"--shard={text}")
    told = f"argument --shard: found {text!r}, expected a whole number from 0 to 999999, or auto"
    assert capsys.readouterr().err.endswith(f"serve: error: {told}\n")
    assert 2 == run("serve", f"--total-shards={text.replace('1000000', '0')}")
    assert "argument --total-shards: found" in capsys.readouterr().err


def test_sockets_come_from_one_place(capsys: pytest.CaptureFixture[str]) -> None:
    """Addresses and systemd's sockets together are bad flags: one of them would be silently left out."""
    assert 2 == run("serve", "--web.listen-address=:0", "--web.systemd-socket")
    told = "argument --web.systemd-socket: not allowed with argument --web.listen-address"
    assert capsys.readouterr().err.endswith(f"serve: error: {told}\n")
