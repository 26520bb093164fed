"""The routes under their prefix, the links between them, and the ways to them from outside."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest

from exporter.web import build_web
from web.reports import World, ask

TASK = "5678133109850114"
PATHS = (
    *("/-/healthy", "/-/ready", "/api/v1/tasks", "/config"),
    *(f"/tasks/main/{TASK}", f"/api/v1/tasks/main/{TASK}"),
)


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [
        ("/shop", "/", "shop/"),
        ("/shop", "/shop", "shop/"),
        ("/a/b", "/", "a/b/"),
        ("/a/b", "/a/b", "b/"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_way_home_is_relative(prefix: str, path: str, expected: str, method: str) -> None:
    """The root, and the prefix without its slash, lead to the status page, also behind a proxy that adds a prefix."""
    app = build_web(World().sources(route_prefix=prefix))
    answer = ask(app, path, method=method)
    assert (302, expected, "") == (answer.status_code, answer.headers["location"], answer.text)
    assert "no-store" == answer.headers["cache-control"]
    assert f"http://proxy/added{prefix}/" == urljoin(f"http://proxy/added{path}", answer.headers["location"])
    assert 200 == ask(app, f"{prefix}/").status_code


@pytest.mark.parametrize("path", ["/", "/inside"])
def test_the_way_home_is_the_external_url(path: str) -> None:
    """Who has told us our address is sent there, and not to the inner prefix."""
    app = build_web(World().sources(route_prefix="/inside", external_url="https://example.com/outside"))
    answer = ask(app, path)
    assert (302, "https://example.com/outside/") == (answer.status_code, answer.headers["location"])


@pytest.mark.parametrize("external_url", ["", "https://example.com/outside"])
def test_without_a_prefix_nobody_is_sent_anywhere(external_url: str) -> None:
    """The root is the status page itself."""
    assert 200 == ask(build_web(World().sources(external_url=external_url)), "/").status_code


@pytest.mark.parametrize("path", ["/a", "/a/b/x", "/a/bb", "/a/b//", "/a/b%0A", "/x", "//", "/A/B", "/a%2Fb/x"])
def test_beside_the_prefix_there_is_nothing(path: str) -> None:
    """Any other path is 404, half of the prefix too."""
    assert 404 == ask(build_web(World().sources(route_prefix="/a/b")), path).status_code


@pytest.mark.parametrize("path", ["/", "/shop"])
def test_the_way_home_takes_no_other_method(path: str) -> None:
    """A wrong method is refused on these as on every route."""
    answer = ask(build_web(World().sources(route_prefix="/shop")), path, method="POST")
    assert (405, "GET, HEAD", "Method Not Allowed\n") == (answer.status_code, answer.headers["allow"], answer.text)


@pytest.mark.parametrize("prefix", ["/shop", "/behind/a/proxy"])
@pytest.mark.parametrize("telemetry_path", ["/metrics", "/shop/metrics"])
def test_all_routes_move_under_the_prefix(prefix: str, telemetry_path: str) -> None:
    """Each route, that of the metrics too, answers under the prefix and nowhere else."""
    app = build_web(World().sources(route_prefix=prefix, telemetry_path=telemetry_path))
    paths = [*PATHS, telemetry_path]
    assert [200] * len(paths) == [ask(app, prefix + path).status_code for path in paths]
    assert [404] * len(paths) == [ask(app, path).status_code for path in paths]
    assert (200, 403, 404) == (
        ask(app, f"{prefix}/").status_code,
        ask(app, f"{prefix}/-/reload", method="POST").status_code,
        ask(app, "/-/reload", method="POST").status_code,
    )


class Links(HTMLParser):
    """What a page links to, as a browser at `url` would ask for it."""

    def __init__(self, url: str, text: str) -> None:
        super().__init__()
        self.url, self.asked = url, list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href is not None:
            self.asked.append(urljoin(self.url, href))


@pytest.mark.parametrize("prefix", ["", "/shop", "/behind/a/proxy"])
@pytest.mark.parametrize("telemetry_path", ["/metrics", "/shop/metrics"])
@pytest.mark.parametrize("path", ["/", "/?refresh=off", f"/tasks/main/{TASK}"])
def test_every_link_arrives(prefix: str, telemetry_path: str, path: str) -> None:
    """All that the pages link to is there, under whatever prefix, even where a proxy adds another before it."""
    app = build_web(World().sources(route_prefix=prefix, telemetry_path=telemetry_path))
    for added in ("", "/added"):
        links = Links(f"http://exporter{added}{prefix}{path}", ask(app, prefix + path).text)
        beyond = [url.partition(f"http://exporter{added}/")[2] for url in links.asked]
        assert {200} == {ask(app, f"/{each}").status_code for each in beyond}
        assert f"http://exporter{added}{prefix}{telemetry_path}" in links.asked


@pytest.mark.parametrize(
    ("path", "canonical"),
    [("/", "https://example.com/shop/"), (f"/tasks/main/{TASK}", f"https://example.com/shop/tasks/main/{TASK}")],
)
def test_pages_name_the_address_that_they_are_known_by(path: str, canonical: str) -> None:
    """With an external URL a page names its one address, whatever prefix it is served under; without, none."""
    known = build_web(World().sources(external_url="https://example.com/shop"))
    assert f'<link rel="canonical" href="{canonical}">' in ask(known, path).text
    assert "canonical" not in ask(build_web(World().sources()), path).text
