"""The status page, as text and as what its template is given."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exporter.model import LastReload, Problem, Reason, State, TaskReport, Verdict
from exporter.web import build_web
from exporter.web.choice import Choice
from exporter.web.pages import MAX_ROWS, StatusPage, view
from exporter.web.shared import MOST_CHOSEN
from web.reader import Reader, plain
from web.reports import HOSTILE, MINUTE, NOW, World, a_fleet, a_report, a_task_report, an_account, ask, ask_many

TASK_LINK = re.compile(r"^tasks/[\w.~%-]+/[\w.~%-]+$", re.ASCII)
PAGE = StatusPage(version="1.2.3", telemetry_path="/metrics")


def read(report: object) -> Reader:
    return Reader(PAGE.render(report).decode())


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_stays_text(hostile: str) -> None:
    """Whatever stands in a name, crontab, zone, id or error is shown as text: no tag more than for plain words."""

    def page(word: str) -> Reader:
        known = a_task_report(State.UNKNOWN, name=word, task_id=word, account=word, schedule_error=word)
        task = replace(known.task, crontab=word, timezone=word, bad_fields=frozenset({word}))
        return read(a_report(replace(known, task=task), accounts=(an_account(word, polled=False),)))

    def shape(reader: Reader) -> list[object]:
        """The tags, but for where the links of tasks lead."""
        return [(tag, {**attrs, "href": TASK_LINK.sub("", attrs.get("href") or "")}) for tag, attrs in reader.tags]

    assert shape(page("plain")) == shape(page(hostile))
    assert page(hostile).text.count(plain(hostile)) >= 5


def test_a_surrogate_costs_one_character() -> None:
    """A name that no UTF-8 can hold does not cost the page."""
    assert "half ?" in read(a_report(a_task_report(name="half \ud800"))).text


def test_the_bidi_of_a_name_ends_with_it() -> None:
    """Names stand in elements that keep their direction from the text around them."""
    reader = read(a_report(a_task_report(name="\u202eabc")))
    assert ("bdi", {"class": "name"}) in reader.tags


def test_tasks_stand_in_the_order_of_trouble() -> None:
    """Missed first, then unknown, due, never ran, ok, disabled; equals by account, name and id."""
    shown = [(row.state.value, row.name) for row in view(a_fleet())["rows"]]
    expected = [
        ("missed", "Checkout, mobile"),
        ("unknown", "Blog archive"),
        ("unknown", "Half-yearly report"),
        ("due", "Pricing page"),
        ("never_ran", "New landing page"),
        ("ok", "Home page"),
        ("disabled", "Christmas sale"),
    ]
    assert expected == shown


@pytest.mark.parametrize("state", State)
def test_every_state_is_words_and_colour(state: State) -> None:
    """A badge holds the state as a class and in words, so that colour is never alone."""
    html = PAGE.render(a_report(a_task_report(state))).decode()
    words = {"ok": "OK", "never_ran": "Never ran"}.get(state.value, state.value.capitalize())
    assert f'<span class="badge {state.value}">{words}</span>' in html


def test_a_missed_task_tells_why() -> None:
    """The first missed run is named in the task's own time, the others counted, and the deadline dated."""
    row = view(a_report(a_task_report(State.MISSED)))["rows"][0]
    assert ("Missed the run of Mon 24 Nov 10:00 CET and 2 since.", "Deadline: 24 min ago.") == row.why
    assert row.in_a_row == "3 in a row"


@pytest.mark.parametrize(
    ("consecutive", "others"),
    [(None, ""), (1, ""), (2, " and 1 since"), (999, " and 998 since"), (1000, " and at least 999 since")],
)
def test_the_missed_runs_are_counted(consecutive: int | None, others: str) -> None:
    """The others are those after the first, as many as are known."""
    known = a_task_report(State.MISSED)
    missed = replace(known, verdict=replace(known.verdict, consecutive=consecutive))
    assert f"Missed the run of Mon 24 Nov 10:00 CET{others}." == view(a_report(missed))["rows"][0].why[0]


def test_an_invalid_schedule_is_explained() -> None:
    """The schedule's own error stands beside the rule, the problem as a tag, and no fire is shown."""
    row = next(row for row in view(a_fleet())["rows"] if row.name == "Half-yearly report")
    expected = ("The schedule is not valid.", "Field 2 of '0 25 * * *' is 25, expected 0 to 23.")
    assert (expected, ("crontab not valid",), None, None) == (row.why, row.problems, row.previous_fire, row.next_fire)


@pytest.mark.parametrize(
    ("at", "zone", "shown"),
    [
        ("2025-11-24T10:00:00+00:00", "Europe/Paris", "Mon 24 Nov, 11:00 CET"),
        ("2025-11-24T23:30:00+00:00", "Asia/Tokyo", "Tue 25 Nov, 08:30 JST"),
        ("2024-11-03T05:30:00+00:00", "America/New_York", "Sun 03 Nov, 01:30 EDT"),
        ("2024-11-03T06:30:00+00:00", "America/New_York", "Sun 03 Nov, 01:30 EST"),
        ("2025-11-24T10:00:00+00:00", "Nowhere/Land", "Mon 24 Nov, 10:00 UTC"),
        ("2025-11-24T10:00:00+00:00", "../etc/passwd", "Mon 24 Nov, 10:00 UTC"),
        ("2025-11-24T10:00:00+00:00", "Europe", "Mon 24 Nov, 10:00 UTC"),
    ],
)
def test_fires_are_in_the_tasks_own_time(at: str, zone: str, shown: str) -> None:
    """A fire is shown in the task's zone, with UTC behind it; in UTC where the zone cannot be had."""
    known = a_task_report(next_fire_at=datetime.fromisoformat(at))
    row = view(a_report(replace(known, task=replace(known.task, timezone=zone))))["rows"][0]
    assert (shown, at.replace("+00:00", "Z")) == (row.next_fire.text, row.next_fire.iso)


def test_a_task_never_fetched_has_a_row() -> None:
    """A configured id without data is shown by its id, with what is missing."""
    verdict = Verdict(State.UNKNOWN, "no poll has told of this task yet", (Problem.NO_DATA,))
    text = plain(read(a_report(TaskReport("main", "42", verdict, None))).text)
    assert "(no name)" in text
    assert "main / 42" in text
    assert "No poll has told of this task yet. nothing fetched yet" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "main Up Last good poll 20 s ago Tasks 6 Polled every 60 s"),
        ({"polled": False, "tasks": None, "last_success_at": None}, "First poll pending Last good poll none yet"),
        ({"up": False, "last_reason": Reason.HTTP_401}, "Poll failing The access key was refused (401)"),
        ({"blocked_until_at": NOW + 3 * MINUTE}, "Next request in 3 min"),
        ({"clock_skew": timedelta(seconds=31)}, "Clocks the API's clock is 31 s ahead of ours"),
        ({"clock_skew": timedelta(seconds=-31)}, "Clocks the API's clock is 31 s behind ours"),
        ({"dropped": 12}, "Tasks 6 (12 more left out)"),
        (
            {"key_readable": False},
            "main Up The access key cannot be read; the one that was read before is in use Last good poll 20 s ago",
        ),
        (
            {"key_readable": False, "up": False, "last_reason": Reason.KEY, "last_detail": "access_key is empty"},
            "Poll failing The access key could not be read: access_key is empty Last good poll",
        ),
    ],
)
def test_account_cards_tell_what_matters(changes: dict[str, object], words: str) -> None:
    """An account's card says in words how it is, since when, and what stands in its way."""
    assert words in plain(read(a_report(accounts=(an_account(**changes),))).text)


@pytest.mark.parametrize("changes", [{"blocked_until_at": NOW - MINUTE}, {"clock_skew": timedelta(seconds=-2)}])
def test_account_cards_leave_out_the_rest(changes: dict[str, object]) -> None:
    """A block that has passed and a clock that is well enough are not worth a line."""
    assert read(a_report(accounts=(an_account(),))).text == read(a_report(accounts=(an_account(**changes),))).text


@pytest.mark.parametrize(
    ("tried_at", "success_at", "words"),
    [
        (
            NOW - MINUTE,
            NOW - 90 * MINUTE,
            "was refused at 09:29:15 UTC ; that of 08:00:15 UTC is in force. The log says why.",
        ),
        (NOW, NOW - 1440 * MINUTE, "was refused at 09:30:15 UTC ; that of Sun 23 Nov, 09:30:15 UTC is in force."),
    ],
)
def test_a_refused_configuration_is_told(tried_at: datetime, success_at: datetime, words: str) -> None:
    """The head says when that on the disk was refused, and from when the one in force is; else it is silent."""
    report = a_report()
    refused = replace(report, last_reload=LastReload(tried_at, successful=False, success_at=success_at))
    well = replace(report, last_reload=LastReload(tried_at, successful=True, success_at=tried_at))
    assert f"The configuration on disk {words}" in plain(read(refused).text)
    assert read(report).text == read(well).text


@pytest.mark.parametrize(
    ("accounts", "words"),
    [
        ((an_account(), an_account("shop", polled=False)), "Waiting for the first poll of shop ."),
        ((an_account(tasks=0),), "No task to watch: the last good polls listed none."),
        ((), "No account is configured."),
    ],
)
def test_empty_states_are_worded(accounts: tuple[object, ...], words: str) -> None:
    """Where there is nothing to show the page says why."""
    assert words in read(a_report(accounts=accounts)).text


@pytest.mark.parametrize(
    ("states", "headline"),
    [
        ([State.MISSED, State.UNKNOWN, State.OK], "1 of 3 tasks missed a run"),
        ([State.UNKNOWN, State.OK], "No missed run is known; 1 task cannot be judged"),
        ([State.OK, State.DUE], "No missed run among 2 tasks"),
        ([], "No task to watch yet"),
    ],
)
def test_the_headline_says_the_worst(states: list[State], headline: str) -> None:
    """The first line is the worst that is known."""
    assert headline == view(a_report(*map(a_task_report, states)))["headline"]


def test_a_great_many_tasks_are_cut_and_counted() -> None:
    """Beyond a limit only the most troubled are shown, and the page says so; the counts hold all."""
    calm = [a_task_report(task_id=str(number)) for number in range(1500)]
    report = a_report(*calm, a_task_report(State.MISSED, name="Trouble", task_id="9999"))
    reader = read(report)
    assert sum(tag == "tr" for tag, _ in reader.tags) - 1 == MAX_ROWS
    assert f"The first {MAX_ROWS} of 1,501: choose a state above, or search." in plain(reader.text)
    assert "1,500 OK" in plain(reader.text)
    assert view(report)["rows"][0].name == "Trouble"


def test_the_style_is_let_through_by_its_hash() -> None:
    """The policy allows the page's one style by hash and nothing else, and the page has no script."""
    answer = ask(build_web(World().sources()), "/")
    styles = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in styles]
    expected = (
        f"default-src 'none'; style-src 'sha256-{''.join(digests)}'; img-src data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert expected == answer.headers["content-security-policy"]
    assert (len(digests), answer.headers["referrer-policy"]) == (1, "no-referrer")
    assert not re.search(r"<script|\sstyle=|\son\w+=", answer.text)


def test_links_are_relative_and_nothing_is_fetched_from_elsewhere() -> None:
    """The page works below any prefix, and asks no other host for anything."""
    linked = [attrs.get("href") or attrs.get("src") or "" for _, attrs in read(a_fleet()).tags]
    tasks = {f"tasks/{task.account}/{task.task_id}" for task in a_fleet().tasks}
    chosen = {f"?state={state}" for state in State} | {"?account=main", "?account=marketing"}
    assert {"metrics", "api/v1/tasks", "-/ready", "config", "?refresh=off"} | tasks | chosen == {
        link for link in linked if link and not link.startswith("data:")
    }


def test_the_page_loads_again_unless_held_still() -> None:
    """A reader can stop the page from changing under the eyes."""
    app = build_web(World().sources())
    assert ask(app, "/").headers["refresh"] == "15"
    still = ask(app, "/?refresh=off")
    assert "refresh" not in still.headers
    assert 'href="./"' in still.text


def test_the_table_can_be_read_aloud() -> None:
    """The page has a language and one first heading, the table a caption, and every header a scope."""
    tags = read(a_fleet()).tags
    assert sum(tag == "h1" for tag, _ in tags) == 1
    assert sum(tag == "caption" for tag, _ in tags) == 1
    assert {"col", "row"} == {attrs.get("scope") for tag, attrs in tags if tag == "th"}
    assert ("html", {"lang": "en"}) in tags


def test_counts_and_accounts_lead_to_their_tasks() -> None:
    """Each count is that of the page it leads to, and the chosen one leads back to all; so with accounts."""
    report = a_fleet()
    for count in view(report)["counts"]:
        chosen = view(report, Choice(state=count.state.value))
        assert (count.link, count.number) == (f"?state={count.state.value}", chosen["total"])
        assert ["./"] == [each.link for each in chosen["counts"] if each.chosen]
    for card, number in zip(view(report)["cards"], (6, 1), strict=True):
        chosen = view(report, Choice(account=card.name))
        assert (f"?account={card.name}", number) == (card.link, chosen["total"])
        assert {card.name} == {row.account for row in chosen["rows"]}
        assert number == sum(count.number for count in chosen["counts"])
        assert "./" == next(each.link for each in chosen["cards"] if each.name == card.name)


def test_an_account_alone_is_no_link() -> None:
    """There would be nothing to choose."""
    assert [None] == [card.link for card in view(a_report(a_task_report()))["cards"]]


def test_a_choice_says_what_it_leaves_out() -> None:
    """The page names the choice and how many of all it is, and keeps it while it is held still; the headline is about all."""
    answer = ask(build_web(World().sources()), "/?state=missed&account=main&search=CHECK&refresh=off")
    shown = plain(Reader(answer.text).text)
    assert "1 of 7 tasks missed a run" in shown
    assert "Only those in state missed of account main with CHECK in name or id: 1 of 7. Show all ." in shown
    hrefs = {attrs.get("href") for tag, attrs in Reader(answer.text).tags if tag == "a"}
    assert {
        "?state=missed&account=main&search=CHECK",
        "?state=unknown&account=main&search=CHECK&refresh=off",
        "?account=main&search=CHECK&refresh=off",
        "?refresh=off",
    } < hrefs
    assert "refresh" not in answer.headers


@pytest.mark.parametrize(
    "query", ["state=gone", "state=MISSED", "account=gone", "search=no+such", "state=ok&search=42"]
)
def test_a_choice_of_nothing_says_so(query: str) -> None:
    """Whatever is not there is no error and no task."""
    answer = ask(build_web(World().sources()), f"/?{query}")
    assert 200 == answer.status_code
    assert "No task is like that." in plain(Reader(answer.text).text)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_choice_stays_text(hostile: str) -> None:
    """What somebody puts into a link for others is shown as text, and in our links as an escaped value."""

    def page(word: str) -> Reader:
        choice = Choice(state=word, account=word, search=word)
        return Reader(PAGE.render(a_fleet(), choice=choice).decode())

    def shape(reader: Reader) -> list[object]:
        return [
            (tag, {**attrs, "href": "", "value": ""} if tag in ("a", "input") else attrs) for tag, attrs in reader.tags
        ]

    assert shape(page("plain")) == shape(page(hostile))
    assert 3 == page(hostile).text.count(plain(hostile))
    links = [attrs["href"] for tag, attrs in page(hostile).tags if tag == "a"]
    assert all(re.fullmatch(r"[\w./~%?=&+*-]+", link, re.ASCII) for link in links)


def test_a_choice_that_everybody_makes_is_shared_and_others_are_bounded() -> None:
    """More searches at once than are let wait are told to come back; the whole page is always there."""

    async def run() -> list[int]:
        app = build_web(World().sources())
        pages = [f"/?search={number}" for number in range(MOST_CHOSEN + 1)]
        answers = await asyncio.gather(*(ask_many(app, 1, path) for path in [*pages, "/", "/?refresh=off"]))
        return [each.status_code for (each,) in answers]

    assert [*[200] * MOST_CHOSEN, 503, 200, 200] == asyncio.run(run())
