from __future__ import annotations

import pytest

from exporter.config.messages import ConfigError, KeyPath, Mark, Mistake, describe, escaped, problems, spelled


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        ("2s", ("poll", "interval"), "'2s'"),
        ("1h30m15s500ms", ("poll", "interval"), "'1h30m15s500ms'"),
        ("two\nlines\x1b[0m\u202e", ("accounts", 0, "name"), r"'two\nlines\x1b[0m\u202e'"),
        ("ä " * 30, ("accounts", 0, "name"), "'" + "ä " * 20 + "...'"),
        ("  ", ("accounts", 0, "name"), "an empty text"),
        ("marked0key9", ("accounts", 0, "name"), "a text (not shown, it may be a secret)"),
        ("main access marked-0-key", ("accounts", 0, "name"), "a text (not shown, it may be a secret)"),
        ("m" * 21, ("accounts", 0, "name"), "a text (not shown, it may be a secret)"),
        ("2024-11-03", ("accounts", 0, "tasks", 0), "'2024-11-03'"),
        ("short", ("accounts", 0, "access_key"), "a text"),
        ("short", ("accounts", 0, "access_key", 0), "a text"),
        ("short", ("api", "proxy_url"), "a text"),
        ("short", (), "a text"),
        (4711, ("accounts", 0, "access_key_env"), "a number"),
        (4711, ("poll", "max_tasks"), "4711"),
        (True, ("poll",), "true"),
        (False, ("poll",), "false"),
        (None, ("poll",), "nothing"),
        ({}, ("poll",), "a mapping"),
        ((), ("poll",), "a list"),
    ],
)
def test_what_was_found_is_quoted_only_where_that_is_harmless(value: object, path: KeyPath, words: str) -> None:
    """Keys that hold secrets, and texts that look like one anywhere, are named by type."""
    assert words == describe(value, path)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("accounts", 0, "poll", "interval"), "accounts[0].poll.interval"),
        (("accounts", 0, "access_key", "marked"), "accounts[0].access_key"),
        (("accounts", 0, "mark3d"), "accounts[0].?"),
        (("a\nb",), "?"),
    ],
)
def test_a_path_shows_known_names_only_as_far_as_no_secret_follows(path: KeyPath, text: str) -> None:
    """A key can be a secret that slipped to the left of a colon."""
    assert text == spelled(path)


def test_lines_come_in_file_order_and_once() -> None:
    """The place of a mistake is its own, or that of the nearest thing round it."""
    marks: dict[KeyPath, Mark] = {(): (1, 1), ("a",): (2, 1), ("b",): (9, 1)}
    mistakes = [
        Mistake(("b",), "late", "early"),
        Mistake(("a", "missing"), "none", "one"),
        Mistake((), "x", "y", (4, 7)),
        Mistake(("b",), "late", "early"),
    ]
    expected = (
        "c.yaml:2: a.missing: found none, expected one",
        "c.yaml:4:7: found x, expected y",
        "c.yaml:9: b: found late, expected early",
    )
    assert expected == problems(mistakes, name="c.yaml", marks=marks)


def test_a_flood_of_mistakes_is_counted() -> None:
    """The first 200 are told, the rest is a number."""
    lines = problems([Mistake((i,), "x", "y") for i in range(500)], name="c.yaml", marks={})
    expected = (201, "c.yaml: found 300 more mistakes, expected none")
    assert expected == (len(lines), lines[-1])


def test_the_error_reads_as_its_lines() -> None:
    """One line for each mistake."""
    expected = "a\nb"
    assert expected == str(ConfigError(("a", "b")))


def test_no_control_character_reaches_a_terminal() -> None:
    """Escape sequences, line breaks and lone surrogates are spelled out."""
    expected = r"a\x1b[31m\n\ud800é"
    assert expected == escaped("a\x1b[31m\n\ud800é")
