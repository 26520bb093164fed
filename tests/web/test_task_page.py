"""The page of one task, as text and as its routes answer."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from exporter.model import State
from exporter.web import build_web
from exporter.web.story import render_text, tell
from exporter.web.task_page import TaskPage, task_path
from web.reader import Reader, plain
from web.reports import HOSTILE, World, a_fleet, a_report, a_task_report, an_account, an_explanation, ask

PAGE = TaskPage(version="1.2.3", telemetry_path="/shop/metrics")
MISSED = a_task_report(State.MISSED, task_id="5678133109850114", name="Checkout, mobile")


def explanation(known, **account: object):
    return an_explanation(a_report(known, accounts=(an_account(known.account, **account),)), known)


def read(known) -> Reader:
    return Reader(PAGE.render(explanation(known)).decode())


@pytest.mark.parametrize("state", State)
def test_the_page_holds_the_whole_story(state: State) -> None:
    """Whatever the state: headline first, then every event and fact, then all of it as one text to paste."""
    known = explanation(a_task_report(state))
    story, html = tell(known), PAGE.render(known).decode()
    reader = Reader(html)
    facts = [line.text for section in story.sections for line in section.lines]
    events = [f"{event.local} {event.utc} {event.words}" for event in story.events]
    shown = plain(reader.text)
    places = [shown.find(plain(text)) for text in (story.headline, events[0], facts[0])]
    assert [] == [text for text in (*story.why, *events, *facts) if plain(text) not in shown]
    assert sorted(places) == places
    assert plain(render_text(story)) in shown
    assert f'<span class="badge {state.value}">{story.state_words}</span>' in html


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_stays_text(hostile: str) -> None:
    """Whatever stands in a name, crontab, zone, id or error is shown as text: no tag more than for plain words."""

    def page(word: str) -> Reader:
        known = a_task_report(State.UNKNOWN, name=word, task_id=word, account=word, schedule_error=word)
        task = replace(known.task, crontab=word, timezone=word, frequency=word, bad_fields=frozenset({word}))
        return read(replace(known, task=task))

    def shape(reader: Reader) -> list[object]:
        """The tags, but for where the link to the JSON leads."""
        return [(tag, {**attrs, "href": attrs.get("href") if tag != "a" else ""}) for tag, attrs in reader.tags]

    links = [attrs["href"] for tag, attrs in page(hostile).tags if tag == "a"]
    assert shape(page("plain")) == shape(page(hostile))
    assert page(hostile).text.count(plain(hostile)) >= 6
    assert all(re.fullmatch(r"[\w./~%-]+", link, re.ASCII) for link in links)


def test_links_are_relative() -> None:
    """The page works below any prefix: the status page is two levels up, all else from there."""
    links = [attrs["href"] for tag, attrs in read(MISSED).tags if tag == "a"]
    assert ["../../", "../../shop/metrics", "../../api/v1/tasks/main/5678133109850114"] == links


def test_a_surrogate_costs_one_character() -> None:
    """What no UTF-8 can hold costs neither the page nor the link."""
    assert "half ?" in read(a_task_report(name="half \ud800")).text
    assert "tasks/main/half%20%3F" == task_path(a_task_report(task_id="half \ud800"))


def test_the_links_of_the_status_page_lead_here() -> None:
    """Each row of the status page links to a page that is there, with the same policy for browsers."""
    app = build_web(World().sources())
    status = ask(app, "/")
    policy = status.headers["content-security-policy"].replace("form-action 'self'", "form-action 'none'")
    links = re.findall(r'href="(tasks/[^"]+)"', status.text)
    answers = [ask(app, f"/{link}") for link in links]
    assert len(a_fleet().tasks) == len(links)
    assert {(200, "text/html; charset=utf-8", policy, "no-referrer", None)} == {
        (
            each.status_code,
            each.headers["content-type"],
            each.headers["content-security-policy"],
            each.headers["referrer-policy"],
            each.headers.get("refresh"),
        )
        for each in answers
    }


def test_the_json_tells_the_same() -> None:
    """The address that the page links to gives the explanation as JSON."""
    answer = ask(build_web(World().sources()), "/api/v1/tasks/main/5678133109850114")
    document = json.loads(answer.text)
    assert (200, "application/json") == (answer.status_code, answer.headers["content-type"])
    assert ("missed", "5678133109850114") == (document["task"]["state"], document["task"]["task_id"])
    assert document["headline"].startswith("Checkout, mobile missed 3 runs in a row")


NO_TASK = "No such task of account main is watched here: it may be gone, excluded or watched elsewhere."
NO_ACCOUNT = "No account of that name is watched here; there are: main, marketing."


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("main/1", NO_TASK),
        ("main/<b>", NO_TASK),
        ("main/56781331098501140", NO_TASK),
        ("main/%00", NO_TASK),
        ("other/5678133109850114", NO_ACCOUNT),
        ("<b>/5678133109850114", NO_ACCOUNT),
    ],
)
def test_an_unknown_task_is_not_found(path: str, why: str) -> None:
    """It is 404 and says whether account or task is not there, in words of our own: nothing of the request comes back."""
    app = build_web(World().sources())
    as_json, page = ask(app, f"/api/v1/tasks/{path}"), ask(app, f"/tasks/{path}")
    assert (404, "text/plain; charset=utf-8", f"{why}\n") == (
        as_json.status_code,
        as_json.headers["content-type"],
        as_json.text,
    )
    assert (
        404,
        "text/html; charset=utf-8",
        ask(app, "/").headers["content-security-policy"].replace("'self'", "'none'"),
    ) == (
        page.status_code,
        page.headers["content-type"],
        page.headers["content-security-policy"],
    )
    reader = Reader(page.text)
    assert f"{why} All tasks that are watched" in plain(reader.text)
    assert ["../../", "../../metrics", "../../"] == [attrs["href"] for tag, attrs in reader.tags if tag == "a"]
    assert "<b>" not in page.text


def test_before_the_first_poll_no_task_is_known_to_be_missing() -> None:
    """The answer says that the account has not been polled, not that the task is gone."""
    world = World()
    world.now_report = a_report(accounts=(an_account(polled=False),))
    answer = ask(build_web(world.sources()), "/api/v1/tasks/main/1")
    assert (404, "Account main has not been polled yet, so its tasks are not known.\n") == (
        answer.status_code,
        answer.text,
    )


@pytest.mark.parametrize("path", ["/tasks/main/5678133109850114", "/api/v1/tasks/main/5678133109850114"])
def test_methods_and_packing(path: str) -> None:
    """GET and HEAD only; the gzip form unpacks to the plain one."""
    app = build_web(World().sources())
    assert [200, 200, 405] == [ask(app, path, method=method).status_code for method in ("GET", "HEAD", "POST")]
    packed = ask(app, path, accept_encoding="gzip")
    assert ("gzip", ask(app, path).text) == (packed.headers["content-encoding"], packed.text)


@pytest.mark.parametrize("path", ["/tasks/main/5678133109850114", "/api/v1/tasks/main/5678133109850114"])
def test_a_broken_explanation_tells_nothing(path: str) -> None:
    """A page that cannot be made is a plain 500, and is counted."""
    world = World()

    def explain(report, known):
        raise ZeroDivisionError("internal words")

    answer = ask(build_web(world.sources(explain=explain)), path)
    assert (500, "Internal error; the exporter's log says more.") == (answer.status_code, answer.text)
    assert {"page": 1} == world.errors


@pytest.mark.parametrize("path", ["/tasks/main/1", "/api/v1/tasks/x", "/api/v1/tasks/x/y"])
def test_metrics_cannot_take_a_tasks_place(path: str) -> None:
    """A telemetry path below the tasks' is refused."""
    with pytest.raises(ValueError, match="expected a plain path of its own"):
        World().sources(telemetry_path=path)
