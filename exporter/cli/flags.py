"""The flags that verbs share, those of the daemon's web and reload, and how their values are read."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta
from pathlib import Path
from typing import Literal

_SPAN = re.compile(r"(?:([0-9]{1,5})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,5})s)?|([0-9]{1,5})", re.ASCII)
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_RELOAD_INTERVALS = (timedelta(seconds=1), timedelta(days=1))


def add_config_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config.file",
        dest="config_file",
        metavar="FILE",
        type=Path,
        default=Path("config.yaml"),
        help="configuration file (default: %(default)s)",
    )


def add_storage_path(parser: argparse.ArgumentParser, does: str) -> None:
    parser.add_argument("--storage.path", dest="storage_path", metavar="FILE", type=Path, help=does)


def add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        dest="form",
        choices=("text", "json"),
        default="text",
        help="form of the answer (default: %(default)s)",
    )


def add_log_flags(parser: argparse.ArgumentParser, *, level: str) -> None:
    parser.add_argument(
        "--log.level",
        dest="log_level",
        choices=("debug", "info", "warn", "error"),
        default=level,
        help="log this and what is more severe (default: %(default)s)",
    )
    parser.add_argument(
        "--log.format",
        dest="log_format",
        choices=("logfmt", "json"),
        default="logfmt",
        help="form of a log line (default: %(default)s)",
    )


def add_reload_flags(parser: argparse.ArgumentParser) -> None:
    _add_switch(
        parser,
        "--config.enable-auto-reload",
        dest="auto_reload",
        does="reload the configuration when its file has changed",
    )
    parser.add_argument(
        "--config.auto-reload-interval",
        dest="auto_reload_interval",
        metavar="DURATION",
        type=reload_interval,
        default=timedelta(seconds=5),
        help="how often the file is looked at, in seconds or as 5m (default: 5s)",
    )


def add_shard_flags(parser: argparse.ArgumentParser) -> None:
    """Named and counted as those of kube-state-metrics."""
    parser.add_argument(
        "--shard",
        dest="shard",
        metavar="N",
        type=ordinal,
        default=0,
        help="which of the shards this one is, from 0; auto: the number at the end of POD_NAME, or of the host's name"
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--total-shards",
        dest="total_shards",
        metavar="N",
        type=count,
        default=1,
        help="how many exporters share the tasks (default: %(default)s)",
    )


def add_web_flags(parser: argparse.ArgumentParser, *, port: int) -> None:
    """Where the daemon listens, under which paths, with which protection."""
    listening = parser.add_mutually_exclusive_group()
    listening.add_argument(
        "--web.listen-address",
        dest="listen_addresses",
        metavar="ADDRESS",
        action="append",
        help=f"address to listen on, :PORT for IPv4 and IPv6; repeatable (default: :{port})",
    )
    listening.add_argument(
        "--web.systemd-socket",
        dest="systemd_socket",
        action="store_true",
        help="listen on the sockets that systemd passes, in place of addresses (default: off)",
    )
    add_web_config_file(parser, "with TLS, users, headers and rate limit")
    add_telemetry_path(parser, "path of the metrics")
    parser.add_argument(
        "--web.external-url",
        dest="external_url",
        metavar="URL",
        default="",
        help="where browsers reach it, such as https://example.com/screenshotmax/ behind a proxy (default: none)",
    )
    parser.add_argument(
        "--web.route-prefix",
        dest="route_prefix",
        metavar="PATH",
        default="",
        help="path that all routes are under (default: that of --web.external-url)",
    )
    _add_switch(
        parser, "--web.enable-lifecycle", dest="enable_lifecycle", does="let POST /-/reload reload the configuration"
    )


def add_web_config_file(parser: argparse.ArgumentParser, does: str) -> None:
    """No file and an empty name are the same, as they are to other exporters."""
    parser.add_argument(
        "--web.config.file",
        dest="web_config_file",
        metavar="FILE",
        type=lambda text: Path(text) if text else None,
        help=f"web configuration file {does} (default: none)",
    )


def add_telemetry_path(parser: argparse.ArgumentParser, does: str) -> None:
    parser.add_argument(
        "--web.telemetry-path",
        dest="telemetry_path",
        metavar="PATH",
        default="/metrics",
        help=f"{does} (default: %(default)s)",
    )


def _add_switch(parser: argparse.ArgumentParser, flag: str, *, dest: str, does: str) -> None:
    """On by its name, off by `--no-` before it. Some Pythons would tell the default twice if they saw it here."""
    parser.add_argument(flag, dest=dest, action=argparse.BooleanOptionalAction, help=f"{does} (default: off)")
    parser.set_defaults(**{dest: False})


def reload_interval(text: str) -> timedelta:
    """`30` as blackbox_exporter writes it, `30s` as Prometheus does."""
    found = _SPAN.fullmatch(text)
    hours, minutes, *seconds = (int(number or 0) for number in found.groups()) if found else (0, 0, 0)
    span = timedelta(hours=hours, minutes=minutes, seconds=sum(seconds))
    least, most = _RELOAD_INTERVALS
    if not least <= span <= most:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a time from 1s to 24h, such as 30s, 5m or 30")
    return span


def ordinal(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    if not (text.isascii() and text.isdigit() and int(text) < 1_000_000):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 0 to 999999, or auto")
    return int(text)


def metric_name(text: str) -> str:
    if not _METRIC_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected the name of a metric, such as screenshotmax_up")
    return text


def count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1_000_000):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 1 to 1000000")
    return int(text)


def factor(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1_000_000:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number above 0, at most 1000000")
    return number
