"""Why clients were refused or cut off, counted."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily

if TYPE_CHECKING:
    from prometheus_client import Metric


class Refusal(StrEnum):
    """What a client was refused or cut off for."""

    SLOW_HANDSHAKE = "slow_handshake"
    SLOW_HEADER = "slow_header"
    SLOW_BODY = "slow_body"
    SLOW_READER = "slow_reader"
    DISPLACED = "displaced"
    FULL = "full"
    CROWD = "crowd"
    BAD_HANDSHAKE = "bad_handshake"
    BAD_CERTIFICATE = "bad_certificate"
    BAD_REQUEST = "bad_request"
    TOO_LARGE = "too_large"
    WEB_CONFIG = "web_config"
    RATE_LIMIT = "rate_limit"
    PASSWORDS = "passwords"
    UNAUTHORIZED = "unauthorized"


class Refusals:
    """How often each has happened since the start. To be counted and read in the event loop."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Refusal, 0)

    def add(self, refusal: Refusal) -> None:
        self._counts[refusal] += 1

    def family(self) -> Metric:
        family = CounterMetricFamily(
            "screenshotmax_exporter_http_refused_total",
            "Connections and requests to this exporter that were refused or cut off, by reason.",
            labels=("reason",),
        )
        for refusal, count in self._counts.items():
            family.add_metric((refusal.value,), float(count))
        return family
