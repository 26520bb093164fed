"""What we write is to the byte what the client library would have written."""

from __future__ import annotations

import gzip
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric, generate_latest
from prometheus_client.metrics_core import METRIC_TYPES
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.samples import Exemplar, Sample

from builders import a_task
from exporter.metrics import ReportCollector, build_registry
from exporter.metrics.rows import ACCOUNT_ROWS, TASK_ROWS
from exporter.metrics.series import Series
from exporter.model import Policy
from exporter.report import Reporter
from exporter.store import Store
from exporter.web.exposition import OPENMETRICS, TEXT, choose_format, compress, encode
from exporter.web.lines import Lines, UnusualError
from metrics.fleet import MINUTE, NOON, NOW, a_fleet, a_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from exporter.web.exposition import Format

ESCAPED = "application/openmetrics-text;escaping="
FORMATS = (TEXT, OPENMETRICS, choose_format(f"{ESCAPED}allow-utf-8"), choose_format(f"{ESCAPED}underscores"))

PLAIN = ("shop", "shop_2", "shop_open")
ODD = ("shop:open", "_shop", "__shop", "2shops", "sh op", "bücher")
HOSTILE = st.text(max_size=6) | st.sampled_from(('"', "\\", "\n", "{}", "%(shop)s", "\ud800"))
SAMPLES = st.tuples(
    st.sampled_from(("", "", "_total", "_bucket", "_sum", "_created", "_gcount", "_other")),
    st.integers(0, 3),
    st.floats() | st.integers() | st.booleans() | st.sampled_from((0.0, -0.0, 1e6, 1718020800.25, None, "x", "1")),
    st.sampled_from((None, None, None, 1.5)),
    st.sampled_from((None, None, None, Exemplar({"id": "a"}, 1.0))),
)


@st.composite
def expositions(draw: st.DrawFn) -> list[Metric]:
    """A few families, usual ones and others, whose samples share a few sets of labels."""
    label_names = st.sampled_from((*PLAIN * 3, *ODD, ""))
    labels = draw(st.lists(st.dictionaries(label_names, HOSTILE, max_size=3), min_size=4, max_size=4))
    makings = st.builds(
        Metric,
        st.sampled_from((*PLAIN * 3, *ODD)),
        HOSTILE,
        st.sampled_from(("gauge", "counter", "histogram", *METRIC_TYPES)),
        st.sampled_from(("", "", "", "seconds")),
    )
    families = draw(st.lists(makings, min_size=1, max_size=3))
    for family in families:
        chosen = draw(st.lists(SAMPLES, max_size=4))
        family.samples = [Sample(family.name + suffix, labels[at], *rest) for suffix, at, *rest in chosen]
    return families


class Held:
    """Families already collected, as the library's encoders ask for them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def by_library(families: Iterable[Metric], form: Format) -> bytes:
    """The exposition as the client library writes it, with the escaping of names that the content type tells."""
    escaping = form.content_type.partition("escaping=")[2] or "underscores"
    write: Callable[..., bytes] = openmetrics.generate_latest if form.openmetrics else generate_latest
    return write(Held(families), escaping=escaping)


def outcome(write: Callable[[list[Metric], Format], bytes], families: list[Metric], form: Format) -> bytes | None:
    """What is written; None when it cannot be."""
    try:
        return write(families, form)
    except (AttributeError, TypeError, ValueError):
        return None


def families_of(names: list[str]) -> list[Metric]:
    """Those of an account whose tasks have these names, and crontabs that are no better."""
    store = Store()
    store.add_account("main", interval=MINUTE, listed=None)
    tasks = [a_task(id=str(1000 + number), name=name, crontab=name) for number, name in enumerate(names)]
    store.record_list("main", tasks, dropped=0, fetched_at=NOON)
    report = Reporter(store, {"main": lambda task_id: Policy(15 * MINUTE)}).report(NOW)
    collector = ReportCollector(
        lambda: report, polled=str, version="", revision="", on_error=store.record_internal_error
    )
    return list(build_registry(collector).collect())


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.content_type)
@pytest.mark.parametrize("names", [None, {"screenshotmax_task_state", "screenshotmax_up", "screenshotmax_polls_total"}])
def test_a_fleet_in_every_state(form: Format, names: set[str] | None) -> None:
    """The whole exposition, and what is chosen of it, is what the library writes, packed and unpacked again too."""
    families = list(a_registry(a_fleet()).collect(names and frozenset(names)))
    expected = by_library(families, form)
    assert 2000 < len(expected)
    assert expected == encode(families, form) == gzip.decompress(compress(encode(families, form)))


@given(st.lists(HOSTILE, min_size=1, max_size=4))
def test_hostile_names(names: list[str]) -> None:
    """Whatever tasks are called is written as the library writes it, or refused where it refuses it."""
    families = families_of(names)
    for form in FORMATS:
        assert outcome(by_library, families, form) == outcome(encode, families, form)


@given(expositions(), st.sampled_from((TEXT, OPENMETRICS)))
def test_any_families(families: list[Metric], form: Format) -> None:
    """Any family, usual or not, is written as the library writes it, or refused where it refuses it."""
    assert outcome(by_library, families, form) == outcome(encode, families, form)


@pytest.mark.parametrize("form", [TEXT, OPENMETRICS])
def test_numbers_and_help(form: Format) -> None:
    """Numbers that are equal but not alike, those with exponents and those without end, and a HELP to be escaped."""
    family = Metric("shop", 'In C:\\shop "open"\nor not.', "gauge")
    numbers = (
        0.0,
        -0.0,
        0,
        False,
        1,
        True,
        1.0,
        -1e7,
        999999.5,
        1e6,
        1718020800.25,
        1e21,
        math.inf,
        -math.inf,
        math.nan,
    )
    family.samples = [Sample("shop", {"number": str(at)}, number) for at, number in enumerate(numbers)]
    assert by_library([family], form) == Lines(openmetrics=form.openmetrics).write(family) + form.end


@pytest.mark.parametrize("is_openmetrics", [False, True])
def test_nothing_of_ours_is_left_to_the_library(*, is_openmetrics: bool) -> None:
    """All our families are written here, and those of the tables without a Sample for each of their samples."""
    families = [each for each in a_registry(a_fleet()).collect() if each.name.startswith("screenshotmax_")]
    lines = Lines(openmetrics=is_openmetrics)
    assert all(lines.write(family) for family in families)
    assert len(TASK_ROWS) + len(ACCOUNT_ROWS) == sum(isinstance(family.samples, Series) for family in families)


@pytest.mark.parametrize(
    ("family", "sample"),
    [
        (Metric("shop:open", "Named as a rule is.", "gauge"), {"name": "shop:open"}),
        (Metric("shop", "Of a rare type.", "stateset"), {}),
        (Metric("shop", "With a unit.", "gauge", "seconds"), {"name": "shop_seconds"}),
        (Metric("shop", "With a label that needs quotes.", "gauge"), {"labels": {"sh op": "a"}}),
        (Metric("shop", "Without a value.", "gauge"), {"value": None}),
        (Metric("shop", "Dated.", "gauge"), {"timestamp": 1.0}),
        (Metric("shop", "With an example.", "counter"), {"name": "shop_total", "exemplar": Exemplar({}, 1.0)}),
        (Metric("shop", "Told when it began.", "counter"), {"name": "shop_created"}),
    ],
    ids=lambda given: given.documentation if isinstance(given, Metric) else "",
)
def test_the_unusual_is_left_to_the_library(family: Metric, sample: dict[str, Any]) -> None:
    """What has a rare form is refused."""
    family.samples = [Sample(**{"name": "shop", "labels": {}, "value": 1.0} | sample)]
    with pytest.raises(UnusualError):
        Lines(openmetrics=False).write(family)
