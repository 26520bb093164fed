"""The words for people."""

from __future__ import annotations

from datetime import timedelta

import pytest

from exporter.model import Problem, Reason, State
from exporter.web.words import (
    PROBLEM_SENTENCES,
    PROBLEM_WORDS,
    REASON_WORDS,
    STATE_WORDS,
    ago,
    count_of,
    sentence,
    skew_words,
    span_words,
)
from web.reports import NOW


@pytest.mark.parametrize(
    ("names", "words"),
    [(State, STATE_WORDS), (Problem, PROBLEM_WORDS), (Problem, PROBLEM_SENTENCES), (Reason, REASON_WORDS)],
)
def test_every_name_has_words_of_its_own(names: type, words: dict[object, str]) -> None:
    """No name of the model is without words, and no two share them."""
    assert set(names) == set(words)
    assert len(words) == len(set(words.values()))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.9, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172799, "47 h"),
        (172800, "2 d"),
        (86400 * 400, "400 d"),
    ],
)
def test_spans_are_in_the_largest_unit_of_which_there_are_two(seconds: float, words: str) -> None:
    """A span is told in one whole number, never rounded up."""
    assert words == span_words(timedelta(seconds=seconds))


@pytest.mark.parametrize(("number", "words"), [(0, "0 tasks"), (1, "1 task"), (1234, "1,234 tasks")])
def test_counts_agree_with_their_noun(number: int, words: str) -> None:
    """One is singular, all else plural."""
    assert words == count_of(number, "task")


@pytest.mark.parametrize(("text", "words"), [("it ran", "It ran."), ("It ran.", "It ran."), ("", "")])
def test_rules_become_sentences(text: str, words: str) -> None:
    """A rule gets its capital and full stop once."""
    assert words == sentence(text)


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s ago"), (7200, "2 h ago"), (-90, "in 90 s")])
def test_instants_are_told_from_now(seconds: float, words: str) -> None:
    """What was is ago, what will be is in."""
    assert words == ago(NOW - timedelta(seconds=seconds), NOW)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.9, "the API's clock and ours agree"),
        (-0.9, "the API's clock and ours agree"),
        (90, "the API's clock is 90 s ahead of ours"),
        (-7200, "the API's clock is 2 h behind ours"),
    ],
)
def test_a_skew_says_whose_clock_is_ahead(seconds: float, words: str) -> None:
    """Below a second nothing is told: an answer's date has no parts of one."""
    assert words == skew_words(timedelta(seconds=seconds))
