"""Which format a scraper gets, by its Accept header as real scrapers write it."""

from __future__ import annotations

import gzip

import pytest

from exporter.web.exposition import accepts_gzip, choose_format, compress

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_2_53 = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_5 = (
    "application/openmetrics-text;version=1.0.0;escaping={0};q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping={0};q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html,application/xhtml+xml,*/*;q=0.8", TEXT),
        ("text/plain;version=0.0.4", TEXT),
        (PROMETHEUS_2_42, OPENMETRICS),
        (PROMETHEUS_2_53, OPENMETRICS),
        (PROMETHEUS_3_5.format("allow-utf-8"), f"{OPENMETRICS}; escaping=allow-utf-8"),
        (PROMETHEUS_3_5.format("underscores"), f"{OPENMETRICS}; escaping=underscores"),
        (PROMETHEUS_3_5.format("dots"), f"{OPENMETRICS}; escaping=underscores"),
        (f"{PROTOBUF};q=0.6,{PROMETHEUS_2_53}", OPENMETRICS),
        (PROTOBUF, TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", OPENMETRICS),
        ("application/openmetrics-text;version=2.0.0", OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", TEXT),
        ("application/openmetrics-text;version=abc", TEXT),
        ('application/openmetrics-text;version="1.0.0"', TEXT),
        ("application/openmetrics-text;version=", TEXT),
        ("application/openmetrics-text;version=1.0.0.0.0", TEXT),
        ("application/openmetrics-text;version=" + "9" * 5000, TEXT),
        ("application/openmetrics-text;version=\u0661.\u0660.\u0660", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=0,text/plain;q=0", TEXT),
        ("application/openmetrics-text;q=nan", TEXT),
        ("application/openmetrics-text;q=-1", TEXT),
        ("application/openmetrics-text;q=1e9", TEXT),
        ("application/openmetrics-text;q=0.3,text/plain;q=0.9", TEXT),
        ("text/plain;q=0.3,application/openmetrics-text;q=0.9", OPENMETRICS),
        ("text/plain,application/openmetrics-text", OPENMETRICS),
        (",,;;=,;q=,/,application/openmetrics-text;;=;version", TEXT),
    ],
)
def test_format_follows_accept(accept: str, content_type: str) -> None:
    """OpenMetrics goes to who asks for it at least as much as for text; everything else gets text 0.0.4."""
    assert content_type == choose_format(accept).content_type


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("GZIP;q=0.1", True),
        ("x-gzip", True),
        ("*", True),
        ("*;q=0.5, gzip;q=0", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip;q=junk", False),
        ("", False),
        ("identity", False),
        ("deflate, br", False),
    ],
)
def test_gzip_needs_a_welcome(accept_encoding: str, expected: object) -> None:
    """Gzip is used when it is named with a quality above zero, or covered by a star."""
    assert expected is accepts_gzip(accept_encoding)


def test_compress_is_gzip_without_a_date() -> None:
    """The packed form unpacks to the same, and is the same whenever it is made."""
    body = b"shop_open 1\n" * 1000
    assert body == gzip.decompress(compress(body))
    assert compress(body)[4:8] == b"\0\0\0\0"
