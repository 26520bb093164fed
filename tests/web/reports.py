"""Builders of reports as the web is given them."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
from prometheus_client.core import GaugeMetricFamily

from exporter.config import PolicySources, Source
from exporter.explain import explain
from exporter.metrics import Registry
from exporter.model import (
    AccountReport,
    Expectation,
    Policy,
    Problem,
    Reason,
    Report,
    State,
    Task,
    TaskReport,
    Verdict,
    Window,
)
from exporter.schedule import Schedules
from exporter.web import Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import Metric
    from starlette.applications import Starlette

    from exporter.explain import Explanation

NOW = datetime(2025, 11, 24, 9, 30, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

RULES = {
    State.OK: "the last run answers every fire so far",
    State.DUE: "the fire has passed, its deadline has not",
    State.MISSED: "evidence from after the deadline shows no run for the fire",
    State.NEVER_RAN: "it never ran, and it did not have to yet",
    State.DISABLED: "the task is disabled",
    State.UNKNOWN: "the evidence is too old to tell",
}


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></pre><style>*{display:none}",
    "{{ 7 * 7 }}{% raw %}",
    "two\nlines\r\tand a tab",
    "&lt;b&gt;",
    "\u202egnp.exe",
)


def a_task_report(
    state: State = State.OK, *, task_id: str = "5678133109850112", name: str = "Home page", **changes: object
) -> TaskReport:
    """A task in the given state, run ten minutes ago and fetched one minute ago."""
    problems = (Problem.STALE,) if state is State.UNKNOWN else ()
    task = Task(
        id=task_id,
        name=name,
        api="screenshot",
        frequency="hourly",
        crontab="0 * * * *",
        timezone="Europe/Paris",
        enabled=state is not State.DISABLED,
        created_at=NOW - timedelta(days=90),
        last_run_at=None if state is State.NEVER_RAN else NOW - 10 * MINUTE,
        runs=0 if state is State.NEVER_RAN else 1234,
    )
    fire = Window(NOW.replace(minute=0, second=0), NOW.replace(minute=0, second=0))
    known = TaskReport(
        account="main",
        task_id=task_id,
        verdict=Verdict(
            state,
            RULES[state],
            problems,
            fire=fire,
            deadline_at=fire.latest_at + 6 * MINUTE,
            consecutive=3 if state is State.MISSED else 0,
        ),
        fetch_success=True,
        task=task,
        fetched_at=NOW - MINUTE,
        expectation=Expectation(6 * MINUTE, 6 * MINUTE, NOW, fire, fire.latest_at + 6 * MINUTE),
        schedule_valid=True,
        previous_fire_at=fire.earliest_at,
        next_fire_at=fire.earliest_at + 60 * MINUTE,
        last_run_age=None if state in (State.NEVER_RAN, State.UNKNOWN) else 10 * MINUTE,
        lateness=timedelta(seconds=12),
    )
    return replace(known, **changes)


def an_account(name: str = "main", **changes: object) -> AccountReport:
    """An account whose newest poll went well."""
    account = AccountReport(
        name=name,
        interval=MINUTE,
        up=True,
        polled=True,
        tasks=6,
        last_success_at=NOW - timedelta(seconds=20),
        polls=40,
        failures={Reason.TIMEOUT: 2, Reason.DNS: 0},
        requests={"200": 40},
        clock_skew=timedelta(seconds=0.4),
    )
    return replace(account, **changes)


def a_report(*tasks: TaskReport, accounts: tuple[AccountReport, ...] | None = None) -> Report:
    return Report(NOW, (an_account(),) if accounts is None else accounts, tasks)


def a_fleet() -> Report:
    """Two accounts, one of them failing, and a task in every state."""
    names = {
        State.OK: "Home page",
        State.DUE: "Pricing page",
        State.MISSED: "Checkout, mobile",
        State.NEVER_RAN: "New landing page",
        State.DISABLED: "Christmas sale",
        State.UNKNOWN: "Blog archive",
    }
    tasks = [
        a_task_report(state, name=name, task_id=str(5678133109850112 + place))
        for place, (state, name) in enumerate(names.items())
    ]
    broken = a_task_report(State.UNKNOWN, name="Half-yearly report", task_id="42", account="marketing")
    tasks.append(
        replace(
            broken,
            verdict=Verdict(State.UNKNOWN, "the schedule is not valid", (Problem.INVALID_SCHEDULE,)),
            schedule_valid=False,
            schedule_error="Field 2 of '0 25 * * *' is 25, expected 0 to 23.",
            expectation=None,
            previous_fire_at=None,
            next_fire_at=None,
        )
    )
    failing = an_account(
        "marketing",
        up=False,
        tasks=1,
        last_reason=Reason.HTTP_429,
        last_success_at=NOW - 12 * MINUTE,
        blocked_until_at=NOW + 3 * MINUTE,
        clock_skew=timedelta(seconds=-31),
    )
    return a_report(*tasks, accounts=(an_account(), failing))


def an_explanation(report: Report, known: TaskReport) -> Explanation:
    """With every tolerance at its default."""
    policy, sources = Policy(stale_after=15 * MINUTE), PolicySources(Source.DEFAULT, Source.DEFAULT)
    return explain(report, known, policy=policy, sources=sources, schedules=Schedules())


class Families:
    """A collector that gives what `make` makes, and counts how often it was asked."""

    def __init__(self, make: Callable[[], Iterator[Metric]]) -> None:
        self.asked = 0
        self._make = make

    def describe(self) -> list[Metric]:
        """The two families, and a dozen rooms of which nothing is ever told."""
        names = ("shop_open", "shop_guests", *(f"shop_room_{number}" for number in range(12)))
        return [GaugeMetricFamily(name, "") for name in names]

    def collect(self, names: frozenset[str] | None = None) -> Iterator[Metric]:
        self.asked += 1
        return self._make()


def two_families() -> Iterator[Metric]:
    yield GaugeMetricFamily("shop_open", "Whether it is.", value=1)
    guests = GaugeMetricFamily("shop_guests", "Who is in.", labels=["name"])
    guests.add_metric(['Zoë "Z"\nback\\slash'], 2)
    yield guests


class World:
    """Sources whose every answer a test can change."""

    def __init__(self, make: Callable[[], Iterator[Metric]] = two_families) -> None:
        self.now_report = a_fleet()
        self.errors: Counter[str] = Counter()
        self.is_healthy = True
        self.is_ready = (True, "")
        self.families = Families(make)
        self.registry = Registry(self.families)

    def sources(self, **changes: object) -> Sources:
        given = {
            "report": lambda: self.now_report,
            "explain": an_explanation,
            "registry": self.registry,
            "healthy": lambda: self.is_healthy,
            "ready": lambda: self.is_ready,
            "version": "1.2.3",
            "on_error": lambda where: self.errors.update([where]),
        }
        return Sources(**{**given, **changes})


def ask(app: Starlette, path: str = "/metrics", *, method: str = "GET", **headers: str) -> httpx.Response:
    """One request to the application in this process; header names are given with underscores."""
    return asyncio.run(ask_many(app, 1, path, method=method, **headers))[0]


async def ask_many(
    app: Starlette, times: int, path: str = "/metrics", *, method: str = "GET", **headers: str
) -> list[httpx.Response]:
    """The same request so many times at once."""
    given = {"accept-encoding": "identity", **{name.replace("_", "-"): value for name, value in headers.items()}}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport) as client:
        return await asyncio.gather(
            *(client.request(method, f"http://exporter{path}", headers=given) for _ in range(times))
        )


def accepts(port: int, host: str) -> bool:
    """Whether someone listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as caller:
        return caller.connect_ex((host, port)) == 0
