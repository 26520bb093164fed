"""Which panels there are, row by row."""

from __future__ import annotations

from monitoring.dashboard.rows.accounts import ACCOUNTS
from monitoring.dashboard.rows.exporters import EXPORTERS
from monitoring.dashboard.rows.overview import OVERVIEW
from monitoring.dashboard.rows.runs import RUNS
from monitoring.dashboard.rows.tasks import TASKS

ROWS = {"Overview": OVERVIEW, "Tasks": TASKS, "Runs": RUNS, "Accounts": ACCOUNTS, "Exporters": EXPORTERS}
