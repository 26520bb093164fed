"""Each fault of upstream against the whole exporter: one row of the table of faults, one case of docs/faults.md."""

from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from chaos.faults import FAULTS
from chaos.faults.meanings import SECRET
from chaos.stage import ANY_KEY, CONTROL, FAULTS_FROM, FAULTS_UNTIL, LOOKS, MOST_FAULTS, NEIGHBOUR, VICTIM, play
from exporter.model import Reason, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaos.plays import Fault
    from chaos.stage import Look, Played

TIMEOUT_SECONDS = 10.0
CAPS = {False: 1024 * 1024, True: 16 * 1024 * 1024}  # bytes of a task's answer, of a list
BUFFERS = 4 * 1024 * 1024  # what two kernels' ends hold of a connection
MOST_ATTEMPTS = 3
ROUND = timedelta(minutes=8)
MOST_JITTER_SECONDS = 30
OF_THE_ACCOUNT = {Reason.HTTP_401, Reason.HTTP_402, Reason.HTTP_423, Reason.HTTP_429}  # all of its tasks feel them


@pytest.fixture(scope="module")
def plays(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """By fault. Those that are asked for are played together, as many as fit: that takes seconds instead of minutes."""
    items = [item for item in request.session.items if item.module is request.module]
    names = [item.callspec.params["name"] for item in items if item.name.startswith("test_a_fault[")] or list(FAULTS)
    played: dict[str, Played] = {}
    for start in range(0, len(names), MOST_FAULTS):
        part = names[start : start + MOST_FAULTS]
        played |= dict.fromkeys(part, play(part, tmp_path_factory.mktemp("chaos")))
    return played


def failures(look: Look, account: str) -> set[str]:
    counts = {each: f'screenshotmax_poll_failures_total{{account="{account}",reason="{each}"}}' for each in Reason}
    return {reason for reason, name in counts.items() if look.samples[name]}


def neighbours_states(fault: Fault) -> set[str]:
    """What becomes of the account's other task, which is asked for four minutes later."""
    if fault.reason is None:
        return {State.OK}
    if fault.door or fault.nowhere or fault.listed:
        return {fault.state}
    return {State.OK, State.DUE} if fault.reason in OF_THE_ACCOUNT else {State.OK}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(plays: dict[str, Played], name: str) -> None:
    """Its reason is told, facts and verdict are what the evidence bears, and afterwards no run has been lost."""
    fault, played = FAULTS[name], plays[name]
    look, after = played.looks["past the deadline"], played.looks["reloaded" if fault.block else "recovered"]
    assert ({fault.reason} if fault.reason else set()) == failures(look, name)
    assert fault.gone is ((name, VICTIM) not in look.tasks)
    if not fault.gone:
        check_the_victim(look.tasks[name, VICTIM], fault)
    assert look.tasks[name, NEIGHBOUR]["state"] in neighbours_states(fault)
    check_the_wire(played, name)
    check_the_log(played, name)
    if not fault.nowhere:
        check_that_it_is_over(played, after, name)


def check_the_victim(task: dict, fault: Fault) -> None:
    """Old facts or new ones, and no verdict that they do not bear."""
    problems = [] if fault.problem is None else [fault.problem.value]
    assert (fault.state, problems) == (task["state"], task["problems"])
    assert not task["missed_run"]
    assert (fault.reason is None) is task["fetch_success"]


def check_the_wire(played: Played, name: str) -> None:
    """Every request ended in time and was cut off at the cap; no more of them than allowed, without a cookie.

    An answer that is kept alive has all of that time, and where the connection meets its fault nothing is sent.
    """
    fault, requests = FAULTS[name], played.asked(name)
    assert all(asked.seconds <= TIMEOUT_SECONDS for asked in requests)
    if fault.reason is Reason.TIMEOUT:
        assert all(asked.seconds == TIMEOUT_SECONDS for asked in requests if asked.fault)
    if fault.door:
        assert not [asked for asked in requests if FAULTS_FROM <= asked.at < FAULTS_UNTIL]
    assert all(asked.sent <= CAPS[fault.listed] + BUFFERS for asked in requests)
    assert all("cookie" not in asked.headers for asked in requests)
    rounds = Counter((asked.at - FAULTS_FROM) // ROUND for asked in requests if asked.fault)
    assert all(count <= MOST_ATTEMPTS for count in rounds.values())


def check_the_log(played: Played, name: str) -> None:
    """It says which of several faults with one reason it was."""
    fault = FAULTS[name]
    lines = [line for line in played.log.splitlines() if f" account={name} " in line] if fault.told else []
    assert bool(fault.told) is any(f'reason={fault.reason} detail="{fault.told}"' in line for line in lines)


def check_that_it_is_over(played: Played, look: Look, name: str) -> None:
    """The truth is shown again, and the counters know of the run that nobody could see meanwhile."""
    for task_id in (VICTIM, NEIGHBOUR):
        task = look.tasks[name, task_id]
        assert ("ok", True, played.world.accounts[name].task(task_id).runs) == (
            task["state"],
            task["fetch_success"],
            task["runs"],
        )
        labels = f'account="{name}",task_id="{task_id}",task_name="{task["task_name"]}"'
        assert 0 == look.samples[f"screenshotmax_task_missed_runs_total{{{labels}}}"]


def shown(played: Played) -> Iterator[str]:
    """All that anybody could read."""
    yield played.log
    for look in played.looks.values():
        yield from (look.metrics, look.pages, look.openmetrics)


def looks(plays: dict[str, Played]) -> Iterator[Look]:
    for played in different(plays):
        yield from played.looks.values()


def different(plays: dict[str, Played]) -> list[Played]:
    return list({id(played): played for played in plays.values()}.values())


def test_no_run_is_called_missed(plays: dict[str, Played]) -> None:
    """Every run took place in time, and whatever upstream says of it, or does instead, no flag says otherwise."""
    for look in looks(plays):
        assert [] == look.missed()
        assert "screenshotmax_task_missed_run{" in look.metrics


def test_every_scrape_is_good(plays: dict[str, Played]) -> None:
    """Each page and scrape is a 200; no series comes twice, none is NaN, each task has one name, no bug was met."""
    for look in looks(plays):
        assert frozenset({200}) == look.statuses
        found = look.samples
        assert len(found) == sum(not line.startswith("#") for line in look.metrics.splitlines())
        assert not any(math.isnan(value) for value in found.values())
        assert len(look.tasks) == sum(name.startswith("screenshotmax_task_fetch_success{") for name in found)
        assert 0 == sum(value for name, value in found.items() if "_internal_errors_total{" in name)


def test_the_strict_parser_reads_what_is_scraped(plays: dict[str, Played]) -> None:
    """Under every fault and every hostile name at once it finds the same series as are in the plain text."""
    for played in different(plays):
        look = played.looks["past the deadline"]
        strict = [one for family in parse_openmetrics(look.openmetrics) for one in family.samples]
        names = {
            (one.labels["account"], one.labels["task_id"]): one.labels["task_name"]
            for one in strict
            if "task_name" in one.labels
        }
        assert {place: task["task_name"] for place, task in look.tasks.items()} == names
        assert len(look.samples) == len(strict)


def test_an_account_without_a_fault(plays: dict[str, Played]) -> None:
    """Beside dozens of others in trouble it is polled as ever: up, no failure, its tasks well."""
    for look in looks(plays):
        assert set() == failures(look, CONTROL)
        assert 1 == look.samples[f'screenshotmax_up{{account="{CONTROL}"}}']
    for played in different(plays):
        last = played.looks["recovered"]
        assert ["ok", "ok"] == [last.tasks[CONTROL, task_id]["state"] for task_id in (VICTIM, NEIGHBOUR)]
        assert all(asked.seconds < 1 for asked in played.asked(CONTROL))


def test_nothing_goes_where_it_should_not(plays: dict[str, Played]) -> None:
    """Where redirects lead nobody knocks; no key and nothing of a task's query is in any line, page or metric."""
    for played in different(plays):
        assert 0 == played.astray
        assert not any(secret in text for text in shown(played) for secret in (ANY_KEY, SECRET))


def test_a_refusal_is_respected(plays: dict[str, Played]) -> None:
    """As long as upstream asks, an hour at most, or for our own pause, the account asks nothing, and the metric says so."""
    for name in plays.keys() & {name for name, fault in FAULTS.items() if fault.block}:
        block, played = FAULTS[name].block, plays[name]
        asked = played.asked(name)
        refused = [first for first in asked if first.fault]
        assert refused
        until = f'screenshotmax_api_blocked_until_timestamp_seconds{{account="{name}"}}'
        for one in refused:
            later = [other.at - one.at for other in asked if other.at > one.at and other.at < LOOKS["recovered"]]
            assert all(span >= block for span in later)
        if block > ROUND:
            until_seconds = played.looks["past the deadline"].samples[until]
            assert 0 <= until_seconds - (refused[0].at + block).timestamp() <= MOST_JITTER_SECONDS + 1
            assert until not in played.looks["reloaded"].samples
