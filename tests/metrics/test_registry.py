"""What a scraper can choose of the exposition."""

from __future__ import annotations

import threading

import pytest

from builders import a_task
from exporter.metrics import ReportCollector, build_registry
from exporter.model import Policy, Report
from exporter.report import Reporter
from metrics.fleet import NOON, NOW, a_fleet, a_registry

DURATION = "screenshotmax_api_request_duration_seconds"


def series(names: set[str] | None) -> dict[str, int]:
    """How many there are of each name."""
    found: dict[str, int] = {}
    for family in a_registry(a_fleet()).collect(None if names is None else frozenset(names)):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + 1
    return found


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (set(), {}),
        ({"screenshotmax_up"}, {"screenshotmax_up": 3}),
        ({f"{DURATION}_sum"}, {f"{DURATION}_sum": 3}),
        ({"screenshotmax_polls_total", "python_info"}, {"screenshotmax_polls_total": 3, "python_info": 1}),
        ({"screenshotmax_polls", DURATION, "nothing"}, {}),
    ],
)
def test_names_choose_series(names: set[str], found: dict[str, int]) -> None:
    """Exactly the series of these names are given, and no family without one."""
    assert found == series(names)


def test_a_choice_takes_nothing_from_the_next_scrape() -> None:
    """Whoever chooses gets a part; all the rest is still there for the others."""
    registry = a_registry(a_fleet())
    everything = {sample.name for family in registry.collect() for sample in family.samples}
    assert {"screenshotmax_up"} == {
        sample.name for family in registry.collect(frozenset({"screenshotmax_up"})) for sample in family.samples
    }
    assert everything == {sample.name for family in registry.collect() for sample in family.samples}
    assert "python_info" in everything


def test_the_names_are_those_of_all_series() -> None:
    """Whatever is shown can be chosen by its name; what else can be is of a reload, which this fleet never had."""
    names = a_registry(a_fleet()).names
    assert series(None) == series(set(names))
    assert ["screenshotmax_exporter_config_last_reload_success"] * 2 == [
        name[:49] for name in names - set(series(None))
    ]


class Task:
    """A task's report that tells who reads it."""

    def __init__(self, readers: list[str]) -> None:
        self._readers = readers
        self._known = Reporter(a_fleet(), {"main": lambda task_id: Policy(NOW - NOON)}).report(NOW).tasks[0]

    def __getattr__(self, name: str) -> object:
        self._readers.append(threading.current_thread().name)
        return getattr(self._known, name)


def test_what_is_not_wanted_is_not_built() -> None:
    """Choosing a series of the accounts costs nothing for each task."""
    readers: list[str] = []
    report = Report(NOW, (), (Task(readers),))
    registry = build_registry(
        ReportCollector(lambda: report, polled=str, version="", revision="", on_error=lambda where: None)
    )
    assert [] == list(registry.collect(frozenset({"screenshotmax_up"})))
    assert [] == readers
    assert 1 == len(list(registry.collect(frozenset({"screenshotmax_task_enabled"}))))
    assert readers


def test_the_report_is_read_at_once_and_built_into_families_later() -> None:
    """The report is that of the moment when it was asked for, read in that thread; all the rest is left to another."""
    store, readers = a_fleet(), list[str]()

    def report() -> Report:
        readers.append(threading.current_thread().name)
        return Reporter(store, {"main": lambda task_id: Policy(NOW - NOON)}).report(NOW)

    registry = build_registry(
        ReportCollector(report, polled=str, version="", revision="", on_error=store.record_internal_error)
    )
    families = registry.collect(frozenset({"screenshotmax_task_enabled"}))
    store.record_list("main", [a_task(id="1")], dropped=0, fetched_at=NOON)
    built: list[object] = []
    building = threading.Thread(target=lambda: built.extend(families))
    building.start()
    building.join()
    assert [threading.main_thread().name] == readers
    assert {"1001", "1002"} <= {sample.labels["task_id"] for family in built for sample in family.samples}
