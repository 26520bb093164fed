"""Situations a task can be in: the good polls, what else was given, and the lines of its story that must be there."""

from __future__ import annotations

from datetime import timedelta

from builders import a_task, at
from explained import MINUTE, hourly
from exporter.config import PolicySources, Source
from exporter.model import Policy, Reason

HOURLY = hourly()
OUTAGE = [Reason.HTTP_5XX, Reason.HTTP_5XX]
OVERRIDDEN = {
    "policy": Policy(stale_after=15 * MINUTE, grace=30 * MINUTE),
    "sources": PolicySources(Source.OVERRIDE, Source.DEFAULT),
}


def daily(crontab: str, ran: str, **changes: object):
    return a_task(crontab=crontab, timezone="Europe/Berlin", last_run_at=at(ran), **changes)


SITUATIONS = {
    "ok": (
        [(HOURLY, "2024-06-10 11:30Z")],
        {"now": "2024-06-10 11:31Z"},
        [
            "OK main/1001",
            "Shop front is well: its last run, 30 min ago, answers every fire so far.",
            "Rule: The last run answers every fire so far.",
            "Mon 10 Jun 13:00:14 CEST +02:00 2024-06-10 11:00:14Z last run, 14s after its fire",
            "Mon 10 Jun 14:00:00 CEST +02:00 2024-06-10 12:00:00Z next fire: the one that is judged",
            "Mon 10 Jun 14:06:00 CEST +02:00 2024-06-10 12:06:00Z its deadline, 6m after the fire",
            "Mon 10 Jun 13:45:00 CEST +02:00 2024-06-10 11:45:00Z the evidence is too old from here on",
            "grace 6m: auto (the default), a tenth of the period 1h, at least 5m, at most 1h, rounded up to whole minutes",
            "early 6m: auto (the default), a tenth of the period 1h, at most 10m",
            "asked Mon 10 Jun 13:30 CEST (2024-06-10 11:30:00Z), 60 s ago; too old after 15m (stale_after)",
            "newest poll good",
            "epoch no edit or switch was seen: the schedule is taken to be as old as the task",
            "base no fire before Mon 01 Jan 01:01 CET (2024-01-01 00:01:00Z) is judged, 60 s after creation",
            "runs 0 expected, 0 observed",
        ],
    ),
    "due": (
        [(HOURLY, "2024-06-10 12:03Z")],
        {"now": "2024-06-10 12:04Z"},
        [
            "Shop front is due: its run of Mon 10 Jun 14:00 CEST has until Mon 10 Jun 14:06 CEST, in 2 min.",
            "Rule: The fire has passed, its deadline has not.",
        ],
    ),
    "due, poll awaited": (
        [(HOURLY, "2024-06-10 12:05Z")],
        {"now": "2024-06-10 12:06:05Z"},
        [
            "Shop front is due: the deadline of its run of Mon 10 Jun 14:00 CEST has passed, and the next good poll decides.",
            "Becomes missed with the next good poll, unless it shows a run at or after Mon 10 Jun 13:54 CEST (2024-06-10 11:54:00Z).",
        ],
    ),
    "missed": (
        [(HOURLY, "2024-06-10 12:17Z")],
        {"now": "2024-06-10 12:18Z"},
        [
            "Missed main/1001",
            "Shop front missed the run of Mon 10 Jun 14:00 CEST; its deadline passed 12 min ago.",
            "Rule: Evidence from after the deadline shows no run for the fire.",
            "Mon 10 Jun 14:00:00 CEST +02:00 2024-06-10 12:00:00Z the fire judged: the first that no run has answered",
            "Mon 10 Jun 15:00:00 CEST +02:00 2024-06-10 13:00:00Z next fire",
            "Mon 10 Jun 14:00 CEST (2024-06-10 12:00:00Z)",
        ],
    ),
    "missed a day long": (
        [(HOURLY, "2024-06-11 11:30Z")],
        {"now": "2024-06-11 11:31Z"},
        ["The newest 10 of 24:"],
    ),
    "missed beyond the cap": (
        [(hourly(crontab="* * * * *"), "2024-06-12 11:30Z")],
        {"now": "2024-06-12 11:31Z"},
        ["No longer missed once a poll shows a new run."],
    ),
    "missed by many": (
        [(HOURLY, "2024-06-10 12:17Z")],
        {"now": "2024-06-10 12:18Z", "others": [hourly(id="1002"), hourly(id="1003")]},
        ["Common cause? 3 tasks of this account missed the fire of Mon 10 Jun 14:00 CEST."],
    ),
    "missed and held in an outage": (
        [(HOURLY, "2024-06-10 12:17Z")],
        {"now": "2024-06-10 12:27Z", "failures": OUTAGE},
        [
            "Shop front missed the run of Mon 10 Jun 14:00 CEST; its deadline passed 21 min ago.",
            "newest poll no good answer; what was known before still stands",
            "account its newest poll failed: The API failed (5xx)",
            "Becomes unknown after Mon 10 Jun 14:32 CEST (2024-06-10 12:32:00Z), unless a newer poll succeeds.",
        ],
    ),
    "stale": (
        [(HOURLY, "2024-06-10 12:17Z")],
        {"now": "2024-06-10 12:40Z", "failures": OUTAGE},
        [
            "Unknown main/1001",
            "Shop front cannot be judged: evidence too old.",
            "Problem stale: The newest evidence is older than stale_after. The next good poll ends this.",
            "Mon 10 Jun 14:32:00 CEST +02:00 2024-06-10 12:32:00Z the evidence grew too old",
            "Mon 10 Jun 14:06:00 CEST +02:00 2024-06-10 12:06:00Z its deadline, 6m after the fire",
        ],
    ),
    "never ran": (
        [(hourly(last_run_at=None, runs=0, created_at=at("2024-06-10 11:20Z")), "2024-06-10 11:30Z")],
        {"now": "2024-06-10 11:31Z"},
        [
            "Never ran main/1001",
            "Shop front never ran, and did not have to yet: the first run is due Mon 10 Jun 14:00 CEST.",
            "Mon 10 Jun 13:20:00 CEST +02:00 2024-06-10 11:20:00Z the task was created",
            "last run none",
        ],
    ),
    "disabled": (
        [(hourly(enabled=False), "2024-06-10 11:30Z")],
        {"now": "2024-06-10 11:31Z"},
        [
            "Shop front is disabled, so no run is expected.",
            "Judged again once a poll shows it enabled: fires from 60 s after that poll began.",
            "it said disabled, 160 runs, created Mon 01 Jan 01:00 CET (2024-01-01 00:00:00Z)",
        ],
    ),
    "crontab not valid": (
        [(hourly(crontab="0 25 * * *"), "2024-06-10 11:30Z")],
        {"now": "2024-06-10 11:31Z"},
        [
            "Shop front cannot be judged: crontab not valid.",
            "Schedule: Hour: found '25', expected 0 to 23.",
            "grace auto (the default), which needs a schedule that can be judged",
            "Mon 10 Jun 11:30:00 UTC 2024-06-10 11:30:00Z the newest evidence: a good poll began",
        ],
    ),
    "timezone not known": (
        [(hourly(timezone="Mars/X"), "2024-06-10 11:30Z")],
        {"now": "2024-06-10 11:31Z"},
        ["Shop front cannot be judged: timezone not known."],
    ),
    "never fires": (
        [(hourly(crontab="0 0 30 2 *"), "2024-06-10 11:30Z")],
        {"now": "2024-06-10 11:31Z"},
        ["Shop front cannot be judged: never fires."],
    ),
    "a field is unusable": (
        [(hourly(enabled=None, bad_fields=frozenset({"enabled"})), "2024-06-10 11:30Z")],
        {"now": "2024-06-10 11:31Z"},
        ["Shop front cannot be judged: unusable field.", "unusable enabled"],
    ),
    "the last run is implausible": (
        [(hourly(last_run_at=None), "2024-06-10 11:30Z")],
        {"now": "2024-06-10 11:31Z"},
        ["Shop front cannot be judged: implausible last run."],
    ),
    "clocks disagree": (
        [(HOURLY, "2024-06-10 12:17Z")],
        {"now": "2024-06-10 12:18Z", "skew": timedelta(hours=-1), "failures": [Reason.CLOCK_SKEW]},
        [
            "Shop front cannot be judged: clocks disagree.",
            "clocks the API's clock is 60 min behind ours",
            "Rule: Our clock and the API's differ by more than 60 s.",
        ],
    ),
    "not found": (
        [],
        {"now": "2024-06-10 11:31Z", "failures": [Reason.HTTP_404]},
        ["Task 1001 cannot be judged: not found.", "asked no good answer yet", "newest poll no good answer"],
    ),
    "no data": (
        [],
        {"now": "2024-06-10 11:31Z", "failures": [Reason.HTTP_401]},
        [
            "Task 1001 cannot be judged: nothing fetched yet.",
            "account its newest poll failed: The access key was refused (401)",
        ],
    ),
    "clocks went forward": (
        [(daily("30 2 * * *", "2024-03-30 01:30:14Z"), "2024-03-31 11:30Z")],
        {"now": "2024-03-31 11:31Z"},
        [
            "Sun 31 Mar 03:00 CEST (2024-03-31 01:00:00Z): clocks go forward by 1h; 02:00 to 03:00 on Sun 31 Mar do not exist.",
            "02:30 skipping: no run; right after the gap: Sun 31 Mar 03:00 CEST (2024-03-31 01:00:00Z); as much later: Sun 31 Mar 03:30 CEST (2024-03-31 01:30:00Z)",
            "Only what all of these perform can be missed: a time that is skipped is not owed.",
            "Mon 01 Apr 02:30:00 CEST +02:00 2024-04-01 00:30:00Z next fire: the one that is judged",
        ],
    ),
    "clocks go back": (
        [(daily("30 2 * * *", "2024-10-26 00:30:14Z"), "2024-10-27 00:45Z")],
        {"now": "2024-10-27 00:46Z"},
        [
            "Sun 27 Oct 02:30:00 CEST +02:00 2024-10-27 00:30:00Z the fire judged: the first that no run has answered",
            "Sun 27 Oct 02:30:00 CET +01:00 2024-10-27 01:30:00Z the same wall time again, after the clock change",
            "Sun 27 Oct 03:30:00 CET +01:00 2024-10-27 02:30:00Z its deadline, 1h after the fire",
            "02:30 first time: Sun 27 Oct 02:30 CEST (2024-10-27 00:30:00Z); second time: Sun 27 Oct 02:30 CET (2024-10-27 01:30:00Z); both times: Sun 27 Oct 02:30 CEST (2024-10-27 00:30:00Z) and Sun 27 Oct 02:30 CET (2024-10-27 01:30:00Z)",
        ],
    ),
    "clock change beside the schedule": (
        [(daily("0 12 * * *", "2024-03-31 10:00:14Z"), "2024-03-31 11:30Z")],
        {"now": "2024-03-31 11:31Z"},
        ["The schedule names none of these times: its wall times stay, its times in UTC move."],
    ),
    "many times in a clock change": (
        [(daily("* * * * *", "2024-10-27 00:30:01Z"), "2024-10-27 00:30:20Z")],
        {"now": "2024-10-27 00:30:21Z"},
        ["and 55 more such times."],
    ),
    "edited": (
        [(hourly(crontab="50 * * * *"), "2024-06-10 11:20Z"), (HOURLY, "2024-06-10 11:30Z")],
        {"now": "2024-06-10 11:31Z"},
        [
            "Mon 10 Jun 13:30:00 CEST +02:00 2024-06-10 11:30:00Z an edit or a switch was first seen: judged anew from here",
            "epoch crontab, timezone or enabled was first seen as it is at Mon 10 Jun 13:30 CEST (2024-06-10 11:30:00Z)",
            "base no fire before Mon 10 Jun 13:31 CEST (2024-06-10 11:31:00Z) is judged, 60 s after the poll that saw the change",
            "Mon 10 Jun 13:00:14 CEST +02:00 2024-06-10 11:00:14Z last run, which answers no fire that is judged",
        ],
    ),
    "grace of an override": (
        [(HOURLY, "2024-06-10 11:30Z")],
        {"now": "2024-06-10 11:31Z", **OVERRIDDEN},
        [
            "grace 30m, from the override for this task",
            "Mon 10 Jun 14:30:00 CEST +02:00 2024-06-10 12:30:00Z its deadline, 30m after the fire",
        ],
    ),
    "an early run": (
        [(hourly(last_run_at=at("2024-06-10 10:55:26Z")), "2024-06-10 11:30Z")],
        {"now": "2024-06-10 11:31Z"},
        ["Mon 10 Jun 12:55:26 CEST +02:00 2024-06-10 10:55:26Z last run, 4m34s before its fire"],
    ),
    "counted by the ledger": (
        [
            (hourly(runs=160), "2024-06-10 11:30Z"),
            (hourly(runs=162, last_run_at=at("2024-06-10 14:00:14Z")), "2024-06-10 14:10Z"),
        ],
        {"now": "2024-06-10 14:11Z"},
        [
            "since Mon 10 Jun 13:30 CEST (2024-06-10 11:30:00Z)",
            "runs 3 expected, 2 observed",
            "of these 1 missed, 0 extra",
        ],
    ),
}  # fmt: skip
