"""The single values of the web config file."""

from __future__ import annotations

import ssl
from datetime import timedelta
from fractions import Fraction

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.door import Plain
from exporter.config.web_file_leaves import (
    CIPHERS,
    CURVES,
    LEAST_COST,
    MOST_BURST,
    MOST_COST,
    UnfitError,
    parse_go_duration,
    read_boolean,
    read_burst,
    read_hash,
    read_interval,
)

MICROSECOND = timedelta(microseconds=1)
DURATIONS = {  # as time.ParseDuration reads them
    "0": timedelta(0),
    "+0": timedelta(0),
    "0s": timedelta(0),
    "1s": timedelta(seconds=1),
    "+5s": timedelta(seconds=5),
    "500ms": timedelta(milliseconds=500),
    "100us": timedelta(microseconds=100),
    "100\u00b5s": timedelta(microseconds=100),
    "100\u03bcs": timedelta(microseconds=100),
    "1m30s": timedelta(seconds=90),
    "1.5h": timedelta(minutes=90),
    ".5s": timedelta(milliseconds=500),
    "1.s": timedelta(seconds=1),
    "3h2m1s": timedelta(hours=3, minutes=2, seconds=1),
    "1s1h": timedelta(hours=1, seconds=1),
    "1m1m": timedelta(minutes=2),
    "2562047h47m16.854775807s": timedelta(microseconds=9_223_372_036_854_776),  # the longest, rounded up
    "1ns": MICROSECOND,
    "1000ns": MICROSECOND,
    "1001ns": 2 * MICROSECOND,
    "0.9ns": timedelta(0),  # Go cuts below a nanosecond
    "1e0": None,
    "": None,
    "1": None,
    "s": None,
    ".s": None,
    ".": None,
    "-1s": None,
    "1 s": None,
    " 1s": None,
    "1s\n": None,
    "1S": None,
    "1d": None,
    "1w": None,
    "1.2.3s": None,
    "1,5s": None,
    "1:30": None,
    "+": None,
    "\u0661s": None,
    "2562047h47m16.854775808s": None,
    "9999999999h": None,
    "0" * 64 + "s": None,
}


@pytest.mark.parametrize(("text", "span"), DURATIONS.items())
def test_go_durations(text: str, span: timedelta | None) -> None:
    """What Go reads is read alike, rounded up to microseconds; anything else, and less than nothing, is refused."""
    if span is None:
        with pytest.raises(ValueError, match="duration"):
            parse_go_duration(text)
    else:
        assert span == parse_go_duration(text)


UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


@given(st.lists(st.tuples(st.decimals(0, 9999, places=3), st.sampled_from(sorted(UNITS))), min_size=1, max_size=4))
def test_go_durations_add_up(parts: list[tuple[object, str]]) -> None:
    """The span is the sum of its parts, never shorter, and longer by less than a microsecond."""
    exact = sum(Fraction(str(number)) * UNITS[unit] // 1 for number, unit in parts)
    span = parse_go_duration("".join(f"{number}{unit}" for number, unit in parts))
    assert exact <= span // MICROSECOND * 1000 < exact + 1000


@given(st.text(alphabet="0123456789.+-nu\u00b5msh e", max_size=12))
def test_a_text_is_a_span_or_refused(text: str) -> None:
    """Nothing but ValueError comes out, and a span is never negative."""
    try:
        span = parse_go_duration(text)
    except ValueError:
        return
    assert timedelta(0) <= span


@pytest.mark.parametrize(
    ("value", "span"),
    [(0, 0), (1, 1), (1000, 1), (1_000_000_000, 10**6), ("1s", 10**6), ("0", 0), (Plain("1ms"), 1000)],
)
def test_an_interval_is_a_text_or_nanoseconds(value: object, span: int) -> None:
    """A bare number counts nanoseconds, as Go's YAML has it."""
    assert span * MICROSECOND == read_interval(value)


@pytest.mark.parametrize("value", [-1, 2**63, True, (), {}, "1", Plain("1.5")])
def test_what_is_no_interval(value: object) -> None:
    """Numbers out of range, truth values, lists and mappings."""
    with pytest.raises(UnfitError):
        read_interval(value)


@pytest.mark.parametrize(
    ("value", "is_one"),
    [(0, True), (MOST_BURST, True), (-1, False), (MOST_BURST + 1, False), (True, False), ("1", False)],
)
def test_burst_is_a_whole_number(value: object, is_one: bool) -> None:
    """Both ends are included; a truth value and a text are no number."""
    if is_one:
        assert value == read_burst(value)
    else:
        with pytest.raises(UnfitError):
            read_burst(value)


def test_booleans_are_those_of_yaml_1_1() -> None:
    """What the toolkit's YAML takes for a boolean, without quotes, is one."""
    for word in ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "True", "TRUE"):
        assert read_boolean(Plain(word)) is True
    for word in ("n", "N", "no", "No", "NO", "off", "Off", "OFF", "False", "FALSE"):
        assert read_boolean(Plain(word)) is False
    assert (True, False) == (read_boolean(True), read_boolean(False))


@pytest.mark.parametrize("value", ["yes", "true", Plain("yEs"), Plain(""), 1, 0, (), {}])
def test_what_is_no_boolean(value: object) -> None:
    """Quoted words, numbers and anything else."""
    with pytest.raises(UnfitError, match="true or false"):
        read_boolean(value)


def test_hashes_that_bcrypt_makes_are_taken() -> None:
    """A real hash, in each spelling of its kind, is read, and bcrypt can check against it."""
    made = bcrypt.hashpw(b"marked", bcrypt.gensalt(LEAST_COST)).decode()
    for kind in ("2a", "2b", "2x", "2y"):
        assert bcrypt.checkpw(b"marked", read_hash(made.replace("2b", kind, 1)).reveal().encode())


@given(st.from_regex(r"\$2[abxy]\$04\$[./A-Za-z0-9]{53}", fullmatch=True))
def test_a_hash_that_is_taken_can_be_checked(text: str) -> None:
    """What passes the check of its shape never fails in bcrypt later, when a request waits for it."""
    try:
        taken = read_hash(text).reveal()
    except UnfitError:
        with pytest.raises(ValueError, match="salt"):
            bcrypt.checkpw(b"marked", text.encode())
    else:
        assert not bcrypt.checkpw(b"marked", taken.encode())


@pytest.mark.parametrize("cost", [0, 3, MOST_COST + 1, 31, 32, 99])
def test_costs_out_of_bounds(cost: int) -> None:
    """Too cheap is no bcrypt; too dear would let anyone keep the exporter busy."""
    with pytest.raises(UnfitError, match=f"between {LEAST_COST} and {MOST_COST}"):
        read_hash(f"$2y${cost:02}$" + "." * 53)


def test_openssl_knows_the_suites_and_curves() -> None:
    """Each name of the tables is one that this OpenSSL takes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for name in filter(None, CIPHERS.values()):
        context.set_ciphers(name)
        assert name in {cipher["name"] for cipher in context.get_ciphers()}
    for name in CURVES.values():
        context.set_ecdh_curve(name)
