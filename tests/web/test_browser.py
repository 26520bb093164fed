"""The pages in a real browser."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.model import State
from exporter.web import Server, bind, build_web
from exporter.web.story import render_text, tell
from web.reports import World, a_fleet, a_report, a_task_report, an_account, an_explanation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Page

    from exporter.model import Report

pytestmark = pytest.mark.real

FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]
BADGES = "Array.from(document.querySelectorAll('.badge'), each => [each.innerText, getComputedStyle(each).color])"
WIDTHS = "[document.documentElement.scrollWidth, window.innerWidth]"
# The contrast of WCAG 2: relative luminances of a text and of the ground it stands on.
CONTRASTS = """selector => Array.from(document.querySelectorAll(selector), each => {
  const light = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number)
    .map(part => part / 255).map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const colour = element => getComputedStyle(element).backgroundColor;
  const ground = element => colour(element).endsWith(', 0)') ? ground(element.parentElement) : colour(element);
  const pair = [light(getComputedStyle(each).color), light(ground(each))].sort((a, b) => b - a);
  return (pair[0] + 0.05) / (pair[1] + 0.05);
})"""


@asynccontextmanager
async def a_page(
    chromium: Path, complaints: list[str], *, report: Report, path: str, **context: object
) -> AsyncIterator[Page]:
    """A page of the report, loaded; the browser's complaints are collected."""
    playwright = pytest.importorskip("playwright.async_api", reason="component missing: playwright (not installed)")
    world = World()
    world.now_report = report
    server = Server(build_web(world.sources()), bind(["127.0.0.1:0"]))
    serving = asyncio.create_task(server.serve())
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=str(chromium), args=FLAGS)
        page = await (await browser.new_context(**context)).new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        assert (answer := await page.goto(f"{server.urls[0].rstrip('/')}/{path}")) is not None
        assert answer.status == 200
        yield page
        await browser.close()
    server.stop()
    await serving


def look(
    component: Callable[[str], Path],
    seek: Callable[[Page], Awaitable[object]],
    *,
    report: Report | None = None,
    path: str = "",
    **context: object,
) -> object:
    """What `seek` finds on the page, after asserting that the browser had nothing to complain of."""
    chromium, complaints, shown = component("chromium"), [], report or a_fleet()

    async def run() -> object:
        async with a_page(chromium, complaints, report=shown, path=path, **context) as page:
            return await seek(page)

    found = asyncio.run(run())
    assert complaints == []
    return found


def test_the_style_is_applied(component: Callable[[str], Path]) -> None:
    """The browser lets the inline style through, and every state has a colour of its own."""
    badges = look(component, lambda page: page.evaluate(BADGES))
    assert [words for words, _ in badges] == ["Missed", "Unknown", "Unknown", "Due", "Never ran", "OK", "Disabled"]
    assert len({colour for _, colour in badges}) == 6


def an_endless_fleet() -> Report:
    """A task and an account whose every word is longer than a screen is wide."""
    word = "W" * 200
    known = a_task_report(State.UNKNOWN, name=word, account=word, schedule_error=word)
    task = replace(known.task, crontab=word, timezone=word, runs=10**15, bad_fields=frozenset({word}))
    return a_report(replace(known, task=task), accounts=(an_account(word),))


@pytest.mark.parametrize("make", [a_fleet, an_endless_fleet])
@pytest.mark.parametrize("width", [320, 400, 800, 1024, 1241, 1400])
def test_nothing_has_to_be_scrolled_sideways(
    component: Callable[[str], Path], width: int, make: Callable[[], Report]
) -> None:
    """At any width from a phone's to a desk's the page fits, however long the words."""
    size = {"width": width, "height": 800}
    needed, given = look(component, lambda page: page.evaluate(WIDTHS), report=make(), viewport=size)
    assert needed <= given


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_states_can_be_read_in_light_and_dark(component: Callable[[str], Path], scheme: str) -> None:
    """Text on its ground has at least the contrast of 4.5 to 1 in both colour schemes."""
    texts = ".badge, .status, .counts li:not(.none)"
    contrasts = look(component, lambda page: page.evaluate(CONTRASTS, texts), color_scheme=scheme)
    assert len(contrasts) >= 13
    assert min(contrasts) >= 4.5


@pytest.mark.parametrize("width", [400, 1280])
def test_the_table_stays_a_table_for_a_screen_reader(component: Callable[[str], Path], width: int) -> None:
    """Whatever its look, the accessibility tree has the table, its rows and its header cells."""

    async def count(page: Page) -> list[int]:
        return [await page.get_by_role(role).count() for role in ("table", "row", "rowheader", "cell")]

    assert look(component, count, viewport={"width": width, "height": 800}) == [1, 8, 7, 42]


MISSED = "tasks/main/5678133109850114"


def an_endless_task() -> Report:
    """The same words as in the endless fleet, on an address of their own."""
    known = replace(an_endless_fleet().tasks[0], account="main", task_id="5678133109850114")
    return a_report(known)


@pytest.mark.parametrize("make", [a_fleet, an_endless_task])
@pytest.mark.parametrize("width", [320, 400, 700, 1280])
def test_a_task_fits_into_the_width(component: Callable[[str], Path], width: int, make: Callable[[], Report]) -> None:
    """At any width the page of a task fits too, with the text to paste opened."""

    async def measure(page: Page) -> object:
        await page.get_by_text("All of it as text, to paste").click()
        return await page.evaluate(WIDTHS)

    needed, given = look(component, measure, report=make(), path=MISSED, viewport={"width": width, "height": 800})
    assert needed <= given


def test_one_click_selects_the_text_to_paste(component: Callable[[str], Path]) -> None:
    """What is selected is the whole text as the shell prints it, from the state to the last fact."""

    async def select(page: Page) -> str:
        await page.get_by_text("All of it as text, to paste").click()
        await page.locator("pre").click()
        return await page.evaluate("getSelection().toString()")

    report = a_fleet()
    known = next(task for task in report.tasks if task.task_id == "5678133109850114")
    expected = render_text(tell(an_explanation(report, known)))
    assert expected.strip() == look(component, select, report=report, path=MISSED).strip()


def test_the_way_to_a_task_and_back(component: Callable[[str], Path]) -> None:
    """A click on a task's name leads to its page, whose first words say what is wrong; another leads back."""

    async def walk(page: Page) -> list[str]:
        await page.get_by_role("link", name="Checkout, mobile").click()
        there = await page.locator("#headline").inner_text()
        await page.get_by_role("link", name="All tasks").click()
        return [there, await page.locator("#headline").inner_text()]

    there, back = look(component, walk)
    assert there.startswith("Checkout, mobile missed 3 runs in a row")
    assert "1 of 7 tasks missed a run" == back


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_task_can_be_read_in_light_and_dark(component: Callable[[str], Path], scheme: str) -> None:
    """Every text of the page, the softer ones too, has the contrast of 4.5 to 1 on its ground."""
    texts = ".badge, .headline, .timeline *, .details h2, .details p, .details span, summary"
    contrasts = look(component, lambda page: page.evaluate(CONTRASTS, texts), path=MISSED, color_scheme=scheme)
    assert len(contrasts) >= 40
    assert min(contrasts) >= 4.5
