"""Which shard a daemon is, from its flags and the name that Kubernetes gave it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from exporter.model import Shard

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

_ORDINAL_AT_THE_END = re.compile(r".*-([0-9]{1,6})", re.ASCII)  # a StatefulSet's pod is called NAME-0, NAME-1, ...


def find_shard(options: argparse.Namespace, *, environment: Mapping[str, str], host: str) -> Shard:
    """Raises ValueError, in one sentence, for a name without a number and for a shard that there is not."""
    ordinal, told = options.shard, f"--shard={options.shard}"
    if ordinal == "auto":
        name, place = environment.get("POD_NAME") or host, "POD_NAME" if environment.get("POD_NAME") else "host name"
        ordinal, told = _ordinal_of(name, place), f"--shard=auto: {place} {name!r}"
    if ordinal >= options.total_shards:
        last = options.total_shards - 1
        raise ValueError(f"{told}: found shard {ordinal}, expected 0 to {last} with --total-shards={last + 1}")
    return Shard(ordinal, options.total_shards)


def _ordinal_of(name: str, place: str) -> int:
    found = _ORDINAL_AT_THE_END.fullmatch(name)
    if found is None:
        raise ValueError(f"--shard=auto: found {place} {name!r}, expected one that ends in - and a number")
    return int(found[1])
