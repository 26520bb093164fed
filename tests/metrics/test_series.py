"""The samples of a family as the client library is given them."""

from __future__ import annotations

from prometheus_client.samples import Sample

from exporter.metrics.series import Series


def test_samples_are_those_that_were_added() -> None:
    """Each reading gives every sample, in order; samples of one subject share its labels."""
    series, shop = Series("shop_guests"), {"shop": "north"}
    series.add(shop, 1.0)
    series.add(shop | {"kind": "regular"}, 2.0)
    series.add(shop, 3.0)

    expected = [
        Sample("shop_guests", {"shop": "north"}, 1.0),
        Sample("shop_guests", {"shop": "north", "kind": "regular"}, 2.0),
        Sample("shop_guests", {"shop": "north"}, 3.0),
    ]
    assert (expected, expected) == (list(series), list(series))
    first, _, last = series.rows()
    assert first[1] is last[1] is shop
