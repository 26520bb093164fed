"""How the API of ScreenshotMAX answers each account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.dashboard.grafana import (
    GREEN,
    POLLED,
    RED,
    Panel,
    Query,
    graph,
    timeline,
    words,
)
from monitoring.dashboard.queries import (
    account,
    increase,
    joined,
    of_worst_shard,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_UP = words({0: ("Failing", RED), 1: ("Up", GREEN)})
ACCOUNTS: Sequence[Panel] = (
    timeline(
        "Accounts polled",
        "Whether each account could be polled. Where its tasks are shared by shards: by all of them.",
        Query(of_worst_shard("up"), "{{account}}"),
        mappings=_UP,
        width=12,
    ),
    graph(
        "Since the last good poll",
        "How old the evidence of each account is, at its worst shard. Verdicts are withdrawn after stale_after.",
        Query(f"time() - {of_worst_shard('last_successful_poll_timestamp_seconds')}", "{{account}}"),
        unit="s",
    ),
    graph(
        "Failed polls",
        "Polls that gave no evidence, by reason, in each step. docs/metrics.md tells what each reason means.",
        Query(f"{joined(increase(account('poll_failures_total')), 'account, reason')} > 0", "{{account}}: {{reason}}"),
        unit="none",
        style="bars",
        interval=POLLED,
    ),
    graph(
        "Answers of the API",
        "Requests by the status of their answer; none: no answer came.",
        Query(
            joined(f"rate({account('api_requests_total')}[$__rate_interval])", "account, code"), "{{account}}: {{code}}"
        ),
        unit="reqps",
        interval=POLLED,
    ),
    graph(
        "Duration of requests",
        "Half of the requests took no longer than the 50 % line, and nearly all no longer than the 95 % line.",
        *(
            Query(
                f"histogram_quantile({quantile}, sum by (account, le)"
                f" (rate({account('api_request_duration_seconds_bucket')}[$__rate_interval])))",
                f"{{{{account}}}}: {quantile:.0%}",
            )
            for quantile in (0.5, 0.95)
        ),
        unit="s",
        interval=POLLED,
    ),
    graph(
        "Blocked for",
        "For how long no request will be sent, by Retry-After or back-off; 0 when none is in force.",
        Query(
            f"clamp_min({joined(account('api_blocked_until_timestamp_seconds'), 'account')} - time(), 0)"
            f" or 0 * {joined(account('up'), 'account')}",
            "{{account}}",
        ),
        unit="s",
        style="steps",
    ),
    graph(
        "Clock skew",
        "The API's clock minus that of each exporter. Beyond 60 s no verdict is given.",
        Query(joined(account("api_clock_skew_seconds"), "account, instance"), "{{account}} at {{instance}}"),
        unit="s",
        width=24,
    ),
)
