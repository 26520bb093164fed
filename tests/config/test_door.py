from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import door, parse, to_yaml
from exporter.config.door import LARGEST_FILE, MOST_NODES, Plain, read, resolve
from exporter.config.messages import Mistake


def found(content: bytes | str) -> list[str]:
    return [mistake.found for mistake in read(content).mistakes]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("42", 42),
        ("-42", -42),
        ("9007199254740993", 9007199254740993),
        ("yes", "yes"),
        ("True", "True"),
        ("010", "010"),
        ("-0", "-0"),
        ("+1", "+1"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("1.5", "1.5"),
        ("1e3", "1e3"),
        ("12:30:45", "12:30:45"),
        ("2024-11-03", "2024-11-03"),
        (".inf", ".inf"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_only_what_cannot_mean_two_things_is_resolved(text: str, value: object) -> None:
    """Plain decimals, true, false and null are values; all that YAML's versions read differently stays text."""
    resolved = resolve(text)
    assert (value, type(value)) == (resolved, str if isinstance(resolved, Plain) else type(resolved))


def test_quotes_make_a_text() -> None:
    """A quoted number or word is text, and is told from one without quotes."""
    data = read("[\"12\", 'true', 010]").data
    expected = [("12", False), ("true", False), ("010", True)]
    assert expected == [(item, isinstance(item, Plain)) for item in data]


def test_every_part_has_its_place() -> None:
    """Lines and columns count from 1; an entry stands where its key stands."""
    marks = read("a:\n  - b: 1\n    c: [x, y]\n").marks
    expected = {
        (): (1, 1),
        ("a",): (1, 1),
        ("a", 0): (2, 5),
        ("a", 0, "b"): (2, 5),
        ("a", 0, "c"): (3, 5),
        ("a", 0, "c", 0): (3, 9),
        ("a", 0, "c", 1): (3, 12),
    }
    assert expected == marks


def test_refusals_inside_a_document_do_not_hide_one_another() -> None:
    """Aliases, anchors, tags, merge keys, odd keys and doubled keys of one file are all told, in order."""
    text = "a: &x 1\nb: *x\nc: !!str 1\n<<: 1\n? [k]\n: {v: [w]}\n5: 1\na: {b: {c: 1}}\nd: !t [1]\n"
    told = [
        "an anchor",
        "an alias",
        "a tag",
        "a merge key",
        "a key that is no text",
        "a key that is no text",
        "this key again, after line 1",
        "a tag",
    ]
    kept = {"a": 1, "b": None, "c": None, "d": None}
    assert (told, kept) == (found(text), read(text).data)


def test_a_quoted_merge_sign_is_an_ordinary_key() -> None:
    """Only the plain `<<` merges in YAML."""
    expected = {"<<": 1}
    assert expected == read("'<<': 1").data


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (b"x" * (LARGEST_FILE + 1), Mistake((), "more than 1048576 bytes", "fewer")),
        ("[" * 100_000, Mistake((), "more than 16 levels", "fewer", (1, 18))),
        ("- " * 100_000, Mistake((), "more than 16 levels", "fewer", (1, 35))),
        ("[" + "a," * (MOST_NODES + 1) + "]", Mistake((), "more than 100000 values", "fewer", (1, 200_000))),
        ("a: \ud800", Mistake((), "the control character U+D800", "printable text", (1, 4))),
        ("a: 1\nb: \x7f", Mistake((), "the control character U+007F", "printable text", (2, 4))),
    ],
)
def test_a_hostile_file_stops_the_reading_early(content: bytes | str, mistake: Mistake) -> None:
    """Size, depth, number of values and odd characters are bounded before anything is built."""
    document = read(content)
    assert (mistake,) == document.mistakes
    assert not document.whole


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("{" * 100_000, Mistake((), "more than 16 levels", "fewer", (1, 19))),
        ("a: 1\n? [" + "a," * MOST_NODES, Mistake((), "more than 100000 values", "fewer", (2, 199_998))),
    ],
)
def test_what_is_passed_over_counts_too(text: str, mistake: Mistake) -> None:
    """A key that is no text is skipped under the same bounds."""
    document = read(text)
    assert mistake == document.mistakes[-1]
    assert not document.whole


def test_a_file_of_the_largest_size_is_read() -> None:
    """The cap itself is allowed."""
    content = b"a: 1\n#".ljust(LARGEST_FILE, b"x")
    expected = {"a": 1}
    assert expected == read(content).data


def test_a_byte_order_mark_is_passed_over() -> None:
    """Windows editors write one; it means nothing."""
    expected = {"a": 1}
    assert expected == read(b"\xef\xbb\xbfa: 1").data


@pytest.mark.parametrize("loader", sorted({"SafeLoader", door._LOADER.__name__}))
@pytest.mark.parametrize(
    "text",
    [
        "access_key: marked: oops",
        "access_key: 'marked",
        "access_key: [marked",
        "access_key: {marked",
        'access_key: "\\marked"',
        "access_key: @marked",
        "access_key: %marked",
        "access_key: !marked!x y",
        "access_key: &marked *marked",
        "access_key: |marked\n x",
        "a: 1\nmarked",
        "%marked x\n---\n: :",
        'access_key: "\\UFFFFFFFFmarked"',
    ],
)
def test_a_syntax_error_never_quotes_the_file(text: str, loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever parser is there, its own sentence, which may hold the line, is not passed on."""
    monkeypatch.setattr(door, "_LOADER", getattr(yaml, loader))
    document = read(text)
    assert document.mistakes
    assert "marked" not in "".join(mistake.found + mistake.expected for mistake in document.mistakes)


@given(st.text(alphabet="ab:-[]{}#&*!|>'\"%@`?,~<0 \n\t\\") | st.text() | st.binary())
def test_any_text_is_a_document_or_mistakes(content: bytes | str) -> None:
    """Reading never raises, and stopping early always has a reason."""
    document = read(content)
    assert document.whole or document.mistakes


def test_the_effective_configuration_is_a_configuration() -> None:
    """What `to_yaml` writes is read back to the same values, but for the secret."""
    text = "accounts:\n  - {name: a, access_key: marked, tasks: [1, '02'], overrides: [{id: 1, grace: 0}]}\n"
    text += "  - {name: b, access_key_file: key, exclude: [3], poll: {interval: 2h}, api: {ca_file: ca.pem}}\n"
    config = parse(text, name="config.yaml", directory=Path("/etc/x"))
    written = to_yaml(config)
    again = parse(written, name="config.yaml", directory=Path("/elsewhere"))
    assert config.effective() == again.effective()
    assert "marked" not in written


def test_numbers_as_keys() -> None:
    """Where a reader asks for it a number is a key as it stands in the file, once; other values still are none."""
    document = read("{1: a, '1': b, true: c, ~: d}", number_keys=True)
    assert {"1": "a"} == document.data
    assert ["this key again, after line 1", "a key that is no text", "a key that is no text"] == [
        mistake.found for mistake in document.mistakes
    ]
