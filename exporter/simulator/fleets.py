"""Ready-made tasks: one fleet that shows every state at once, one as large as wanted, and the published samples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from exporter.simulator.cron import find_zone
from exporter.simulator.tasks import DOUBLE, FROZEN, NORMAL, Behaviour, SimTask
from exporter.simulator.world import id_sequence

RUNNING_TASK_ID = 5650820808835001
STOPPING_TASK_ID = 5650820808835002
STOPS_AFTER = timedelta(seconds=60)
DUE_TASK_ID = 5650820808835009
HISTORY_EXTRA = 2
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BIG_FLEET_AGE_DAYS = 14
ZONES = ("Etc/UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "Australia/Lord_Howe")
CRONTABS = (
    "* * * * *",
    "*/5 * * * *",
    "{minute} * * * *",
    "{minute} {hour} * * *",
    "{minute} {hour} * * 1-5",
    "{minute} {hour} {day} * *",
    "{minute} */6 * * *",
)
APIS = ("screenshot", "screencast", "pdf", "scrape")


def with_history(task: SimTask, now: datetime) -> SimTask:
    """The task with the runs it would have had by `now`, two more of them than fires, as in the published sample."""
    task.advance(now)
    task.runs += HISTORY_EXTRA if task.last_run_at else 0
    return task


def page_sample() -> SimTask:
    """The task on the vendor's page, which last ran 274 s before its fire. It stays as it is."""
    return SimTask(
        id=5650820808835072,
        name="task screenshot",
        frequency="every_month",
        crontab="34 9 28 * *",
        created_at=datetime.fromtimestamp(1714296566, UTC),
        last_run_at=datetime.fromtimestamp(1745832566, UTC),
        runs=12,
        behaviour=FROZEN,
    )


def sdk_sample(*, later: bool = False) -> SimTask:
    """The task in the vendor's SDK READMEs, first as of its sixteenth run, then, two days later, its eighteenth."""
    last_run, runs = (1748611516, 18) if later else (1748438712, 16)
    return SimTask(
        id=5678133109850112,
        name="Test CRON",
        frequency="every_day",
        crontab="25 13 * * *",
        created_at=datetime.fromtimestamp(1747229104, UTC),
        last_run_at=datetime.fromtimestamp(last_run, UTC),
        runs=runs,
        behaviour=FROZEN,
    )


def demo_fleet(now: datetime) -> list[SimTask]:
    """Every state at once, judged with the usual tolerances: ok, due, missed, never_ran, disabled and unknown.

    RUNNING_TASK_ID runs each minute. STOPPING_TASK_ID does too, until a minute after `now`; DUE_TASK_ID had its
    fire two to three minutes ago and runs twenty minutes late.
    """
    ran = [with_history(task, now) for task in (*_well(now), *_late(now))]
    return [*ran, *_waiting(now), *_senseless(now)]


def big_fleet(count: int, *, seed: int, now: datetime) -> list[SimTask]:
    """So many tasks with mixed schedules, zones and names, up to two weeks old, all running; the same for a seed."""
    random, ids = Random(seed), id_sequence(seed)
    return [_random_task(next(ids), number, random=random, now=now) for number in range(1, count + 1)]


def _random_task(task_id: int, number: int, *, random: Random, now: datetime) -> SimTask:
    crontab = random.choice(CRONTABS).format(
        minute=random.randrange(60), hour=random.randrange(24), day=random.randint(1, 28)
    )
    api = random.choice(APIS)
    task = SimTask(
        id=task_id,
        name=f"{api} {number:05}",
        api=api,
        frequency="every_minute" if crontab == "* * * * *" else "custom",
        crontab=crontab,
        timezone=random.choice(ZONES),
        created_at=now - random.uniform(0.1, BIG_FLEET_AGE_DAYS) * DAY,
    )
    return with_history(task, now)


def _waiting(now: datetime) -> list[SimTask]:
    banner = SimTask(
        id=5650820808835011,
        name="Black Friday banner",
        crontab="0 */4 * * *",
        timezone="America/New_York",
        created_at=now - 200 * DAY,
        behaviour=Behaviour(stops_at=now - 90 * DAY),
    )
    with_history(banner, now).edit({"enabled": False}, now)
    banner.behave(NORMAL, now)
    return [
        banner,
        SimTask(
            id=5650820808835010,
            name="New landing page",
            frequency="every_day",
            crontab=_daily(now - 10 * MINUTE),
            created_at=now - 10 * MINUTE,
        ),
    ]


def _senseless(now: datetime) -> list[SimTask]:
    return [
        SimTask(
            id=5650820808835012,
            name="Office hours, backwards",
            api="screencast",
            crontab="0 9-5 * * *",
            timezone="Europe/Berlin",
            created_at=now - 20 * DAY,
        ),
        SimTask(
            id=5650820808835013,
            name="Mars weather",
            api="scrape",
            crontab="0 6 * * *",
            timezone="Mars/Olympus_Mons",
            created_at=now - 20 * DAY,
        ),
    ]


def _well(now: datetime) -> list[SimTask]:
    return [
        SimTask(
            id=RUNNING_TASK_ID,
            name="Status page, every minute",
            frequency="every_minute",
            crontab="* * * * *",
            created_at=now - 2 * DAY,
        ),
        SimTask(
            id=STOPPING_TASK_ID,
            name="Competitor prices, every minute",
            api="scrape",
            frequency="every_minute",
            crontab="* * * * *",
            created_at=now - 2 * DAY,
            behaviour=Behaviour(stops_at=now + STOPS_AFTER),
        ),
        SimTask(
            id=5650820808835003,
            name="Shop front",
            frequency="every_hour",
            crontab=_hourly(now - 25 * MINUTE),
            created_at=now - 30 * DAY,
        ),
        SimTask(
            id=5650820808835004,
            name="Checkout flow (runs double)",
            api="screencast",
            crontab=_hourly(now - 40 * MINUTE),
            created_at=now - 12 * DAY,
            behaviour=DOUBLE,
        ),
        SimTask(
            id=9223372036854775783,
            name="Tokyo store, weekdays",
            crontab=f"{_daily(now - 5 * HOUR, 'Asia/Tokyo').removesuffix(' * * *')} * * 1-5",
            timezone="Asia/Tokyo",
            created_at=now - 60 * DAY,
        ),
        SimTask(
            id=5650820808835006,
            name="Invoices, monthly",
            api="pdf",
            frequency="every_month",
            crontab=_monthly(now - 4 * DAY),
            created_at=now - 400 * DAY,
        ),
    ]


def _late(now: datetime) -> list[SimTask]:
    return [
        SimTask(
            id=5650820808835007,
            name="Press mentions",
            api="scrape",
            frequency="every_day",
            crontab=_daily(now - 3 * HOUR),
            created_at=now - 45 * DAY,
            behaviour=Behaviour(stops_at=now - 60 * HOUR),
        ),
        SimTask(
            id=5650820808835008,
            name="Partner portal",
            frequency="every_hour",
            crontab=_hourly(now - 30 * MINUTE),
            created_at=now - 8 * DAY,
            behaviour=Behaviour(stops_at=now - 5 * HOUR),
        ),
        SimTask(
            id=DUE_TASK_ID,
            name="Morning dashboard (runs late)",
            api="pdf",
            frequency="every_day",
            crontab=_daily(now - 2 * MINUTE),
            created_at=now - 15 * DAY,
            behaviour=Behaviour(lag=20 * MINUTE),
        ),
        SimTask(
            id=5650820808835014,
            name="Imported, never started",
            crontab=_daily(now - 7 * HOUR, "Asia/Kolkata"),
            timezone="Asia/Kolkata",
            created_at=now - 9 * DAY,
            behaviour=FROZEN,
        ),
    ]


def _hourly(fire_at: datetime) -> str:
    return f"{fire_at.minute} * * * *"


def _daily(fire_at: datetime, timezone: str = "Etc/UTC") -> str:
    local = fire_at.astimezone(find_zone(timezone))
    return f"{local.minute} {local.hour} * * *"


def _monthly(fire_at: datetime) -> str:
    return f"{fire_at.minute} {fire_at.hour} {fire_at.day} * *"
