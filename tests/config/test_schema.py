from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exporter.config import json_schema
from exporter.config.door import read
from exporter.config.leaves import Whole, Within
from exporter.config.schema import section_at

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config.example.yaml").read_text()
DOCS = (ROOT / "docs" / "configuration.md").read_text()
SECTIONS = {name: section_at((name,)) for name in ("api", "poll", "missed_run", "accounts", "overrides")}
KEYS = [(name, key) for name, section in SECTIONS.items() for key in section.model_fields]
TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": tuple, "null": type(None)}
NOTES = {"$schema", "$defs", "title", "description", "default"}
RULES: dict[str, tuple[type, Callable[[Any, Any, dict[str, Any]], bool]]] = {
    "$ref": (object, lambda ref, value, _: accepts(json_schema()["$defs"][ref.removeprefix("#/$defs/")], value)),
    "type": (object, lambda names, value, _: of_type([names] if isinstance(names, str) else names, value)),
    "const": (object, lambda only, value, _: only == value and not isinstance(value, bool)),
    "enum": (object, lambda some, value, _: value in some),
    "anyOf": (object, lambda some, value, _: any(accepts(one, value) for one in some)),
    "oneOf": (object, lambda some, value, _: [accepts(one, value) for one in some].count(True) == 1),
    "properties": (dict, lambda some, value, _: all(accepts(some[key], value[key]) for key in some.keys() & value)),
    "additionalProperties": (dict, lambda _, value, schema: value.keys() <= schema["properties"].keys()),
    "required": (dict, lambda keys, value, _: set(keys) <= value.keys()),
    "items": (tuple, lambda schema, value, _: all(accepts(schema, item) for item in value)),
    "minItems": (tuple, lambda least, value, _: len(value) >= least),
    "maxItems": (tuple, lambda most, value, _: len(value) <= most),
    "minLength": (str, lambda least, value, _: len(value) >= least),
    "pattern": (str, lambda pattern, value, _: re.search(pattern, value) is not None),
    "minimum": (int, lambda least, value, _: value >= least),
    "maximum": (int, lambda most, value, _: value <= most),
}


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """JSON Schema as far as ours goes; a word it does not know is a KeyError."""
    words = ((RULES[word], given) for word, given in schema.items() if word not in NOTES)
    return all(rule(given, value, schema) for (kind, rule), given in words if isinstance(value, kind))


def of_type(names: list[str], value: Any) -> bool:
    return "boolean" in names if isinstance(value, bool) else isinstance(value, tuple(TYPES[name] for name in names))


def test_the_json_schema_accepts_the_example_and_the_good_files() -> None:
    """An editor marks nothing in a file that loads."""
    files = [ROOT / "config.example.yaml", *(ROOT / "tests/data/config").glob("good-*.yaml")]
    expected = [True] * 3
    assert expected == [accepts(json_schema(), read(file.read_bytes()).data) for file in files]


@pytest.mark.parametrize(
    "name",
    [
        "unknown-key",
        "misplaced-key",
        "missing-name",
        "no-accounts",
        "empty-accounts",
        "null-section",
        "account-no-mapping",
        "access-key-number",
        "access-key-blank",
        "name",
        "interval-no-unit",
        "interval-order",
        "grace",
        "fetch",
        "requests-zero",
        "requests-quoted",
        "bool-yes",
        "ca-file",
        "url-no-scheme",
        "tasks-word",
        "tasks-empty",
        "id-path",
        "id-negative",
        "override-no-id",
    ],
)
def test_the_json_schema_refuses_what_the_reader_refuses(name: str) -> None:
    """What does not involve several keys is seen in the editor already."""
    content = (ROOT / "tests" / "data" / "config" / f"invalid-{name}.yaml").read_bytes()
    assert not accepts(json_schema(), read(content).data)


def test_the_json_schema_writes_defaults_as_the_file_does() -> None:
    """Durations in Prometheus form; no default where absence means something else."""
    defs = json_schema()["$defs"]
    defaults = [
        defs[name]["properties"][key].get("default", "absent")
        for name, key in [
            ("PollSection", "interval"),
            ("MissedRunSection", "grace"),
            ("OverrideSection", "grace"),
            ("AccountSection", "access_key"),
            ("AccountSection", "poll"),
            ("AccountSection", "tasks"),
        ]
    ]
    expected = ["1m", "auto", "absent", "absent", "absent", "all"]
    assert expected == defaults


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_is_in_the_example(section: str, key: str) -> None:
    """In use, or behind a comment sign."""
    assert re.search(rf"(^|[ #{{]){key}: ", EXAMPLE.replace("\n", " \n"), re.MULTILINE), f"{section}.{key}"


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_is_in_the_documentation(section: str, key: str) -> None:
    """A row under its section's heading, with the type's bounds and the default."""
    field = SECTIONS[section].model_fields[key]
    row = re.search(rf"^\| `{key}` \|.*$", documented(section), re.MULTILINE)
    assert row, f"{section}.{key}"
    for bounds in field.metadata:
        if isinstance(bounds, Within):
            assert f"{bounds.shortest} to {bounds.longest}" in row[0]
            assert f"{bounds.shortest} to {bounds.longest}" in str(field.description) or section == "overrides"
        if isinstance(bounds, Whole):
            assert f"{bounds.least} to {bounds.most}" in row[0]
    if section in {"api", "poll", "missed_run"}:
        default = SECTIONS[section]().model_dump(mode="json")[key]
        assert f"| `{default if isinstance(default, str) else json.dumps(default)}` |" in row[0]


@pytest.mark.parametrize("section", SECTIONS)
def test_the_documentation_names_no_other_key(section: str) -> None:
    """What was removed from the schema is removed from the page."""
    assert set(SECTIONS[section].model_fields) == set(re.findall(r"^\| `(\w+)` \|", documented(section), re.MULTILINE))


def documented(section: str) -> str:
    """The part of the page under the section's heading."""
    part = re.search(rf"^## `{section}`.*?(?=^## |\Z)", DOCS, re.MULTILINE | re.DOTALL)
    assert part, section
    return part[0]
