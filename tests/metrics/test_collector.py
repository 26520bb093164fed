"""The exposition of a fleet in every state, compared whole; and the families' good manners."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from builders import a_task, samples
from exporter.metrics import ReportCollector, build_registry
from exporter.model import Policy, Problem, Report, Shard, State
from exporter.report import Reporter
from exporter.store import Store
from metrics.fleet import FLEET, MINUTE, NOON, NOW, a_fleet, a_registry

GOLDEN = Path(__file__).parents[1] / "data" / "metrics" / "fleet.txt"


def own(text: str) -> str:
    """Without the process's own families and the running Python's version, which differ from run to run."""
    lines = [line for line in text.splitlines() if " process_" not in line and not line.startswith("process_")]
    kept = "\n".join(line for line in lines if "python_info" not in line)
    start = kept.index('pythonversion="') + len('pythonversion="')
    return kept[:start] + kept[kept.index('"', start) :] + "\n"


def exposition() -> str:
    return own(generate_latest(a_registry(a_fleet())).decode())


def test_the_whole_exposition_of_a_fleet() -> None:
    """Every family, label and value of a fleet in every state is exactly what the golden file says."""
    assert GOLDEN.read_text() == exposition()


def test_every_state_problem_and_reason_of_the_fleet() -> None:
    """The golden fleet leaves no state out, and no problem but the clock's."""
    text = exposition()
    assert all(f'state="{state.value}",' in text for state in State)
    shown = {problem for problem in Problem if f'reason="{problem.value}",task_id' in text}
    assert set(Problem) - {Problem.CLOCK_SKEW} == shown


def test_exactly_one_state_is_one() -> None:
    """The states of each task add up to one."""
    sums: dict[str, float] = {}
    for name, value in samples(exposition()).items():
        if name.startswith("screenshotmax_task_state{"):
            task = name.partition("task_id=")[2]
            sums[task] = sums.get(task, 0) + value
    assert {1.0} == set(sums.values())


def test_the_strict_parser_accepts_openmetrics() -> None:
    """No family twice, no clash of names, no _created, no NaN, no timestamp."""
    families = list(text_string_to_metric_families(generate_openmetrics(a_registry(a_fleet())).decode()))
    assert len(families) == len({family.name for family in families})
    for family in families:
        for sample in family.samples:
            assert not sample.name.endswith("_created")
            assert sample.timestamp is None
            assert not math.isnan(sample.value)


def test_described_and_collected_are_the_same() -> None:
    """describe() names every family that collect() gives, with its type and HELP, so that name[] filters work."""
    store = a_fleet()
    collector = ReportCollector(
        lambda: Reporter(store, {}).report(NOW), polled=str, version="", revision="", on_error=lambda where: None
    )
    described = {(family.name, family.type, family.documentation) for family in collector.describe()}
    assert described == {(family.name, family.type, family.documentation) for family in collector.collect()}


def test_a_shard_says_which_it_is() -> None:
    """Ordinal and number of shards are those that the collector was made with."""
    report = Report(NOW, (), ())
    collector = ReportCollector(
        lambda: report, polled=str, version="", revision="", on_error=lambda where: None, shard=Shard(2, 5)
    )
    shown = samples(generate_latest(build_registry(collector)).decode())
    assert (2, 5) == (shown["screenshotmax_exporter_shard_ordinal"], shown["screenshotmax_exporter_total_shards"])


def test_polled_families_say_so() -> None:
    """The HELP of every family of tasks says how often the API is asked."""
    helps = [line for line in exposition().splitlines() if line.startswith("# HELP screenshotmax_task_")]
    assert len(helps) == sum("Polled every 1m to 5m." in line for line in helps) == 20


def test_a_removed_task_is_gone_at_the_next_scrape() -> None:
    """Nothing of a task that the newest list does not hold is left, in any family."""
    store = a_fleet()
    registry = a_registry(store)
    assert 'task_id="1003"' in generate_latest(registry).decode()
    store.record_list("main", [task for task in FLEET if task.id != "1003"], dropped=0, fetched_at=NOW)
    assert 'task_id="1003"' not in generate_latest(registry).decode()


def test_a_rename_adds_no_series() -> None:
    """The old name's series are gone with the poll that told the new one."""
    store = a_fleet()
    registry = a_registry(store)
    before = len(samples(generate_latest(registry).decode()))
    renamed = [a_task(id="1001", name="Renamed", last_run_at=FLEET[0].last_run_at), *FLEET[1:]]
    store.record_list("main", renamed, dropped=2, fetched_at=NOON + 7 * MINUTE)
    text = generate_latest(registry).decode()
    assert before == len(samples(text))
    assert "Ran on time" not in text


def test_samples_of_a_task_share_their_labels() -> None:
    """There is one dict for a task, whatever the number of families: who writes them relies on it."""
    collected = {family.name: family for family in a_registry(a_fleet()).collect()}
    enabled, valid = (collected[f"screenshotmax_task_{name}"].samples for name in ("enabled", "schedule_valid"))
    (first, *_), (same, *_) = enabled, valid
    assert "1001" == first.labels["task_id"]
    assert first.labels is same.labels


def test_a_bug_in_one_row_costs_one_family() -> None:
    """A report that breaks one row's function leaves the other families whole, and is counted."""
    errors: list[str] = []
    broken = Report(NOW, (), (a_broken_task(),))
    collector = ReportCollector(lambda: broken, polled=str, version="", revision="", on_error=errors.append)
    names = {family.name for family in collector.collect()}
    assert {"screenshotmax_task_created_timestamp_seconds"} == {each.name for each in collector.describe()} - names
    assert ["scrape"] == errors


def a_broken_task():
    report = Reporter(a_fleet(), {}).report(NOW).tasks[0]
    broken = a_task(created_at="not an instant")
    return type(report)(report.account, "1", report.verdict, fetch_success=True, task=broken)


@pytest.mark.parametrize("name", ["Ünïcode ✓", "a\\b", 'say "hi"', "{}[]=,", " "])
def test_label_text_survives(name: str) -> None:
    """Whatever a task is called, a strict reader sees one series with just that name."""
    store = Store()
    store.add_account("main", interval=MINUTE, listed=None)
    store.record_list("main", [a_task(name=name)], dropped=0, fetched_at=NOON)
    registry = CollectorRegistry()
    reporter = Reporter(store, {"main": lambda task_id: Policy(15 * MINUTE)})
    registry.register(
        ReportCollector(
            lambda: reporter.report(NOON), polled=str, version="", revision="", on_error=store.record_internal_error
        )
    )
    families = {each.name: each for each in text_string_to_metric_families(generate_openmetrics(registry).decode())}
    (sample,) = families["screenshotmax_task_enabled"].samples
    assert {"account": "main", "task_id": "1001", "task_name": name} == sample.labels
