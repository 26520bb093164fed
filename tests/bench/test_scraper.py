"""That the soak's reader is strict: it is what `bad scrapes: 0` stands on."""

from __future__ import annotations

import pytest

from soak.scraper import facts, read

TASK = 'account="main",task_id="7",task_name="Shop"'
GOOD = f"""# HELP screenshotmax_task_state x
# TYPE screenshotmax_task_state gauge
screenshotmax_task_state{{{TASK},state="ok"}} 1.0
screenshotmax_task_state{{{TASK},state="due"}} 0.0
# HELP screenshotmax_task_missed_run x
# TYPE screenshotmax_task_missed_run gauge
screenshotmax_task_missed_run{{{TASK}}} 0.0
# HELP screenshotmax_polls x
# TYPE screenshotmax_polls counter
screenshotmax_polls_total{{account="main"}} 4.0
screenshotmax_polls_total{{account="other"}} 5.0
# EOF
"""


def test_what_is_read() -> None:
    """A task's samples are found by account and id, and totals are added up over the accounts."""
    found = facts(read(GOOD, openmetrics=True))
    assert ["main/7"] == list(found["tasks"])
    assert 0 == found["tasks"]["main/7"]["missed"]
    assert {"polls": 9} == found["totals"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('state="due"} 0.0', 'state="ok"} 0.0'),
        ('state="due"} 0.0', 'state="due"} 1.0'),
        ('state="ok"} 1.0', 'state="ok"} 0.0'),
        ('state="ok"} 1.0', 'state="ok"} NaN'),
        ('account="other"} 5.0', 'account="other"} 5.0 1718020800'),
        ('task_name="Shop",state="ok"', 'task_name="Other",state="ok"'),
        ("# EOF\n", ""),
        (" 4.0", " four"),
        ('account="main"} 4.0', 'account="main"4.0'),
    ],
)
def test_what_is_refused(old: str, new: str) -> None:
    """One thing wrong, and it is no exposition."""
    assert old in GOOD
    with pytest.raises((ValueError, KeyError)):
        read(GOOD.replace(old, new), openmetrics=True)


def test_the_plain_text_is_read_as_strictly() -> None:
    """Without types a series that is there twice is found all the same."""
    twice = 'x{a="1"} 1\nx{a="1"} 2\n'
    with pytest.raises(ValueError, match="is there twice"):
        read(twice, openmetrics=False)
