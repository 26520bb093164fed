"""What stands around the panels: variables, annotations, links, and the dashboard as a whole."""

from __future__ import annotations

from monitoring.dashboard import queries
from monitoring.dashboard.grafana import BLUE, DATASOURCE, RED, Json, lay_out
from monitoring.dashboard.rows import ROWS

UID = "screenshotmax-tasks"
TAG = "screenshotmax"
FINAL_SCHEMA = 42  # Grafana's last of this form; older ones of its programs read it too
ON_TIME_RANGE_CHANGE = 2
ALPHABETICALLY = 5  # without regard to case
ALL = {"selected": True, "text": ["All"], "value": ["$__all"]}

# What query_result() gives is one text for each task, its labels in alphabetical order. A name may hold quotes.
BY_NAME = r'/task_id="(?<value>[^"]+)"(?:,task_name="(?<text>.*)")?\}/'


def build_dashboard() -> Json:
    return {
        "id": None,
        "uid": UID,
        "title": "ScreenshotMAX tasks",
        "description": "Whether the scheduled tasks of ScreenshotMAX run when they should.",
        "tags": [TAG],
        "timezone": "browser",
        "editable": False,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "schemaVersion": FINAL_SCHEMA,
        "version": 1,
        "links": _links(),
        "annotations": {"list": _annotations()},
        "templating": {"list": _variables()},
        "panels": lay_out(ROWS),
    }


def _variables() -> list[Json]:
    build = "screenshotmax_exporter_build_info"
    named = queries.joined(queries.account("task_fetch_success"), queries.NAMED)
    return [
        {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"},
        _query("job", "Job", f"label_values({build}, job)"),
        _query("instance", "Instance", f'label_values({build}{{job=~"$job"}}, instance)'),
        _query("account", "Account", f"label_values({queries.exporter('screenshotmax_up')}, account)"),
        _query("task", "Task", f"query_result({named})", regex=BY_NAME),
        {
            "type": "textbox",
            "name": "exporter_url",
            "label": "Exporter URL",
            "description": "Where the status page is for whoever looks at this: links from tasks lead there.",
            "query": "http://localhost:10142",
            "current": {"selected": True, "text": "http://localhost:10142", "value": "http://localhost:10142"},
        },
    ]


def _query(name: str, label: str, query: str, regex: str = "") -> Json:
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "query": query,
        "regex": regex,
        "refresh": ON_TIME_RANGE_CHANGE,
        "sort": ALPHABETICALLY,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": ALL,
    }


def _annotations() -> list[Json]:
    reloaded = queries.exporter("screenshotmax_exporter_config_last_reload_success_timestamp_seconds")
    return [
        {
            "builtIn": 1,
            "name": "Annotations & Alerts",
            "type": "dashboard",
            "datasource": {"type": "grafana", "uid": "-- Grafana --"},
            "enable": True,
            "hide": True,
            "iconColor": "rgba(0, 211, 255, 1)",
        },
        _annotation(
            "Missed",
            queries.missed_now(),
            colour=RED,
            text="{{task_name}} ({{account}}/{{task_id}})",
        ),
        _annotation(
            "Configuration reloaded",
            f"{queries.joined(f'changes({reloaded}[$__rate_interval])', 'job')} > 0",
            colour=BLUE,
            text="{{job}}",
        ),
    ]


def _annotation(name: str, expression: str, *, colour: str, text: str) -> Json:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": expression,
        "step": "1m",
        "titleFormat": name,
        "textFormat": text,
        "tagKeys": "account",
        "useValueForTime": False,
    }


def _links() -> list[Json]:
    shared = {"icon": "external link", "tags": [], "asDropdown": False, "includeVars": False, "keepTime": False}
    return [
        {
            **shared,
            "type": "link",
            "title": "Status page",
            "tooltip": "The exporter's own page, at Exporter URL",
            "url": "${exporter_url}/",
            "targetBlank": True,
        },
        {
            **shared,
            "type": "dashboards",
            "title": "ScreenshotMAX",
            "tooltip": "Other dashboards with the same tag",
            "tags": [TAG],
            "asDropdown": True,
            "includeVars": True,
            "keepTime": True,
            "targetBlank": False,
        },
    ]
