"""What came of a soak as a table, and what of it breaks a promise of docs/faults.md."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from soak.fleet import INTERVAL_SECONDS, SPECS, TIMEOUT_SECONDS
from soak.truth import SHOWN_SECONDS
from soak.wire import weigh

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from soak.intruders import Operator
    from soak.play import Notes
    from soak.wire import Wire

MOST_MIB = 96.0
SLOWEST_SECONDS = 1.0
CAPS = {False: 2**20, True: 16 * 2**20}  # bytes of a task's answer, of a list
BUFFERS = 4 * 2**20  # what two kernels' ends hold of a connection
LATE_SECONDS = 1.0  # by which our own loop may note an end late
MOST_RETRIES = 0.1
WORKERS = 4
LEAVE_SECONDS = 5.0
MORE_DESCRIPTORS, MORE_THREADS = 8, 2  # what happens to be under way when they are counted
NEW_KEY_SECONDS = INTERVAL_SECONDS


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. `broken` says in what the promise is broken, each a sentence."""

    what: str
    found: str
    promised: str = ""
    broken: tuple[str, ...] = ()


def told(notes: Notes, *, p99_seconds: float) -> tuple[list[str], list[str]]:
    """The lines of the table, and what is broken."""
    assert notes.operator is not None  # noqa: S101 - it has been played
    wire = weigh(notes.requests, lifted_at=notes.operator.reloads_at)
    rows = [
        *_verdicts(notes),
        *_scrapes(notes, p99_seconds),
        *_resources(notes),
        *_wire(notes, wire),
        *_secrets(notes, notes.operator),
        *_life(notes, notes.operator),
    ]
    lines = ["| | found | promised |", "|---|---|---|", *(f"| {r.what} | {r.found} | {r.promised} |" for r in rows)]
    return lines, [f"{row.what}: {each}" for row in rows for each in row.broken]


def _at_most(what: str, value: float, most: float, unit: str = "", *, form: str = ",.0f") -> Row:
    found, promised = f"{value:{form}}{unit}", f"{most:{form}}{unit}"
    broken = (f"found {found}, expected {promised} at most",) if value > most else ()
    return Row(what, found, f"at most {promised}", broken)


def _none(what: str, found: Sequence[str]) -> Row:
    return Row(what, str(len(found)), "0", tuple(found))


def _at_least_one(what: str, count: int) -> Row:
    """What would make the rest worth nothing, were there none."""
    return Row(what, f"{count:,}", "", () if count else ("found none",))


def _verdicts(notes: Notes) -> Iterator[Row]:
    truth = notes.truth
    said = truth.verdicts
    latencies = truth.latencies
    yield _at_least_one("verdicts seen", said.total())
    yield _at_least_one("of them missed", said[1.0])
    yield _none("false ones", truth.unproven)
    yield _at_least_one("misses that an answer could prove", len(latencies) + len(truth.unseen))
    yield _none(f"of them not shown within {SHOWN_SECONDS:g} s of that answer", truth.unseen)
    yield Row("the longest from such an answer to the scrape that shows it", f"{max(latencies, default=0):.1f} s")
    yield _at_least_one("tasks whose counters could be held to the truth", notes.held_to)
    yield _none("of them with runs or misses lost or made up", notes.lost_runs)


def _scrapes(notes: Notes, p99_seconds: float) -> Iterator[Row]:
    ordered = sorted(notes.scrapes)
    yield _at_least_one("scrapes, one a second", len(ordered))
    yield _none("bad ones", notes.bad_scrapes)
    p99 = ordered[len(ordered) * 99 // 100] if ordered else 0.0
    yield _at_most("99 of 100 took", p99 * 1000, p99_seconds * 1000, " ms")
    yield _at_most("the slowest took", max(ordered, default=0.0) * 1000, SLOWEST_SECONDS * 1000, " ms")


def _resources(notes: Notes) -> Iterator[Row]:
    first, last = notes.first, notes.last
    assert first is not None  # noqa: S101 - it has been played
    assert last is not None  # noqa: S101
    yield _at_most("memory at most", notes.most_mib, MOST_MIB, " MiB", form=".1f")
    yield Row("resident at the start and the end", f"{first.resident_mib:.1f} and {last.resident_mib:.1f} MiB")
    for what, one, other, more in (
        ("descriptors", first.descriptors, last.descriptors, MORE_DESCRIPTORS),
        ("threads", first.threads, last.threads, MORE_THREADS),
    ):
        broken = (f"from {one} to {other}",) if other > one + more else ()
        yield Row(f"{what} at the start and the end", f"{one} and {other}", f"at most {more} more", broken)


def _wire(notes: Notes, wire: Wire) -> Iterator[Row]:
    tasks = sum(spec.tasks for spec in SPECS)
    fires = sum(_fires(notes, key) for key in notes.truth.subjects)
    polls, sent = notes.totals.get("polls", 0.0), notes.totals.get("requests", 0.0)
    yield _at_least_one("requests of upstream", wire.requests)
    yield Row("connections that upstream spoilt meanwhile", f"{notes.spoilt:.0%}")
    yield Row(f"requests for each fire of the {tasks} tasks", f"{wire.requests / max(fires, 1):.1f}")
    yield _at_most(
        "retries among all requests", (sent - polls) / max(sent, 1) * 100, MOST_RETRIES * 100, " %", form=".1f"
    )
    yield _at_most("requests of an account at once", wire.at_once, WORKERS)
    yield _none("of one task twice at once", wire.doubled)
    yield Row("refusals with a time", str(wire.refusals))
    yield _none("requests before that time", wire.too_early)
    yield _at_most("the longest request", wire.longest_seconds, TIMEOUT_SECONDS + LATE_SECONDS, " s", form=".2f")
    for listed, what in ((False, "a task's answer"), (True, "a list")):
        most = CAPS[listed] + BUFFERS
        yield _at_most(f"bytes taken of {what}", wire.most_bytes[listed] / 2**20, most / 2**20, " MiB", form=".1f")


def _fires(notes: Notes, key: tuple[str, str]) -> int:
    """How many there were of a task's first schedule."""
    subject = notes.truth.subjects[key]
    if subject.schedules[0][1] is None or not notes.requests:
        return 0
    first_at = notes.requests[0].at
    return subject.schedules[0][1].count(first_at, first_at + timedelta(seconds=notes.seconds))


def _secrets(notes: Notes, operator: Operator) -> Iterator[Row]:
    assert notes.clients is not None  # noqa: S101 - it has been played
    yield _none("sightings of a key or a task's query", [*notes.sightings, *notes.clients.sightings])
    yield Row("connections to where redirects led", str(notes.astray), "0", ("found some",) if notes.astray else ())
    late = [
        f"at {asked.at:%X.%f}, although another was there since {renewed_at:%X.%f}"
        for renewed_at, dead in operator.renewals
        for asked in notes.requests
        if dead in asked.head and (asked.at - renewed_at).total_seconds() > NEW_KEY_SECONDS
    ]
    yield Row("keys renewed", str(len(operator.renewals)))
    yield _none(f"requests with a dead key after {NEW_KEY_SECONDS} s", late)


def _life(notes: Notes, operator: Operator) -> Iterator[Row]:
    assert notes.clients is not None  # noqa: S101 - it has been played
    internal = notes.totals.get("internal_errors", 0.0)
    yield Row("reloads asked for", str(len(operator.reloads_at)))
    yield _none("configurations, good or bad, that nobody told of within 10 s", operator.unnoticed)
    yield Row("hostile clients", str(notes.clients.came))
    yield _none("pages and probes that did not answer 200", notes.clients.bad_visits)
    yield _at_most("internal errors", internal, 0)
    yield _none("of them in the log, to the very end", notes.bugs)
    code = () if notes.exit_code == 0 else (f"found {notes.exit_code}, expected 0",)
    yield Row("exit code at SIGTERM", str(notes.exit_code), "0", code)
    yield _at_most("seconds from SIGTERM", notes.exit_seconds, LEAVE_SECONDS, " s", form=".2f")
