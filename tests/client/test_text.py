from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.client.text import clean
from repeated import AMPLE, Repeated, repeated


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        pytest.param("Prices, München", "Prices, München", id="ordinary"),
        pytest.param("a\tb\r\nc\u2028d", "a b  c d", id="line ends and tabs become spaces"),
        pytest.param("\ud800x\udfff", "\ufffdx\ufffd", id="lone surrogates"),
        pytest.param("a\x00b\x1b[31mc\x7f", "a\ufffdb\ufffd[31mc\ufffd", id="control and ANSI"),
        pytest.param("\u202eevil\u2066\u200b", "\ufffdevil\ufffd\ufffd", id="bidi and zero-width"),
        pytest.param("\u0645\u06cc\u200c\u062e 👩\u200d💻", "\u0645\u06cc\u200c\u062e 👩\u200d💻", id="joiners stay"),
        pytest.param("<b>&\"'\\", "<b>&\"'\\", id="each sink escapes for itself"),
        pytest.param("a\xa0b", "a\xa0b", id="no-break space stays"),
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    """Blanks become spaces, other invisible characters U+FFFD, and the rest stays as it is."""
    assert cleaned == clean(text, 200)


def test_clean_cuts() -> None:
    """No more than the limit is kept, dirty or not."""
    assert "x" * 200 == clean("x" * 201, 200)
    assert "\ufffd" * 200 == clean("\x00" * 1_000_000, 200)


@given(st.text(st.characters(), max_size=50))
def test_clean_is_printable_utf8(text: str) -> None:
    """Cleaned text encodes, has no line end, and is clean."""
    once = clean(text, 30)
    once.encode()
    assert len(once.splitlines()) <= 1
    assert once == clean(once, 30)


@settings(max_examples=25, deadline=AMPLE)
@given(repeated(["a", " ", "\n", "\x00", "\ud800", "\u202e", "\u0301", "\u200d", "\U0001f469"]))
def test_a_name_of_a_mebibyte_is_cleaned_in_time(name: Repeated) -> None:
    """Whatever it is made of, no more of it is looked at than is kept."""
    assert 200 >= len(clean(name.text(1024 * 1024), 200))
