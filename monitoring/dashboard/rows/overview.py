"""What one look has to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.dashboard.grafana import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    Panel,
    stat,
    steps,
)
from monitoring.dashboard.queries import (
    TASK,
    account,
    added,
    in_state,
    joined,
    of_shards,
    of_worst_shard,
    on_time,
    task,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def _count(name: str, description: str, colour: str) -> Panel:
    title = name.replace("_", " ").capitalize()
    return stat(title, description, in_state(name), thresholds=steps(GREEN, (1, colour)))


OVERVIEW: Sequence[Panel] = (
    stat(
        "All tasks",
        "Tasks that are watched, whatever their state.",
        f"count({joined(task('fetch_success'), TASK)})",
        thresholds=steps(BLUE),
    ),
    _count("missed", "Tasks that had not run for a fire when its deadline had passed.", RED),
    _count("unknown", "Tasks that cannot be judged; the table says why.", PURPLE),
    _count("due", "Tasks that have not run for a fire whose deadline is still to come.", ORANGE),
    _count("never_ran", "Tasks that have never run, and did not have to yet.", BLUE),
    _count("disabled", "Tasks that are disabled in ScreenshotMAX. They are never missed.", GRAY),
    stat(
        "Failing accounts",
        "Accounts whose newest poll failed, at one shard or at all of them.",
        added(f"1 - {of_worst_shard('up')}"),
        thresholds=steps(GREEN, (1, RED)),
    ),
    stat(
        "Blocked accounts",
        "Accounts that are not polled for now, by Retry-After or back-off.",
        f"count({joined(account('api_blocked_until_timestamp_seconds'), 'account')} > time())"
        f" or {added('0 * ' + account('up'))}",
        thresholds=steps(GREEN, (1, ORANGE)),
    ),
    stat(
        "Oldest evidence",
        "Time since the last good poll of the account or shard where it is longest. No verdict beyond stale_after.",
        f"max(time() - {of_worst_shard('last_successful_poll_timestamp_seconds')})",
        unit="s",
        width=6,
        thresholds=steps(GREEN, (300, ORANGE), (900, RED)),
    ),
    stat(
        "On time",
        "Share of the runs that the schedules called for in the range and that came in time. Nothing when none was.",
        on_time("", "$__range"),
        unit="percentunit",
        width=6,
        decimals=2,
        noValue="no run was due",
        thresholds=steps(RED, (0.95, ORANGE), (0.99, GREEN)),
    ),
    stat(
        "Missing one fire",
        "The most tasks of an account that missed the same fire: many point to ScreenshotMAX, one to the task.",
        f"max({of_shards('tasks_missing_common_fire')})",
        width=6,
        thresholds=steps(GREEN, (2, RED)),
    ),
    stat(
        "Not watched",
        "Tasks that are not watched because they are more than max_tasks.",
        added(of_shards("tasks_dropped")),
        width=6,
        thresholds=steps(GREEN, (1, RED)),
    ),
)
