"""From a task that stops to the page that somebody gets: simulator, exporter, Prometheus with our rules, Alertmanager, webhook.

Both versions of Prometheus watch the same exporter, each with an Alertmanager of its own. In the rules only durations are changed:
a minute is two seconds.
"""

from __future__ import annotations

import json
import re
import signal
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from processes import running
from stage import ANY_PORT, KEY, LISTENING, Prometheus, Upstream, eventually, exporting, scraping, simulating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Component = Callable[[str], Path]

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "monitoring" / "rules").glob("*.yaml"))
VERSIONS = ("prometheus", "prometheus3")
STOPPING, STOPPING_NAME = "5650820808835001", "Status page, every minute"
LONG_MISSED = "5650820808835008"
# The runs of the simulator come 5 to 20 s after their fires.
CONFIG = """
poll: {{interval: 5s, fetch: list}}
missed_run: {{grace: 25s}}
accounts:
  - {{name: main, access_key: {key}, tasks: ["{stopping}"], api: {{base_url: "{main}"}}}}
  - {{name: cut-off, access_key: {key}, tasks: ["{stopping}", "{missed}"], api: {{base_url: "{cut_off}"}}}}
"""
PROMETHEUS = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ["*.rules.yaml"]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{alertmanager}"]}}]}}]}}
scrape_configs:
  - job_name: screenshotmax
    static_configs: [{{targets: ["{exporter}"]}}]
"""
ALERTMANAGER = """
route: {{receiver: test, group_by: ["..."], group_wait: 0s, group_interval: 1s}}
receivers: [{{name: test, webhook_configs: [{{url: "{webhook}"}}]}}]
"""
MINUTES_AND_MORE_SECONDS = (
    150.0  # a fire, its run's delay and grace, a poll, a scrape, an evaluation; on a busy machine
)

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
PART = re.compile(r"(\d+)(ms|[smhdwy])")
DURATION = rf"(?:{PART.pattern.replace('(', '(?:')})+"
OF_EXPRESSION = re.compile(rf"(?<=\[){DURATION}(?=[:\]])|(?<=:){DURATION}(?=\])|(?<=offset ){DURATION}")
MINUTE_SECONDS = 2  # what a minute of the rules becomes
LEAST_SECONDS = 3  # a few scrapes


def shortened(duration: str) -> str:
    seconds = sum(int(number) * UNITS[unit] for number, unit in PART.findall(duration))
    return f"{max(LEAST_SECONDS, round(seconds / 60 * MINUTE_SECONDS))}s"


def hasten(rules: dict[str, Any]) -> dict[str, Any]:
    """The same rules with every duration shortened alike. Thresholds are not durations and stay."""
    for group in rules["groups"]:
        for part in (group, *group["rules"]):
            part.update({key: shortened(part[key]) for key in ("interval", "for", "keep_firing_for") if key in part})
        for rule in group["rules"]:
            rule["expr"] = OF_EXPRESSION.sub(lambda found: shortened(found[0]), rule["expr"])
    return rules


@dataclass(frozen=True)
class Page:
    status: str
    labels: dict[str, str]
    annotations: dict[str, str]


@dataclass
class Pager:
    """What Alertmanager has posted, in order."""

    url: str = ""
    pages: list[Page] = field(default_factory=list)

    def heard(self, alert: str, status: str = "firing", **labels: str) -> list[Page]:
        """The pages of an alert, whose name may be a pattern, with at least these labels."""
        return [
            page
            for page in self.pages
            if page.status == status
            and re.fullmatch(alert, page.labels["alertname"])
            and labels.items() <= page.labels.items()
        ]


@dataclass(frozen=True)
class Chain:
    prometheus: Prometheus
    pager: Pager


@contextmanager
def paging() -> Iterator[Pager]:
    pager = Pager()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            pager.pages += [Page(one["status"], one["labels"], one["annotations"]) for one in posted["alerts"]]
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        pager.url = f"http://127.0.0.1:{server.server_port}/"
        try:
            yield pager
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def alerting(component: Component, version: str, *, place: Path, target: str) -> Iterator[Chain]:
    """A Prometheus with our rules, its Alertmanager, and what comes out at the end."""
    place.mkdir()
    for path in RULES:
        hastened = hasten(yaml.safe_load(path.read_text(encoding="utf-8")))
        (place / f"{path.stem}.rules.yaml").write_text(yaml.safe_dump(hastened))
    with paging() as pager:
        (place / "alertmanager.yml").write_text(ALERTMANAGER.format(webhook=pager.url))
        flags = ["--config.file=alertmanager.yml", "--storage.path=kept", "--cluster.listen-address=", ANY_PORT]
        with running([str(component("alertmanager")), *flags], cwd=place) as process:
            address = process.wait_for(LISTENING)[1]
            config = PROMETHEUS.format(alertmanager=address, exporter=target)
            with scraping(component(version), place, config) as prometheus:
                yield Chain(prometheus, pager)


@dataclass(frozen=True)
class Stage:
    main: Upstream
    chains: dict[str, Chain]
    bereft: Chain  # its exporter is dead


@pytest.fixture(scope="module")
def stage(component: Component, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """All is well and one old miss has been told of. Then, at once: the same task stops in both accounts, one account's API
    goes down, and another exporter, which has a Prometheus of its own, is killed.
    """
    place = tmp_path_factory.mktemp("alerts")
    with ExitStack() as stack:
        main, cut_off = (stack.enter_context(simulating(place)) for _ in range(2))
        config = CONFIG.format(main=main.url, cut_off=cut_off.url, key=KEY, stopping=STOPPING, missed=LONG_MISSED)
        exporter, doomed = (stack.enter_context(exporting(place, config)) for _ in range(2))

        def watch(version: str, target: str) -> Chain:
            return stack.enter_context(
                alerting(component, version, place=place / f"{version} of {target}", target=target)
            )

        chains = {version: watch(version, exporter.target) for version in VERSIONS}
        bereft = watch(VERSIONS[0], doomed.target)
        for chain in chains.values():
            eventually(lambda pager=chain.pager: pager.heard("ScreenshotMAXTaskMissed", task_id=LONG_MISSED))
            assert not chain.pager.heard(".*", task_id=STOPPING)
        eventually(lambda: bereft.prometheus.value("up"))
        doomed.process.end(signal.SIGKILL)
        cut_off.order("fault", status=503)
        for upstream in (main, cut_off):
            upstream.order("behaviour", account="main", task_id=STOPPING, stops_at=time())
        yield Stage(main, chains, bereft)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_in_the_rules_tried_only_durations_differ(path: Path) -> None:
    """What is tried below are our rules: blank out every duration, and both are the same; but no window is of minutes."""
    text = path.read_text(encoding="utf-8")
    ours, tried = yaml.safe_load(text), hasten(yaml.safe_load(text))
    blank = [re.sub(rf"\b{DURATION}\b", "1m", json.dumps(rules)) for rules in (ours, tried)]
    assert blank[0] == blank[1]
    assert ours != tried
    windows = re.findall(r"\[(.*?)\]", " ".join(rule["expr"] for group in tried["groups"] for rule in group["rules"]))
    assert all(re.fullmatch(r"\d+s(:(\d+s)?)?", window) for window in windows)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_task_that_stops_pages_and_resolves_when_it_runs(stage: Stage, version: str) -> None:
    """The page says which task, how bad it is and what to do; it is taken back once the task has run."""
    pager = stage.chains[version].pager
    task = {"account": "main", "task_id": STOPPING}
    (page, *_) = eventually(
        lambda: pager.heard("ScreenshotMAXTaskMissed", **task), within_seconds=MINUTES_AND_MORE_SECONDS
    )
    assert page.annotations["runbook_url"].endswith("/docs/runbooks/ScreenshotMAXTaskMissed.md")
    assert STOPPING_NAME in page.annotations["description"]
    assert page.annotations["summary"]
    assert page.labels["severity"] in {"critical", "warning"}
    stage.main.order("behaviour", account="main", task_id=STOPPING)
    stage.main.order("run", account="main", task_id=STOPPING)
    eventually(
        lambda: pager.heard("ScreenshotMAXTaskMissed", "resolved", **task), within_seconds=MINUTES_AND_MORE_SECONDS
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_an_outage_pages_for_the_account_and_not_for_its_tasks(stage: Stage, version: str) -> None:
    """When the other account's task has long been called missed, nothing was said of the one behind the outage;
    and what had been said before it still stands.
    """
    pager = stage.chains[version].pager
    eventually(lambda: pager.heard("ScreenshotMAXTaskMissed", account="main"), within_seconds=MINUTES_AND_MORE_SECONDS)
    (page, *_) = eventually(
        lambda: pager.heard("ScreenshotMAX.*PollFailing", account="cut-off"), within_seconds=MINUTES_AND_MORE_SECONDS
    )
    assert page.annotations["runbook_url"].endswith(f"/docs/runbooks/{page.labels['alertname']}.md")
    assert not pager.heard(".*", account="cut-off", task_id=STOPPING)
    assert not pager.heard("ScreenshotMAXTaskMissed", "resolved", account="cut-off", task_id=LONG_MISSED)
    assert not pager.heard("ScreenshotMAX.*PollFailing", account="main")


def test_a_dead_exporter_is_missed(stage: Stage) -> None:
    """Killed without a word, the exporter is told of by a rule that needs no series of its own."""
    (page, *_) = eventually(lambda: stage.bereft.pager.heard("ScreenshotMAX.*ExporterDown"))
    assert page.annotations["runbook_url"].endswith(f"/docs/runbooks/{page.labels['alertname']}.md")
