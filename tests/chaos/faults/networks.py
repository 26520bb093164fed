"""What else an answer can bring: redirects, cookies, another time. U65 to U70."""

from __future__ import annotations

from datetime import timedelta

from chaos.plays import Fault, body, dated, failing, headed, raw, true_json
from chaos.server import answer
from exporter.model import Problem, Reason, State

STATUSES = ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent")


def redirect(location: str, status: str = "302 Found") -> Fault:
    return failing(Reason.REDIRECT, body(b"", f"Location: {location}", status=status))


def elsewhere(status: str, *, tls: bool = False) -> Fault:
    """To where another server of ours listens."""
    return failing(
        Reason.REDIRECT,
        raw(lambda call: answer(b"", f"Location: {call.elsewhere}{call.asked.path}", at=call.now, status=status)),
        tls=tls,
    )


def skewed(**by: int) -> Fault:
    return failing(Reason.CLOCK_SKEW, dated(timedelta(**by)), state=State.UNKNOWN, problem=Problem.CLOCK_SKEW)


FAULTS = {
    **{f"U65-{status[:3]}": elsewhere(status) for status in STATUSES},
    "U65-another-host": redirect("https://elsewhere.example/v1/tasks"),
    "U66-downgrade": elsewhere("301 Moved", tls=True),
    "U67-loop": failing(
        Reason.REDIRECT,
        raw(lambda call: f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {call.asked.path}\r\n\r\n".encode()),
    ),
    "U67-no-location": failing(Reason.REDIRECT, body(b"", status="302 Found")),
    "U67-bad-location": redirect("http://[::1/\x7f"),
    "U67-file": redirect("file:///etc/passwd"),
    "U67-90kB-location": redirect("/" + "x" * 90_000),
    "U67-100kB-location": failing(Reason.PROTOCOL, body(b"", f"Location: /{'x' * 200_000}", status="302 Found")),
    "U67-refresh": Fault(play=headed("Refresh: 0; url=http://127.0.0.1:1/")),
    "U67-meta-refresh": failing(
        Reason.BAD_JSON, body(b'<html><meta http-equiv="refresh" content="0; url=/"></html>', "Content-Type: text/html")
    ),
    "U69-cookies": Fault(play=headed(*(f"Set-Cookie: c{number}={'x' * 1000}" for number in range(45)))),
    "U70-an-hour-ahead": skewed(hours=1),
    "U70-an-hour-behind": skewed(hours=-1),
    "U70-a-year-behind": skewed(days=-365),
    "U70-62-s-ahead": skewed(seconds=62),
    "U70-59-s-ahead": Fault(play=dated(timedelta(seconds=59))),
    "U70-59-s-behind": Fault(play=dated(timedelta(seconds=-59))),
    "U70-no-Date": Fault(play=raw(lambda call: answer(true_json(call), at=None))),
    "U70-Date-of-words": Fault(play=raw(lambda call: answer(true_json(call), "Date: yesterday", at=None))),
    "U70-two-Dates": Fault(play=headed("Date: Fri, 31 Dec 9999 23:59:59 GMT")),
}
