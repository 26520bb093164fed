"""Scrapes once a second, reads strictly, and says what it found, a line of JSON each. A process of its own.

What upstream does to the process that plays it must not be taken for slowness of the exporter.
"""

from __future__ import annotations

import gzip
import http.client
import json
import math
import sys
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client.samples import Sample

PREFIX = "screenshotmax_task_"
OPENMETRICS, TEXT = "application/openmetrics-text;version=1.0.0", "text/plain;version=0.0.4"
PATIENCE_SECONDS = 10.0


@dataclass(slots=True)
class Shown:
    """What a scrape says of one task; times are unix seconds."""

    missed: float | None = None
    fetched: float | None = None
    runs: float | None = None
    last_run: float | None = None
    expected: float = 0.0
    observed: float = 0.0
    missed_runs: float = 0.0
    extra_runs: float = 0.0


FIELDS = {
    f"{PREFIX}missed_run": "missed",
    f"{PREFIX}last_fetch_timestamp_seconds": "fetched",
    f"{PREFIX}runs": "runs",
    f"{PREFIX}last_run_timestamp_seconds": "last_run",
    f"{PREFIX}expected_runs_total": "expected",
    f"{PREFIX}observed_runs_total": "observed",
    f"{PREFIX}missed_runs_total": "missed_runs",
    f"{PREFIX}extra_runs_total": "extra_runs",
}
TOTALS = {
    "screenshotmax_exporter_internal_errors_total": "internal_errors",
    "screenshotmax_exporter_config_last_reload_successful": "reload_successful",
    "screenshotmax_api_requests_total": "requests",
    "screenshotmax_polls_total": "polls",
}


def read(text: str, *, openmetrics: bool) -> list[Sample]:
    """All samples. Raises ValueError for what no strict reader would take."""
    families = list((parse_openmetrics if openmetrics else parse_text)(text))
    samples = [sample for family in families for sample in family.samples]
    names = Counter((sample.name, *sorted(sample.labels.items())) for sample in samples)
    doubled = [name for name, count in names.items() if count > 1]
    if doubled:
        raise ValueError(f"{doubled[0]} is there twice")
    if len(samples) != sum(bool(line) and not line.startswith("#") for line in text.split("\n")):
        raise ValueError("there are lines that are no samples")
    if any(math.isnan(sample.value) or sample.timestamp is not None for sample in samples):
        raise ValueError("there is a NaN or a timestamp")
    if len(families) != len({family.name for family in families}):
        raise ValueError("a family is there twice")
    _check_tasks(samples)
    return samples


def _check_tasks(samples: Sequence[Sample]) -> None:
    names, states = defaultdict(set), Counter[tuple[str, str]]()
    for sample in samples:
        if sample.name.startswith(PREFIX):
            key = sample.labels["account"], sample.labels["task_id"]
            names[key].add(sample.labels["task_name"])
            states[key] += sample.value == 1 and sample.name == f"{PREFIX}state"
    for key, found in names.items():
        if len(found) != 1 or states[key] != 1:
            raise ValueError(f"{'/'.join(key)} has {len(found)} names and {states[key]} states")


def facts(samples: Sequence[Sample]) -> dict[str, Any]:
    """Tasks by account and id, and totals over all accounts."""
    tasks: dict[str, Shown] = defaultdict(Shown)
    totals: dict[str, float] = defaultdict(float)
    for sample in samples:
        if sample.name in FIELDS:
            setattr(tasks[f"{sample.labels['account']}/{sample.labels['task_id']}"], FIELDS[sample.name], sample.value)
        elif sample.name in TOTALS:
            totals[TOTALS[sample.name]] += sample.value
    return {"tasks": {key: asdict(shown) for key, shown in tasks.items()}, "totals": totals}


class Scraper:
    """Over one connection, as Prometheus does, in both formats by turns."""

    def __init__(self, address: str, secrets: Sequence[str]) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=PATIENCE_SECONDS)
        self._secrets = secrets

    def scrape(self, *, openmetrics: bool) -> dict[str, Any]:
        found: dict[str, Any] = {"at": time.time(), "fault": ""}
        began_seconds = time.perf_counter()
        try:
            status, body = self._ask(OPENMETRICS if openmetrics else TEXT)
            found["seconds"] = time.perf_counter() - began_seconds
            text = body.decode()
            found["sightings"] = sum(secret in text for secret in self._secrets)
            found |= facts(read(text, openmetrics=openmetrics))
            found["fault"] = "" if status == http.client.OK else f"the status is {status}"
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            self._connection.close()
            found["fault"] = f"{type(error).__name__}: {error}"[:500]
        return {"seconds": time.perf_counter() - began_seconds} | found

    def _ask(self, accept: str) -> tuple[int, bytes]:
        self._connection.request("GET", "/metrics", headers={"Accept": accept, "Accept-Encoding": "gzip"})
        answer = self._connection.getresponse()
        body = answer.read()
        return answer.status, gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body


def main(address: str, *secrets: str) -> None:
    """Without end."""
    scraper = Scraper(address, secrets)
    due_seconds, number = time.monotonic(), 0
    while True:
        sys.stdout.write(json.dumps(scraper.scrape(openmetrics=number % 2 == 1)) + "\n")
        sys.stdout.flush()
        number, due_seconds = number + 1, max(due_seconds + 1, time.monotonic())
        time.sleep(max(0.0, due_seconds - time.monotonic()))


if __name__ == "__main__":
    main(*sys.argv[1:])
