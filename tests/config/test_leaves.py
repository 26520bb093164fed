from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from exporter.config.door import Plain
from exporter.config.leaves import TaskId, Url, Whole, Within, is_plain_http_abroad, read_base_url, read_proxy_url

DURATION: TypeAdapter[Any] = TypeAdapter(Annotated[timedelta, Within("5s", "1h")])
LENIENCE: TypeAdapter[Any] = TypeAdapter(Annotated[timedelta, Within("0s", "1h", auto=True)])
NUMBER: TypeAdapter[Any] = TypeAdapter(Annotated[int, Whole(1, 60)])
TASK_ID: TypeAdapter[Any] = TypeAdapter(Annotated[str, TaskId()])
BASE_URL: TypeAdapter[Any] = TypeAdapter(Annotated[str, Url(read_base_url)])
PROXY_URL: TypeAdapter[Any] = TypeAdapter(Annotated[str, Url(read_proxy_url)])


@pytest.mark.parametrize(
    ("leaf", "value", "meaning"),
    [
        (DURATION, "5s", timedelta(seconds=5)),
        (DURATION, "60m", timedelta(hours=1)),
        (LENIENCE, "auto", None),
        (LENIENCE, "0", timedelta(0)),
        (LENIENCE, 0, timedelta(0)),
        (NUMBER, 1, 1),
        (NUMBER, 60, 60),
        (TASK_ID, 0, "0"),
        (TASK_ID, 9007199254740993, "9007199254740993"),
        (TASK_ID, "0123", "123"),
        (TASK_ID, "9" * 20, "9" * 20),
        (BASE_URL, "https://api.screenshotmax.com", "https://api.screenshotmax.com"),
        (BASE_URL, "https://gate.example:8443/shots//", "https://gate.example:8443/shots"),
        (BASE_URL, "http://[::1]:8080/", "http://[::1]:8080"),
        (PROXY_URL, "http://proxy.example:3128", "http://proxy.example:3128"),
        (PROXY_URL, "https://user:pass%40@[2001:db8::1]:3128/", "https://user:pass%40@[2001:db8::1]:3128/"),
    ],
)
def test_a_good_value_is_read_exactly(leaf: TypeAdapter[Any], value: object, meaning: object) -> None:
    """Bounds are included, ids keep every digit, addresses lose only trailing slashes."""
    assert meaning == leaf.validate_python(value)


@pytest.mark.parametrize(
    ("leaf", "value"),
    [
        (DURATION, "4s999ms"),
        (DURATION, "1h1ms"),
        (DURATION, "auto"),
        (DURATION, 30),
        (DURATION, None),
        (DURATION, True),
        (LENIENCE, False),
        (LENIENCE, ""),
        (LENIENCE, "Auto"),
        (NUMBER, 0),
        (NUMBER, 61),
        (NUMBER, True),
        (NUMBER, "5"),
        (TASK_ID, -1),
        (TASK_ID, True),
        (TASK_ID, ""),
        (TASK_ID, "9" * 21),
        (TASK_ID, "1/2"),
        (TASK_ID, "1\n"),
        (TASK_ID, "\u0661"),
        (TASK_ID, Plain("012")),
        (BASE_URL, None),
        (BASE_URL, "ftp://example.com"),
        (BASE_URL, "https://"),
        (BASE_URL, "https:///path"),
        (BASE_URL, "https://example.com:0"),
        (BASE_URL, "https://example.com:65536"),
        (BASE_URL, "https://[::1"),
        (BASE_URL, "https://[1:2]"),
        (BASE_URL, "https://-example.com"),
        (BASE_URL, "https://example.com/a b"),
        (BASE_URL, "https://example.com\\@other"),
        (BASE_URL, "https://user@example.com"),
        (BASE_URL, "https://example.com/?q"),
        (BASE_URL, "https://example.com/#f"),
        (BASE_URL, "https://example.com/v1/"),
        (BASE_URL, "https://exämple.com"),
        (PROXY_URL, "proxy.example:3128"),
        (PROXY_URL, "socks5://proxy.example"),
        (PROXY_URL, "http://proxy.example/path"),
        (PROXY_URL, "http://proxy.example:99999"),
        (PROXY_URL, "http://a b@proxy.example"),
        (PROXY_URL, 5),
    ],
)
def test_a_bad_value_is_refused_in_our_words(leaf: TypeAdapter[Any], value: object) -> None:
    """The one error type of this house, and nothing of pydantic's own sentences."""
    with pytest.raises(ValidationError) as caught:
        leaf.validate_python(value)
    expected = ["unexpected"]
    assert expected == [detail["type"] for detail in caught.value.errors()]


@pytest.mark.parametrize(
    ("base_url", "abroad"),
    [
        ("https://example.com", False),
        ("http://example.com", True),
        ("http://localhost:8080", False),
        ("http://localhost.example", True),
        ("http://127.0.0.1", False),
        ("http://127.9.9.9:1/x", False),
        ("http://127.0.0.1.example", True),
        ("http://[::1]:8080", False),
        ("http://[2001:db8::1]", True),
        ("http://0.0.0.0", True),
        ("http://10.0.0.1", True),
    ],
)
def test_plain_http_stays_on_this_machine(base_url: str, abroad: bool) -> None:
    """Loopback addresses and localhost, and nothing that merely begins like them."""
    assert abroad is is_plain_http_abroad(base_url)
