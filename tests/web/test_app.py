"""Every route, method, format and fault of the web, asked in this process."""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.metrics import ReportCollector, build_registry
from exporter.web import build_web
from web.reports import NOW, World, a_task_report, an_account, ask, ask_many, two_families

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from exporter.model import Report

PATHS = ("/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/tasks", "/config")
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
OPEN = {("shop_open", ()): 1.0}
ALL = {**OPEN, ("shop_guests", (("name", 'Zoë "Z"\nback\\slash'),)): 2.0}


def samples(families: Iterator[Metric]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {(each.name, tuple(each.labels.items())): each.value for family in families for each in family.samples}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_routes_answer_get_and_head(path: str, method: str) -> None:
    """Each route answers GET and HEAD with 200, and says that nothing is to be stored or sniffed."""
    answer = ask(build_web(World().sources()), path, method=method)
    assert (
        answer.status_code,
        answer.headers["cache-control"],
        answer.headers["x-content-type-options"],
    ) == (200, "no-store", "nosniff")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FOO"])
def test_wrong_methods_are_refused(path: str, method: str) -> None:
    """A wrong method is 405 with Allow, and nothing that was sent comes back."""
    answer = ask(build_web(World().sources()), path, method=method, x_secret="s3cret")
    assert (answer.status_code, answer.headers["allow"], answer.text) == (405, "GET, HEAD", "Method Not Allowed\n")
    assert "s3cret" not in str(answer.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/nonsense",
        "/metrics/",
        "/metrics%0A",
        "/metrics%00",
        "//",
        "//metrics",
        "/METRICS",
        "/-/",
        "/-/ready/x",
        "/-/reload/",
        "/config/",
        "/..%2f..%2fetc/passwd",
        "/.git/config",
        "/proc/self/environ",
        "/favicon.ico",
        "/<script>alert(1)</script>",
    ],
)
def test_unknown_paths_are_not_found(path: str) -> None:
    """Any other path is 404 in plain fixed words, never a redirect and never an echo."""
    answer = ask(build_web(World().sources()), path)
    assert (
        answer.status_code,
        answer.headers["content-type"],
        answer.text,
    ) == (404, "text/plain; charset=utf-8", "Not Found\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(("GET", path, 200) for path in PATHS if path != "/"),
        *(("GET", "/tasks/main", 404), ("GET", "/api/v1/tasks/main/1", 404), ("GET", "/nonsense", 404)),
        *(("POST", "/metrics", 405), ("GET", "/-/reload", 405), ("POST", "/-/reload", 403)),
    ],
)
def test_every_answer_is_harmless_to_a_browser(method: str, path: str, status: int) -> None:
    """Whatever is answered may load nothing, be framed by nobody, and be taken for nothing else; no banner is on it."""
    answer = ask(build_web(World().sources()), path, method=method)
    assert (status, "default-src 'none'; frame-ancestors 'none'", "nosniff") == (
        answer.status_code,
        answer.headers["content-security-policy"],
        answer.headers["x-content-type-options"],
    )
    assert {"server", "x-powered-by"}.isdisjoint(answer.headers)


def test_healthy_follows_its_source() -> None:
    """Liveness is 200 and `Healthy`, or 503 with the cause."""
    world = World()
    app = build_web(world.sources())
    assert ((good := ask(app, "/-/healthy")).status_code, good.text) == (200, "Healthy")
    world.is_healthy = False
    assert ((bad := ask(app, "/-/healthy")).status_code, bad.text) == (503, "Unhealthy: a poll loop has stopped")


def test_ready_says_what_is_awaited() -> None:
    """Readiness is 503 with what is awaited, then 200 and `Ready`."""
    world = World()
    app = build_web(world.sources())
    world.is_ready = (False, "Waiting for the first poll of main")
    early = ask(app, "/-/ready")
    assert (early.status_code, early.text) == (503, "Waiting for the first poll of main")
    world.is_ready = (True, "")
    assert ((late := ask(app, "/-/ready")).status_code, late.text) == (200, "Ready")


def test_text_is_the_default_format() -> None:
    """Without a wish the exposition is text 0.0.4, and a parser finds exactly the intended samples."""
    answer = ask(build_web(World().sources()), accept="")
    assert answer.headers["content-type"] == TEXT
    assert samples(parse_text(answer.text)) == ALL


def test_openmetrics_passes_the_strict_parser() -> None:
    """OpenMetrics is given when asked for, ends with its mark, and passes the strict parser."""
    answer = ask(build_web(World().sources()), accept="application/openmetrics-text;version=1.0.0,*/*;q=0.1")
    assert answer.headers["content-type"] == OPENMETRICS
    assert answer.text.endswith("\n# EOF\n")
    assert samples(parse_openmetrics(answer.text)) == ALL


@pytest.mark.parametrize("path", ["/metrics", "/", "/api/v1/tasks"])
def test_gzip_is_given_when_accepted(path: str) -> None:
    """The gzip form unpacks to the plain form, and caches are told what the answer depends on."""
    app = build_web(World().sources())
    plain, packed = ask(app, path), ask(app, path, accept_encoding="gzip")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.text == packed.text
    assert "Accept-Encoding" in plain.headers["vary"]
    assert plain.headers["vary"] == packed.headers["vary"]


def test_exposition_varies_by_accept() -> None:
    """A cache between us and two scrapers must not mix their formats."""
    assert ask(build_web(World().sources())).headers["vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?name[]=shop_open", OPEN),
        ("?name%5B%5D=shop_open&name[]=nothing_else", OPEN),
        ("?name[]=nothing", {}),
        ("?debug=true&target=http://elsewhere", ALL),
    ],
)
def test_names_choose_series(query: str, expected: object) -> None:
    """`name[]` chooses series by name; no other parameter has a meaning."""
    assert expected == samples(parse_text(ask(build_web(World().sources()), f"/metrics{query}").text))


def test_families_are_built_off_the_loop() -> None:
    """Whatever time they take, the event loop goes on; only what they tell of is read in it."""
    threads: list[str] = []

    def make() -> Iterator[Metric]:
        threads.append(threading.current_thread().name)
        yield from two_families()

    world = World(make)
    assert ALL == samples(parse_text(ask(build_web(world.sources())).text))
    assert ["render_0"] == threads


@pytest.mark.parametrize("packed", [False, True])
def test_formats_that_differ_by_name_share_one_rendering(packed: bool) -> None:
    """However it asks for names to be escaped, which ours need not be, a scraper gets the same bytes."""
    world = World()
    app = build_web(world.sources())
    accepts = ["", *(f";escaping={scheme}" for scheme in ("allow-utf-8", "underscores", "dots"))]
    encoding = "gzip" if packed else "identity"
    answers = [
        ask(app, accept=f"application/openmetrics-text;version=1.0.0{each}", accept_encoding=encoding)
        for each in accepts
    ]
    assert 1 == len({each.content for each in answers}) == world.families.asked
    assert ["", "; escaping=allow-utf-8", "; escaping=underscores", "; escaping=underscores"] == [
        each.headers["content-type"].removeprefix(OPENMETRICS) for each in answers
    ]


def test_scrapes_at_once_cost_one_rendering() -> None:
    """Fifty scrapes at once collect once, and all get the whole answer."""
    world = World()
    answers = asyncio.run(ask_many(build_web(world.sources()), 50))
    assert world.families.asked == 1
    assert [(each.status_code, samples(parse_text(each.text))) for each in answers] == [(200, ALL)] * 50


@pytest.mark.parametrize(
    ("news", "asked"),
    [
        ({}, 1),
        ({"at": NOW + timedelta(seconds=1)}, 2),
        ({"accounts": (an_account(polls=41),)}, 2),
    ],
    ids=["nothing new", "next second", "a poll landed"],
)
def test_an_answer_is_kept_until_there_is_news(news: dict[str, object], asked: int) -> None:
    """A later scrape is answered from what was rendered, unless time or a poll has changed the report."""
    world = World()
    app = build_web(world.sources())
    ask(app)
    world.now_report = replace(world.now_report, **news)
    ask(app)
    assert asked == world.families.asked


def test_a_scrape_does_not_wait_for_the_default_threads() -> None:
    """A scrape is answered while every thread of the loop's pool hangs, as in a resolver that is silent."""
    release = threading.Event()

    async def scrape() -> int:
        loop = asyncio.get_running_loop()
        hanging = [loop.run_in_executor(None, release.wait) for _ in range(64)]
        try:
            async with asyncio.timeout(5):
                answers = await ask_many(build_web(World().sources()), 1)
        finally:
            release.set()
            await asyncio.gather(*hanging)
        return answers[0].status_code

    assert asyncio.run(scrape()) == 200


def a_collector_that_raises() -> Iterator[Metric]:
    yield next(two_families())
    raise ZeroDivisionError


def a_family_that_cannot_be_written() -> Iterator[Metric]:
    bad = GaugeMetricFamily("shop_guests", "Who is in.", labels=["name"])
    bad.add_metric(["\ud800"], 1)
    yield bad
    yield next(two_families())


@pytest.mark.parametrize("make", [a_collector_that_raises, a_family_that_cannot_be_written])
@pytest.mark.parametrize("accept", ["*/*", "application/openmetrics-text"])
def test_a_broken_part_costs_only_itself(make: object, accept: str) -> None:
    """A collector or family that raises is counted once, and the rest is served with 200."""
    world = World(make)
    answer = ask(build_web(world.sources()), accept=accept)
    parse = parse_openmetrics if "openmetrics" in accept else parse_text
    assert (answer.status_code, samples(parse(answer.text))) == (200, OPEN)
    assert world.errors == {"scrape": 1}


def no_report() -> Report:
    raise ZeroDivisionError("internal words")


def test_metrics_outlive_a_broken_report() -> None:
    """Without a report all else is still served, the count of this very fault too."""
    world = World()
    collector = ReportCollector(
        no_report,
        polled=str,
        version="1.2.3",
        revision="",
        on_error=lambda where: world.errors.update([where]),
        errors=lambda: world.errors,
    )
    answer = ask(build_web(world.sources(report=no_report, registry=build_registry(collector))))
    shown = samples(parse_text(answer.text))
    assert 200 == answer.status_code
    count = shown["screenshotmax_exporter_internal_errors_total", (("where", "scrape"),)]
    assert 1 == count == world.errors["scrape"]
    names = {"process_resident_memory_bytes", "python_info", "screenshotmax_exporter_build_info"}
    assert names <= {name for name, _ in shown}


def test_the_configuration_is_shown_as_it_is_now() -> None:
    """`/config` is plain text in UTF-8 of the configuration in effect; what no encoding can hold costs a character."""
    in_effect = ["accounts: []\n"]
    app = build_web(World().sources(config=lambda: in_effect[-1], config_text=str))
    before = ask(app, "/config")
    in_effect.append("name: Zoë \ud800\n")
    assert ("text/plain; charset=utf-8", "accounts: []\n") == (before.headers["content-type"], before.text)
    assert "name: Zoë ?\n" == ask(app, "/config").text


def test_a_configuration_is_written_once() -> None:
    """However often `/config` is asked for, and whatever the polls bring: once for each configuration, in a thread."""
    world, in_effect, written = World(), ["first"], []

    def write(config: str) -> str:
        written.append((config, threading.current_thread().name))
        return config

    app = build_web(world.sources(config=lambda: in_effect[-1], config_text=write))
    for config in ("first", "second"):
        in_effect.append(config)
        for _ in range(2):
            world.now_report = replace(world.now_report, at=world.now_report.at + timedelta(seconds=1))
            asyncio.run(ask_many(app, 3, "/config"))
    assert [("first", "render_0"), ("second", "render_0")] == written


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("", (200, "")),
        ("config.yaml: accounts: missing", (500, "failed to reload config: config.yaml: accounts: missing\n")),
    ],
)
def test_a_reload_is_answered_when_it_is_done(method: str, reason: str, expected: tuple[int, str]) -> None:
    """The answer waits for the reload: 200 and nothing, or 500 with the reason."""
    done: list[str] = []

    async def reload() -> str:
        await asyncio.sleep(0)
        done.append(method)
        return reason

    answer = ask(build_web(World().sources(reload=reload)), "/-/reload", method=method)
    assert (*expected, [method]) == (answer.status_code, answer.text, done)
    assert "no-store" == answer.headers["cache-control"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_nobody_reloads_unless_it_was_allowed(method: str) -> None:
    """Without `--web.enable-lifecycle` the answer is 403, in Prometheus's words."""
    answer = ask(build_web(World().sources()), "/-/reload", method=method)
    assert (403, "Lifecycle API is not enabled.\n") == (answer.status_code, answer.text)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://elsewhere"},
        {"origin": "null"},
        {"origin": "http://exporter"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-origin"},
    ],
)
def test_no_browser_can_reload(headers: dict[str, str]) -> None:
    """What a page made a browser send reloads nothing, be it one of ours by its name, as after a rebound DNS."""

    async def reload() -> str:
        raise AssertionError

    world = World()
    answer = ask(build_web(world.sources(reload=reload)), "/-/reload", method="POST", **headers)
    assert (403, "Reloading is not for browsers.\n") == (answer.status_code, answer.text)
    assert {} == world.errors


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "FOO"])
def test_a_link_or_a_picture_cannot_reload(method: str) -> None:
    """Another method is 405 and says which will do; nothing is reloaded."""

    async def reload() -> str:
        raise AssertionError

    world = World()
    answer = ask(build_web(world.sources(reload=reload)), "/-/reload", method=method)
    assert (405, "POST, PUT") == (answer.status_code, answer.headers["allow"])
    assert ("" if method == "HEAD" else "This endpoint requires a POST request.\n") == answer.text
    assert {} == world.errors


def test_a_reload_that_raises_is_counted_as_such() -> None:
    """A bug in a reload is a plain 500 that tells nothing, and is counted as the reload's."""

    async def reload() -> str:
        raise ZeroDivisionError("internal words")

    world = World()
    answer = ask(build_web(world.sources(reload=reload)), "/-/reload", method="POST")
    assert (500, "Internal error; the exporter's log says more.") == (answer.status_code, answer.text)
    assert {"reload": 1} == world.errors


@pytest.mark.parametrize("path", ["/", "/api/v1/tasks"])
def test_a_broken_page_tells_nothing(path: str) -> None:
    """A page that cannot be made is a plain 500 without a traceback, and is counted."""
    world = World()
    task = a_task_report(fetched_at="no instant", fetch_success=False)
    world.now_report = replace(world.now_report, tasks=(task,))
    answer = ask(build_web(world.sources()), path)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/plain; charset=utf-8")
    assert answer.text == "Internal error; the exporter's log says more."
    assert world.errors["page"] == 1


def test_the_fault_is_at_hand_when_it_is_counted() -> None:
    """The one who counts a fault can also log it: the exception is still being handled."""
    seen: list[str] = []

    def on_error(where: str) -> None:
        seen.append(f"{where}: {sys.exc_info()[1]}")

    ask(build_web(World(a_family_that_cannot_be_written).sources(on_error=on_error)))
    ask(build_web(World().sources(report=no_report, on_error=on_error)), "/")
    assert [each.split(":")[0] for each in seen] == ["scrape", "page"]
    assert all(not each.endswith("None") for each in seen)


def test_the_telemetry_path_can_be_moved() -> None:
    """Metrics move to the given path and the page's link with them; the old path is 404."""
    app = build_web(World().sources(telemetry_path="/shop/metrics"))
    assert [ask(app, path).status_code for path in ("/shop/metrics", "/metrics")] == [200, 404]
    assert 'href="shop/metrics"' in ask(app, "/").text


def test_metrics_can_take_the_root() -> None:
    """With the telemetry path at the root there is no page."""
    assert ask(build_web(World().sources(telemetry_path="/")), "/").headers["content-type"] == TEXT


@pytest.mark.parametrize(
    "path",
    [
        *("metrics", "", "/a/{b}", "/a b", "//metrics", "/metrics/", "/a?b", "/a/../b", "/.", "/metrics\n"),
        *("/-/ready", "/-/healthy", "/-/reload", "/config", "/api/v1/tasks"),
    ],
)
def test_strange_telemetry_paths_are_refused(path: str) -> None:
    """A telemetry path that is not plain, or is another route's, is an error that names it."""
    with pytest.raises(ValueError, match="expected a plain path of its own"):
        World().sources(telemetry_path=path)
