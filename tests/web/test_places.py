"""Where the routes are, from the two flags that say so."""

from __future__ import annotations

import pytest

from exporter.web import Place, locate
from exporter.web.places import is_plain


@pytest.mark.parametrize(
    ("external_url", "route_prefix", "expected"),
    [
        ("", "", ("", "")),
        ("", "/", ("", "")),
        ("", "//", ("", "")),
        ("", "/shop", ("/shop", "")),
        ("", "shop/", ("/shop", "")),
        ("", "/shop/open/", ("/shop/open", "")),
        ("https://example.com", "", ("", "https://example.com")),
        ("https://example.com/", "", ("", "https://example.com")),
        ("https://example.com/shop", "", ("/shop", "https://example.com/shop")),
        ("https://example.com/shop//", "", ("/shop", "https://example.com/shop")),
        ("https://example.com/shop", "/", ("", "https://example.com/shop")),
        ("https://example.com/shop", "/other", ("/other", "https://example.com/shop")),
        ("HTTP://localhost:10142/a/b", "", ("/a/b", "HTTP://localhost:10142/a/b")),
        ("http://[::1]:10142/a", "", ("/a", "http://[::1]:10142/a")),
        ("http://my_host.internal:1", "", ("", "http://my_host.internal:1")),
        ("http://192.0.2.1:65535", "", ("", "http://192.0.2.1:65535")),
    ],
)
def test_the_prefix_is_that_of_the_external_url(
    external_url: str, route_prefix: str, expected: tuple[str, str]
) -> None:
    """Without a prefix of its own the external URL's path is the prefix; a given one wins, and `/` is none."""
    place = locate(external_url=external_url, route_prefix=route_prefix)
    assert Place(route_prefix=expected[0], external_url=expected[1]) == place


@pytest.mark.parametrize(
    "url",
    [
        "example.com",
        "/shop",
        "//example.com",
        "ftp://example.com",
        "javascript://example.com/%0aalert(1)",
        "http://",
        "http:///shop",
        "http://:10142",
        "http://exam ple.com",
        "http://-x.example.com",
        "http://x-.example.com",
        "http://a..b",
        "http://b\u00fccher.example",
        "http://[::1",
        "http://[not-six]",
        "http://example.com:0",
        "http://example.com:65536",
        "http://example.com:port",
        "http://example.com:",
        "http://example.com?x=1",
        "http://example.com/?x=1",
        "http://example.com/shop?",
        "http://example.com/shop#part",
        "http://example.com/a b",
        "http://example.com/a//b",
        "http://example.com/../b",
        "http://example.com/%2e",
        "http://example.com/\x00",
        "http://example.com/shop\n",
        "http://example.com\r\nSet-Cookie: x=1",
        "'http://example.com/'",
        '"http://example.com/"',
        " http://example.com/",
    ],
)
def test_bad_external_urls_are_one_sentence(url: str) -> None:
    """What browsers could not be sent to, or would read in another way than we do, is refused by name."""
    with pytest.raises(ValueError, match="expected http or https, a host and a plain path, such as") as caught:
        locate(external_url=url, route_prefix="")
    assert str(caught.value).startswith(f"external URL {url!r}: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("url", ["http://user:hidden@example.com/", "http://hidden@example.com", "http:hidden@x"])
def test_a_password_in_an_external_url_is_not_quoted(url: str) -> None:
    """A URL with a user is refused, and nothing of it is told."""
    with pytest.raises(ValueError, match="external URL: expected") as caught:
        locate(external_url=url, route_prefix="/shop")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["/a b", "/a//b", "/{a}", "/a?b", "/..", "/a/./b", "/a%2fb", "/a\n", "/\u00fc", " "])
def test_bad_prefixes_are_one_sentence(prefix: str) -> None:
    """A prefix that a proxy could read in another way is refused by name."""
    with pytest.raises(ValueError, match="expected a plain path, such as /screenshotmax") as caught:
        locate(external_url="", route_prefix=prefix)
    assert str(caught.value).startswith(f"route prefix {prefix!r}: ")


@pytest.mark.parametrize(
    ("expected", "path"),
    [
        *((True, path) for path in ("/a", "/a/b", "/-/x", "/a.b", "/...", "/.a", "/a/..b", "/~_-")),
        *(
            (False, path)
            for path in ("", "/", "a", "/a/", "//a", "/.", "/..", "/a/..", "/a/../b", "/a/.", "/a:b", "/a\n")
        ),
    ],
)
def test_plain_paths(expected: bool, path: str) -> None:
    """A plain path has segments of letters, digits and `._~-`, none of them a step up or in place."""
    assert expected == is_plain(path)
