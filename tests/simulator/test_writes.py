from __future__ import annotations

from datetime import UTC, datetime

import pytest

from exporter.simulator.tasks import SimTask
from exporter.simulator.writes import Refused, parse_create, parse_update

NOW = datetime(2026, 3, 31, 22, 41, 7, tzinfo=UTC)
GOOD = {"name": "a task", "api": "pdf", "query": "url=x", "frequency": "custom", "crontab": "0 9 * * 1-5"}


def task(**fields: object) -> SimTask:
    given = {"crontab": "5 4 * * *", "frequency": "every_day", "timezone": "Asia/Tokyo", "enabled": False}
    return SimTask(id=1, name="a task", created_at=NOW, **(given | fields))


@pytest.mark.parametrize(
    ("frequency", "timezone", "crontab"),
    [
        ("every_minute", "Etc/UTC", "* * * * *"),
        ("every_hour", "Asia/Kolkata", "11 * * * *"),
        ("every_day", "Etc/UTC", "41 22 * * *"),
        ("every_month", "Etc/UTC", "41 22 31 * *"),
        ("every_month", "Asia/Tokyo", "41 7 1 * *"),  # already the first of April there
    ],
)
def test_made_crontabs_are_anchored_at_the_minute_of_creation(frequency: str, timezone: str, crontab: str) -> None:
    """The service makes the crontab of each every_* frequency itself, in the task's own wall time."""
    body = GOOD | {"frequency": frequency, "timezone": timezone, "crontab": "1 2 3 4 5"}
    assert crontab == parse_create(body, NOW)["crontab"]


def test_what_a_create_may_leave_out() -> None:
    """Zone and enablement have defaults, and members that are not a task's are ignored."""
    assert GOOD | {"timezone": "Etc/UTC", "enabled": True} == parse_create(GOOD | {"id": 7, "access_key": "x"}, NOW)


@pytest.mark.parametrize(
    "crontab", ["0 9-5 * * *", "10-5 * * * *", "0 0 31 2 *", "0/0 * * * *", "*/5 * * * *", "0 0 * jan-mar MON,5"]
)
def test_odd_crontabs_are_stored_as_they_are(crontab: str) -> None:
    """Only the form of a crontab is looked at."""
    assert crontab == parse_create(GOOD | {"crontab": crontab}, NOW)["crontab"]


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("name", None, "name: expected a text of 1 to 100 characters"),
        ("name", "", "name: expected a text of 1 to 100 characters"),
        ("name", "x" * 101, "name: expected a text of 1 to 100 characters"),
        ("api", "video", "api: expected one of screenshot, screencast, pdf, scrape"),
        ("api", [], "api: expected one of screenshot, screencast, pdf, scrape"),
        ("query", 5, "query: expected a text"),
        (
            "frequency",
            "hourly",
            "frequency: expected one of every_minute, every_hour, every_day, every_month, custom",
        ),
        ("crontab", "0 9 * *", "crontab: expected a crontab of five fields"),
        ("crontab", "0 9 * * * *", "crontab: expected a crontab of five fields"),
        ("crontab", "61 9 * * *", "crontab: expected a crontab of five fields"),
        ("crontab", "0 9 L * *", "crontab: expected a crontab of five fields"),
        ("crontab", "@daily", "crontab: expected a crontab of five fields"),
        ("crontab", 5, "crontab: expected a crontab of five fields"),
        ("timezone", "Mars/Base", "timezone: expected the name of an IANA zone"),
        ("timezone", None, "timezone: expected the name of an IANA zone"),
        ("enabled", 1, "enabled: expected true or false"),
    ],
)
def test_refused_members(member: str, value: object, message: str) -> None:
    """Each bad member is refused by name with what was expected, on create and on update alike."""
    with pytest.raises(Refused) as created:
        parse_create(GOOD | {member: value}, NOW)
    with pytest.raises(Refused) as updated:
        parse_update({member: value}, task(), NOW, resets=False)
    assert [message, message] == [str(created.value), str(updated.value)]


@pytest.mark.parametrize("member", ["name", "api", "query", "frequency"])
def test_missing_members(member: str) -> None:
    """A create without one of the four is refused."""
    with pytest.raises(Refused, match=f"{member}: missing"):
        parse_create({name: value for name, value in GOOD.items() if name != member}, NOW)


def test_a_custom_create_without_crontab_is_refused() -> None:
    """A custom task has its crontab from its owner."""
    with pytest.raises(Refused, match="crontab: missing, and the frequency is custom"):
        parse_create({name: value for name, value in GOOD.items() if name != "crontab"}, NOW)


@pytest.mark.parametrize(
    ("before", "body", "resets", "after"),
    [
        # 22:41Z is 07:41 in Tokyo.
        ({}, {"name": "b"}, False, {"name": "b", "crontab": "41 7 * * *", "timezone": "Asia/Tokyo"}),
        ({}, {"crontab": "1 2 * * *"}, False, {"crontab": "41 7 * * *"}),
        ({}, {"frequency": "custom"}, False, {"frequency": "custom", "crontab": "5 4 * * *"}),
        ({"frequency": "custom"}, {"name": "b"}, False, {"crontab": "5 4 * * *"}),
        ({}, {"name": "b"}, True, {"enabled": True, "timezone": "Etc/UTC", "crontab": "41 22 * * *"}),
        ({}, {"enabled": False, "timezone": "Asia/Tokyo"}, True, {"enabled": False, "crontab": "41 7 * * *"}),
        ({"timezone": "Mars/Base"}, {"name": "b"}, False, {"crontab": "41 22 * * *", "timezone": "Mars/Base"}),
    ],
)
def test_updates(before: dict[str, object], body: dict[str, object], resets: bool, after: dict[str, object]) -> None:
    """An update keeps what it does not name, or resets enabled and timezone, and makes an every_* crontab anew."""
    assert after.items() <= parse_update(body, task(**before), NOW, resets=resets).items()


def test_an_update_does_not_name_what_it_keeps_as_it_is() -> None:
    """Enablement is left alone unless named."""
    assert "enabled" not in parse_update({"name": "b"}, task(), NOW, resets=False)
