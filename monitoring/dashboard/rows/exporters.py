"""What the exporters say of themselves, and Prometheus of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.dashboard.grafana import (
    GREEN,
    RED,
    Column,
    Panel,
    Query,
    graph,
    table,
    timeline,
    words,
)
from monitoring.dashboard.queries import (
    added,
    exporter,
    increase,
    joined,
    of_exporters,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_UP = words({0: ("Down", RED), 1: ("Up", GREEN)})
_DONE = words({0: ("Failed", RED), 1: ("Good", GREEN)})
_MOMENT = {"unit": "dateTimeFromNow", "custom_align": "right"}
_COLOURED = {"custom_cellOptions": {"type": "color-background", "mode": "basic"}}
_RELOADED = exporter("screenshotmax_exporter_config_last_reload_successful")
_RELOADED_AT = exporter("screenshotmax_exporter_config_last_reload_success_timestamp_seconds")
EXPORTERS: Sequence[Panel] = (
    table(
        "Versions and reloads",
        "Each exporter's version, its start, and the newest reload of its configuration.",
        (
            Query(
                joined(exporter("screenshotmax_exporter_build_info"), "instance, version, revision, pythonversion"),
                name="build",
            ),
            Query(joined(_RELOADED, "instance"), name="reload"),
            Query(joined(_RELOADED_AT, "instance") + " * 1000", name="reloaded"),
            Query(joined(of_exporters(exporter("process_start_time_seconds")), "instance") + " * 1000", name="started"),
        ),
        (
            Column("instance", "Instance"),
            Column("version", "Version"),
            Column("revision", "Revision"),
            Column("pythonversion", "Python"),
            Column("Value #started", "Started", _MOMENT),
            Column("Value #reload", "Newest reload", {"unit": "none", "mappings": _DONE, **_COLOURED}),
            Column("Value #reloaded", "Last good reload", _MOMENT),
        ),
        by=(),
        height=8,
        width=12,
    ),
    timeline(
        "Scraped",
        "Whether Prometheus could scrape each exporter that it could scrape at some time in the range.",
        Query(
            f"{exporter('up')} and on (job, instance)"
            f" last_over_time({exporter('screenshotmax_exporter_build_info')}[$__range])",
            "{{instance}}",
        ),
        mappings=_UP,
        width=12,
    ),
    graph(
        "Trouble inside",
        "Bugs of the exporter that were caught, by where, and ledger files that were set aside, in each step."
        " More than 0 is worth a look at its log.",
        Query(
            joined(increase(exporter("screenshotmax_exporter_internal_errors_total")), "instance, where"),
            "{{instance}}: {{where}}",
        ),
        Query(
            joined(increase(exporter("screenshotmax_exporter_ledger_recoveries_total")), "instance"),
            "{{instance}}: ledger set aside",
        ),
        unit="none",
        style="bars",
    ),
    graph(
        "Refused clients",
        "Connections and requests to the exporters that were refused or cut off, by reason, in each step."
        " A client that is too slow, knows no password or asks too often is behind most of them.",
        Query(added(increase(exporter("screenshotmax_exporter_http_refused_total")), "reason"), "{{reason}}"),
        unit="none",
        style="bars",
    ),
    graph(
        "Duration of scrapes",
        "How long Prometheus waited for each exporter.",
        Query(of_exporters(exporter("scrape_duration_seconds")), "{{instance}}"),
        unit="s",
        width=8,
    ),
    graph(
        "Memory",
        "Resident memory of each exporter.",
        Query(of_exporters(exporter("process_resident_memory_bytes")), "{{instance}}"),
        unit="bytes",
        width=8,
    ),
    graph(
        "Processor",
        "Share of one processor that each exporter uses.",
        Query(of_exporters(f"rate({exporter('process_cpu_seconds_total')}[$__rate_interval])"), "{{instance}}"),
        unit="percentunit",
        width=8,
    ),
)
