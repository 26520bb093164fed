from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import Account, Api, Config, ConfigError, MissedRun, Poll, load, parse
from exporter.model import Policy, Secret
from repeated import AMPLE, Repeated, repeated

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "config"
EXAMPLE = (ROOT / "config.example.yaml").read_text()
MARKED = "m4rk3dS3cr3tm4rk3dS3cr3t"

INVALID = dict(line.split(":", 1) for line in (DATA / "messages.txt").read_text().splitlines())  # file -> the rest


def problems(content: bytes | str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(content, name="config.yaml", directory=Path("/etc"))
    return caught.value.problems


@pytest.mark.parametrize(("name", "rest"), INVALID.items())
def test_each_mistake_has_its_sentence(name: str, rest: str) -> None:
    """One mistake, one file, one exact line: where, what was found, what was expected."""
    with pytest.raises(ConfigError) as caught:
        parse((DATA / name).read_bytes(), name=name, directory=DATA)
    assert (f"{name}:{rest}",) == caught.value.problems
    assert "marked" not in str(caught.value)


def test_each_invalid_file_has_its_line() -> None:
    """No fixture is left untested."""
    assert set(INVALID) == {file.name for file in DATA.glob("invalid-*.yaml")}


def test_a_full_file_is_merged_key_by_key() -> None:
    """Accounts over the top level over the defaults; paths from the file's own directory; ids exact."""
    hours = timedelta(hours=1)
    api = Api(
        base_url="https://gate.example:8443/shots",
        auth="query",
        timeout=timedelta(seconds=30),
        ca_file=DATA / "tls/ca.pem",
    )
    poll = Poll(interval=2 * hours, stale_after=4 * hours, max_tasks=50)
    lenience = MissedRun(grace=timedelta(minutes=20), early=timedelta(minutes=1))
    main = Account(
        name="main",
        access_key_file=DATA / "keys/main",
        exclude=frozenset({"7", "8"}),
        overrides={
            "9": MissedRun(grace=None, early=lenience.early),
            "10": MissedRun(grace=lenience.grace, early=timedelta(0)),
        },
        api=api,
        poll=poll,
        missed_run=lenience,
    )
    second = Account(
        name="second",
        access_key=Secret("marked-key"),
        tasks=("9007199254740993", "9223372036854775807"),
        api=Api(base_url=api.base_url, timeout=api.timeout, proxy_url="http://user:marked@proxy.example:3128"),
        poll=Poll(interval=timedelta(seconds=30), stale_after=timedelta(seconds=60), max_tasks=50),
        missed_run=MissedRun(early=lenience.early),
    )
    third = Account(
        name="3.third-account_",
        access_key_env="THIRD_KEY",
        api=Api(
            base_url="http://10.0.0.1",
            auth="query",
            timeout=api.timeout,
            ca_file=Path("/etc/ca.pem"),
            allow_http=True,
        ),
        poll=poll,
        missed_run=lenience,
    )
    file = DATA / "good-full.yaml"
    expected = Config((main, second, third), name=str(file), directory=DATA, api=api, poll=poll, missed_run=lenience)
    assert expected == load(file)


def test_an_account_with_a_name_and_a_key_is_enough() -> None:
    """Everything else has a default."""
    file = DATA / "good-smallest.yaml"
    account = Account(name="main", access_key_env="MAIN_KEY")
    assert Config((account,), name=str(file), directory=DATA) == load(file)


def test_the_example_is_a_good_file() -> None:
    """`config.example.yaml` loads as it is, with the values its comments speak of."""
    main, marketing = load(ROOT / "config.example.yaml").accounts
    stale_after = timedelta(minutes=15)
    expected = ("all", 30, Policy(stale_after, timedelta(minutes=30)), Policy(stale_after, timedelta(minutes=10)))
    assert expected == (
        main.tasks,
        marketing.api.requests_per_minute,
        main.policy("5678133109850112"),
        marketing.policy("5678133109850112"),
    )


def test_relative_paths_start_at_the_file_wherever_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is absolute even when the file was named relatively."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "c.yaml").write_text("accounts: [{name: a, access_key_file: ../keys/a}]")
    monkeypatch.chdir(tmp_path)
    expected = tmp_path / "conf" / "../keys/a"
    assert expected == load(Path("conf/c.yaml")).accounts[0].access_key_file


def test_every_mistake_is_told_at_once_and_in_file_order() -> None:
    """Refusals of the door, of the schema and between keys stand in one report."""
    text = """\
poll: {interval: 2s, fetch: each}
api:
  timeout: 10s
  timeout: 20s
  base_url: http://example.com
accounts:
  - name: main
    acces_key: marked
    tasks: [1, 1, x]
  - name: main
    access_key_env: MAIN_KEY
    poll: &poll {stale_after: 1h, interval: 1h}
    missed_run: *poll
"""
    expected = (
        "config.yaml:1: poll.interval: found '2s', expected a duration between 5s and 24h",
        (
            "config.yaml:1: poll.fetch: found each for account 'main', which watches all tasks, "
            "expected list or auto, or a list of ids"
        ),
        "config.yaml:4: api.timeout: found this key again, after line 3, expected each key once",
        (
            "config.yaml:5: api.base_url: found 'http://example.com', "
            "expected https (http goes to this machine only, or with allow_http: true)"
        ),
        'config.yaml:8: accounts[0].acces_key: found an unknown key, expected a known one: did you mean "access_key"?',
        "config.yaml:9: accounts[0].tasks[1]: found '1' a second time, expected each one once",
        "config.yaml:9: accounts[0].tasks[2]: found 'x', expected a task id of 1 to 20 decimal digits",
        "config.yaml:10: accounts[1].name: found 'main' a second time, expected each one once",
        "config.yaml:12: accounts[1].poll: found an anchor, expected the value without one",
        (
            "config.yaml:12: accounts[1].poll.stale_after: found stale_after: 1h with interval: 1h, "
            "expected stale_after of at least 2h, twice the interval"
        ),
        "config.yaml:13: accounts[1].missed_run: found an alias, expected the value itself",
    )
    assert expected == problems(text)


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    """A missing file, a directory, a path through a file, an impossible name and an oversized file."""
    file = tmp_path / "big.yaml"
    file.write_bytes(b"#" * (1024 * 1024 + 1))
    cases = {
        tmp_path / "none.yaml": "no such file, expected a configuration file",
        tmp_path: "a directory, expected a configuration file",
        file / "x": "a file that cannot be read, expected a configuration file",
        file: "more than 1048576 bytes, expected fewer",
    }
    for path, words in cases.items():
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert (f"{path}: found {words}",) == caught.value.problems
    with pytest.raises(ConfigError, match=r"a\\x00b: found a file that cannot be read"):
        load(Path("a\x00b"))


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user who may not read everything: root may."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_file_of_others_is_one_sentence(tmp_path: Path) -> None:
    """A file without read permission."""
    file = tmp_path / "config.yaml"
    file.touch(mode=0o200)
    with as_nobody(), pytest.raises(ConfigError, match="found a file that we may not read"):
        load(file)


@given(st.binary() | st.text())
def test_any_bytes_are_a_configuration_or_an_error(content: bytes | str) -> None:
    """Nothing but ConfigError comes out, with a line for each mistake."""
    lines: tuple[str, ...] = ()
    try:
        config = parse(content, name="config.yaml", directory=Path("/etc"))
    except ConfigError as error:
        lines = error.problems
    assert lines or config.accounts
    assert all(line.startswith("config.yaml:") and line.isprintable() for line in lines)


PIECES = [
    "\n",
    "\n  ",
    " ",
    ": ",
    "- ",
    "#",
    "'",
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    "&a ",
    "*a",
    "!t ",
    "|",
    "@",
    "\t",
    "\\",
    "x",
    "0",
    "~",
]
PLACES = [
    f"access_key: {MARKED}",
    f"access_key_file: {MARKED}",
    f"access_key_env: {MARKED}",
    f"acces_key: {MARKED}",
    f"api_token: {MARKED}",
    f"access_key_env: KEY\n    api: {{proxy_url: 'http://user:{MARKED}@proxy.example'}}",
    f"access_key_env: KEY\n    api: {{base_url: 'https://user:{MARKED}@a.example'}}",
    f"access_key_env: KEY\n    api: {{base_url: 'https://a.example/?access_key={MARKED}'}}",
    f"access_key_env: KEY\n    poll: {{interval: {MARKED}}}",
    f"{MARKED}: KEY",
]


@st.composite
def corrupted(draw: st.DrawFn) -> str:
    """The example with a marked secret in it, cut and stuffed in up to four places, mostly near the secret."""
    text = EXAMPLE.replace("access_key_env: SCREENSHOTMAX_MARKETING_KEY", draw(st.sampled_from(PLACES)))
    for _ in range(draw(st.integers(0, 4))):
        middle = text.find(MARKED)
        near = st.integers(max(0, middle - 40), min(len(text), middle + 40))
        start = draw(near | st.integers(0, len(text)))
        end = start + draw(st.integers(0, 12))
        cut = text[:start] + draw(st.sampled_from(["", *PIECES])) + text[end:]
        text = cut if MARKED in cut else text
    return text


@settings(max_examples=300)
@given(corrupted())
def test_no_corruption_brings_a_secret_into_a_message(text: str) -> None:
    """However the file is broken round it, no piece of the key longer than eight characters is quoted."""
    try:
        config = parse(text, name="config.yaml", directory=Path("/etc"))
    except ConfigError as error:
        said = str(error)
    else:
        said = "".join(repr(account.access_key) for account in config.accounts)
    assert not any(MARKED[i : i + 9] in said for i in range(len(MARKED) - 8))


YAML = [
    *PIECES,
    "a: ",
    "- - ",
    "? ",
    "'a', ",
    "{a: ",
    "accounts:\n",
    "  - name: a\n",
    "<<: ",
    "%TAG ! x\n",
    "---\n",
    "&a [*a, *a]\n",
]


@settings(max_examples=15, deadline=AMPLE)
@given(repeated(YAML))
def test_a_large_file_is_read_in_time(file: Repeated) -> None:
    """However it is made: it is a configuration or an error before anybody takes the start or the reload for hung."""
    with suppress(ConfigError):
        parse(file.text(128 * 1024), name="config.yaml", directory=Path("/etc"))
