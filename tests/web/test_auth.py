"""Passwords: what is accepted, what is computed, and what is remembered."""

from __future__ import annotations

import asyncio
import base64
import threading
from typing import TYPE_CHECKING

import bcrypt
import pytest

from exporter.model import Secret
from exporter.web.auth import MOST_KEPT, MOST_WAITING, BusyError, Credentials, Passwords, matches, parse_basic

if TYPE_CHECKING:
    from collections.abc import Mapping


def hashed(password: str | bytes, *, cost: int = 4) -> Secret:
    raw = password if isinstance(password, bytes) else password.encode()
    return Secret(bcrypt.hashpw(raw, bcrypt.gensalt(cost)).decode())


def basic(text: str | bytes) -> bytes:
    return b"Basic " + base64.b64encode(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (basic("user:word"), Credentials("user", b"word")),
        (basic("user:word").replace(b"Basic", b"bAsIC"), Credentials("user", b"word")),
        (basic("user:with:colons:"), Credentials("user", b"with:colons:")),
        (basic("user:"), Credentials("user", b"")),
        (basic(":word"), Credentials("", b"word")),
        (basic("żółw:hasło"), Credentials("żółw", "hasło".encode())),
        (basic(b"\xff:\xff\x00"), Credentials("\udcff", b"\xff\x00")),
        (basic("no colon"), None),
        (b"Basic", None),
        (b"Basic ", None),
        (b"", None),
        (b"Bearer " + basic("user:word")[6:], None),
        (basic("user:wo").rstrip(b"="), None),
        (b"Basic dXNlcg=", None),
        (b"Basic dXNl!cjp3b3Jk", None),
        (b"Basic \xff\xfe", None),
        (b"Basic \xc5\xbc", None),
    ],
)
def test_headers(header: bytes, expected: Credentials | None) -> None:
    """A well-formed header gives user and password, split at the first colon; any other gives nothing."""
    assert expected == parse_basic([header])


def test_there_is_one_header() -> None:
    """No header and two of them say nothing."""
    header = basic("user:word")
    assert [None, None] == [parse_basic([]), parse_basic([header, header])]


def test_a_password_is_not_shown() -> None:
    """Credentials in a log line or a traceback show no password."""
    assert "Credentials(user='user')" == repr(Credentials("user", b"word"))


def accept(passwords: Passwords, user: str, password: str | bytes, users: Mapping[str, Secret]) -> bool:
    raw = password if isinstance(password, bytes) else password.encode()
    return asyncio.run(passwords.accept(Credentials(user, raw), users))


LONGEST = "x" * 72
USERS = {
    "plain": hashed("word"),
    "colon": hashed("a:b"),
    "żółw": hashed("hasło"),
    "longest": hashed(LONGEST),
    "empty": hashed(""),
    "bytes": hashed(b"\xff\x00\xfe"),
    "php": Secret(hashed("word").reveal().replace("$2b$", "$2y$", 1)),
}


@pytest.mark.parametrize(
    ("user", "password", "expected"),
    [
        ("plain", "word", True),
        ("plain", "Word", False),
        ("plain", "", False),
        ("plain", "word ", False),
        ("Plain", "word", False),
        ("", "word", False),
        ("colon", "a:b", True),
        ("colon", "a", False),
        ("żółw", "hasło", True),
        ("żółw", "haslo", False),
        ("longest", LONGEST, True),
        ("longest", LONGEST + "x", False),
        ("longest", LONGEST * 10_000, False),
        ("empty", "", True),
        ("bytes", b"\xff\x00\xfe", True),
        ("bytes", b"\xff", False),
        ("php", "word", True),
        ("\udcff", "word", False),
    ],
)
def test_passwords(user: str, password: str | bytes, expected: bool) -> None:
    """The right password of a user, whatever its characters, and no other; also when asked for again."""
    passwords = Passwords()
    assert [expected, expected] == [accept(passwords, user, password, USERS) for _ in range(2)]


def test_a_damaged_hash_matches_nothing() -> None:
    """What bcrypt raises for a hash that it cannot read is a refusal."""
    assert not matches(b"word", b"$2b$04$damaged")


class Counting:
    """bcrypt, and what it was asked: the hashes, in order, and how many ran at once."""

    def __init__(self) -> None:
        self.hashes: list[str] = []
        self.threads: set[int] = set()
        self.running = self.most_running = 0

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        self.hashes.append(hashed.decode())
        self.threads.add(threading.get_ident())
        same = matches(password, hashed)
        self.running -= 1
        return same


def test_unknown_users_cost_the_same() -> None:
    """For an unknown user bcrypt runs too, on one and the same hash that costs what a known user's does."""
    counting = Counting()
    users = {"one": hashed("word", cost=4), "two": hashed("word", cost=5)}
    passwords = Passwords(counting)
    for user in ("nobody", "somebody", "anybody", "a", "b", "c", "d", "e", "f", "g"):
        before = len(counting.hashes)
        assert not accept(passwords, user, "first", users)
        assert not accept(passwords, user, "second", users)
        first, second = counting.hashes[before:]
        assert first == second
        assert first not in {one.reveal() for one in users.values()}
    assert {"$2b$04$", "$2b$05$"} == {each[:7] for each in counting.hashes}


def test_an_unknown_user_is_refused_whatever_bcrypt_says() -> None:
    """Who found a password for the hash that stands in for an unknown user's would still be nobody."""
    passwords = Passwords(lambda _password, _hashed: True)
    users = {"one": hashed("word")}
    assert [False, False, True] == [accept(passwords, user, "word", users) for user in ("nobody", "nobody", "one")]


def test_outcomes_are_kept() -> None:
    """The same credentials are computed once, right or wrong, until the user's hash changes or the user goes."""
    counting = Counting()
    passwords, users = Passwords(counting), {"one": hashed("word"), "two": hashed("other")}
    for _ in range(3):
        assert [True, False] == [accept(passwords, "one", word, users) for word in ("word", "wrong")]
    assert 2 == len(counting.hashes)
    assert not accept(passwords, "one", "word", {"one": hashed("new")})
    assert not accept(passwords, "one", "word", {"two": users["two"]})
    assert 4 == len(counting.hashes)
    assert accept(passwords, "one", "word", users)
    assert 4 == len(counting.hashes)


def test_credentials_are_not_confused() -> None:
    """Users and passwords that read the same when written one after the other are still different ones."""
    passwords, users = Passwords(), {"a": hashed("b:c"), "a:b": hashed("word"), "ab": hashed("")}
    assert accept(passwords, "a", "b:c", users)
    assert not accept(passwords, "a:b", "c", users)
    assert accept(passwords, "ab", "", users)
    assert not accept(passwords, "a", "b", users)
    stand_in = "$2b$04$" + "." * 53
    users = {"u": hashed(f"{stand_in}x")}
    assert accept(passwords, "u", f"{stand_in}x", users)
    assert not accept(passwords, "u" + users["u"].reveal(), "x", users)


def test_too_long_a_password_costs_nothing() -> None:
    """What bcrypt could not take is refused without a computation, for known and unknown users alike."""
    counting = Counting()
    passwords, users = Passwords(counting), {"one": hashed("word")}
    assert [False, False] == [accept(passwords, user, LONGEST + "x", users) for user in ("one", "nobody")]
    assert [] == counting.hashes


def test_no_password_is_kept() -> None:
    """What is kept differs from process to process and holds neither password nor hash."""
    users = {"one": hashed("word")}
    kept = []
    for _ in range(2):
        passwords = Passwords()
        assert accept(passwords, "one", "word", users)
        kept.append(passwords._kept[True])
    assert kept[0].isdisjoint(kept[1])
    assert [1, 1] == [len(each) for each in kept]
    assert all(b"word" not in digest and users["one"].reveal().encode() not in digest for digest in kept[0] | kept[1])


def test_wrong_ones_do_not_push_out_right_ones() -> None:
    """However many wrong passwords come, what is kept stays bounded, and a right one is not computed again."""
    counting = Counting()
    passwords, users = Passwords(counting), {"one": hashed("word")}
    assert accept(passwords, "one", "word", users)
    for number in range(MOST_KEPT + 20):
        assert not accept(passwords, "one", f"wrong-{number}", users)
    assert accept(passwords, "one", "word", users)
    assert MOST_KEPT + 21 == len(counting.hashes)
    assert {True: 1, False: MOST_KEPT} == {outcome: len(kept) for outcome, kept in passwords._kept.items()}


def test_one_at_a_time_off_the_loop() -> None:
    """The work is done in one other thread, once at a time, and once for all who ask for the same at the same time."""
    counting = Counting()

    async def run() -> list[bool]:
        passwords, users = Passwords(counting), {"one": hashed("word")}
        asked = [Credentials("one", word) for word in (b"word", b"wrong", b"word", b"wrong", b"other")]
        return await asyncio.gather(*(passwords.accept(each, users) for each in asked))

    assert [True, False, True, False, False] == asyncio.run(run())
    assert (3, 1) == (len(counting.hashes), counting.most_running)
    assert 1 == len(counting.threads)
    assert threading.get_ident() not in counting.threads


def test_a_flood_is_turned_away() -> None:
    """Beyond a number of checks that wait, others are refused at once; credentials that are known never wait."""
    go_on = threading.Event()

    def slow(password: bytes, hashed: bytes) -> bool:
        assert password == b"word" or go_on.wait(10)
        return matches(password, hashed)

    async def run() -> list[bool]:
        passwords, users = Passwords(slow), {"one": hashed("word")}
        right = Credentials("one", b"word")
        assert await passwords.accept(right, users)
        wrong = [Credentials("one", f"wrong-{number}".encode()) for number in range(MOST_WAITING + 1)]
        waiting = [asyncio.create_task(passwords.accept(each, users)) for each in wrong[:-1]]
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            with pytest.raises(BusyError):
                await passwords.accept(wrong[-1], users)
        again = asyncio.create_task(passwords.accept(wrong[0], users))
        assert await passwords.accept(right, users)
        go_on.set()
        outcomes = await asyncio.gather(*waiting, again)
        assert not await passwords.accept(wrong[-1], users)
        return outcomes

    assert [False] * (MOST_WAITING + 1) == asyncio.run(run())


def test_the_end_waits_for_one_check_at_most() -> None:
    """When the event loop ends, the check under way is the last: those that waited for it are not begun."""
    go_on, begun, counting = threading.Event(), threading.Event(), Counting()

    def slow(password: bytes, hashed: bytes) -> bool:
        begun.set()
        assert go_on.wait(10)
        return counting(password, hashed)

    passwords, users = Passwords(slow), {"one": hashed("word")}

    async def run() -> None:
        for number in range(5):
            asyncio.create_task(passwords.accept(Credentials("one", str(number).encode()), users))  # noqa: RUF006 - to be cancelled
        await asyncio.to_thread(begun.wait, 10)

    asyncio.run(run())
    go_on.set()
    passwords._pool.shutdown()
    assert 1 == len(counting.hashes)


def test_who_leaves_does_not_take_others_along() -> None:
    """A request that is given up leaves the check to those who wait for the same."""
    go_on = threading.Event()

    def slow(password: bytes, hashed: bytes) -> bool:
        assert go_on.wait(10)
        return matches(password, hashed)

    async def run() -> bool:
        passwords, users = Passwords(slow), {"one": hashed("word")}
        first, second = (asyncio.create_task(passwords.accept(Credentials("one", b"word"), users)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        go_on.set()
        return await second

    assert asyncio.run(run())
