from __future__ import annotations

import pytest
from pydantic import ValidationError

from exporter.config import translate
from exporter.config.messages import KeyPath, Mistake
from exporter.config.schema import RootSection


@pytest.mark.parametrize(
    ("key", "path", "meant"),
    [
        ("acces_key", ("accounts", 0), "access_key"),
        ("Access_Key_File", ("accounts", 3), "access_key_file"),
        ("accesskey", ("accounts", 0), "access_key"),
        ("interval", (), "poll.interval"),
        ("gracee", ("accounts", 0), "missed_run.grace"),
        ("account", (), "accounts"),
        ("stale_afer", ("poll",), "stale_after"),
        ("eary", ("accounts", 0, "overrides", 2), "early"),
        ("intervall", ("accounts", 0, "poll"), "interval"),
        ("colour", (), None),
        ("interval", ("api",), None),
    ],
)
def test_a_misspelt_key_has_its_suggestion(key: str, path: KeyPath, meant: str | None) -> None:
    """Near keys of the same mapping, else of the sections inside it; none when nothing is near."""
    assert meant == translate.nearest(key, path)


def mistakes(data: object) -> list[Mistake]:
    with pytest.raises(ValidationError) as caught:
        RootSection.model_validate(data)
    return list(translate.mistakes(caught.value))


def test_an_empty_list_is_told_from_one_with_mistakes() -> None:
    """Items that are wrong do not make their list too short."""
    key = {"name": "main", "access_key_env": "KEY"}
    empty = [Mistake(("accounts", 0, "tasks"), "an empty list", "at least one item")]
    wrong = [Mistake(("accounts", 0, "tasks", 0), "true", "a task id of 1 to 20 decimal digits")]
    assert empty == mistakes({"accounts": ({**key, "tasks": ()},)})
    assert wrong == mistakes({"accounts": ({**key, "tasks": (True,)},)})


def test_too_many_items_are_counted() -> None:
    """The number found and the number allowed."""
    account = {"name": "main", "access_key_env": "KEY", "exclude": tuple(range(10_001))}
    expected = [Mistake(("accounts", 0, "exclude"), "10001 items", "at most 10000")]
    assert expected == mistakes({"accounts": (account,)})


def test_an_error_type_without_a_sentence_still_has_its_place() -> None:
    """A type that a later pydantic brings is told in general words."""
    error = ValidationError.from_exception_data("x", [{"type": "recursion_loop", "loc": ("poll",), "input": {}}])
    expected = [Mistake(("poll",), "a mapping", "another value")]
    assert expected == list(translate.mistakes(error))
