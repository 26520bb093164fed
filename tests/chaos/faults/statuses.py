"""Statuses, and what stands in Retry-After: U1 to U16."""

from __future__ import annotations

from datetime import timedelta

from chaos.plays import OK, Fault, body, drip, failing, flood, headed, raw, true_json
from chaos.server import answer, http_date
from exporter.model import Problem, Reason, State

OTHERS = (202, 203, 204, 205, 206, 403, 418, 451, 499, 600, 999)
SERVERS = (500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530, 599)
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502</h1></body></html>"
HOSTILE = '\x1b[2J\x00"}\n<script>alert(1)</script>\nlevel=error msg="all is lost" \u202e'.encode()
REFUSED = "429 Too Many Requests"
MINUTE = timedelta(minutes=1)  # our own pause where nothing usable is asked for
HOUR = timedelta(hours=1)  # the longest


def retry(value: str, block: timedelta = MINUTE) -> Fault:
    play = body(b"", f"Retry-After: {value}", status=REFUSED)
    return failing(Reason.HTTP_429, play, block=block)


def echo(key: str) -> bytes:
    said = f'{{"error": "no such key: {key}"}}'
    return (
        f"HTTP/1.1 401 No such key {key}\r\nX-Echo: {key}\r\nLocation: /?access_key={key}\r\n"
        f"Set-Cookie: key={key}\r\nContent-Length: {len(said)}\r\n\r\n{said}"
    ).encode()


FAULTS = {
    "U1-400": failing(Reason.HTTP_400, body(b"{}", status="400 Bad Request")),
    "U2-401": failing(Reason.HTTP_401, body(b"{}", status="401 Unauthorized")),
    "U3-402": failing(Reason.HTTP_402, body(b"{}", status="402 Payment Required"), block=5 * MINUTE),
    "U4-404": failing(
        Reason.HTTP_404, body(b"{}", status="404 Not Found"), state=State.UNKNOWN, problem=Problem.NOT_FOUND
    ),
    "U4-404-Retry-After": failing(
        Reason.HTTP_404,
        body(b"{}", "Retry-After: 3600", status="404 Not Found"),
        state=State.UNKNOWN,
        problem=Problem.NOT_FOUND,
    ),
    "U4-404-list": failing(Reason.HTTP_404, body(b"{}", status="404 Not Found"), listed=True),
    "U5-423": failing(Reason.HTTP_423, body(b"{}", status="423 Locked"), block=5 * MINUTE),
    "U6-429": failing(Reason.HTTP_429, body(b"{}", status=REFUSED), block=MINUTE),
    "U6-429-seconds": retry("300", 5 * MINUTE),
    "U6-429-date": failing(
        Reason.HTTP_429,
        raw(
            lambda call: answer(
                b"", f"Retry-After: {http_date(call.now + timedelta(seconds=301))}", at=call.now, status=REFUSED
            )
        ),
        block=5 * MINUTE,
    ),
    **{f"U8-{status}": failing(Reason.HTTP_5XX, body(HTML, status=f"{status} Down")) for status in SERVERS},
    **{f"U9-{status}": failing(Reason.HTTP_OTHER, headed(status=f"{status} Odd")) for status in OTHERS},
    "U9-304": failing(Reason.REDIRECT, raw(b"HTTP/1.1 304 Not Modified\r\n\r\n")),
    "U9-101": failing(Reason.PROTOCOL, raw(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")),
    "U10-100": Fault(play=raw(lambda call: b"HTTP/1.1 100 Continue\r\n\r\n" + answer(true_json(call), at=call.now))),
    "U10-103": Fault(
        play=raw(
            lambda call: b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 5 + answer(true_json(call), at=call.now)
        )
    ),
    "U11-endless-1xx": failing(Reason.TIMEOUT, drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")),
    "U11-1xx-of-16kB": failing(
        Reason.TOO_LARGE,
        flood(b"", (b"HTTP/1.1 103 Early Hints\r\nX: " + b"x" * 16_000 + b"\r\n\r\n") * 4),
        told="the answer and what is around it are larger than 1310720 bytes",
    ),
    "U11-flood-of-1xx": failing(Reason.TIMEOUT, drip(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 200)),
    **{
        f"U12-{name}": retry(value)
        for name, value in {
            "zero": "0",
            "negative": "-5",
            "empty": "",
            "text": "soon",
            "float": "1.5",
            "nan": "nan",
            "inf": "inf",
            "hex": "0x10",
            "underscore": "1_000",
            "signed": "+5",
            "arabic-digits": "\u0663\u0660",
            "superscript": "\u00b2",
            "two-in-one": "5, 6",
            "two-headers": "5\r\nRetry-After: 6",
            "date-in-the-past": "Sun, 06 Nov 1994 08:49:37 GMT",
            "no-such-date": "Sun, 99 Foo 2024 99:99:99 GMT",
        }.items()
    },
    **{
        f"U13-{name}": retry(value, HOUR)
        for name, value in {
            "hour": "3600",
            "ten-digits": "9999999999",
            "1e12": "1000000000000",
            "26-digits": "9" * 26,
            "year-9999": "Fri, 31 Dec 9999 23:59:59 GMT",
        }.items()
    },
    "U14-date-by-their-clock": failing(
        Reason.HTTP_429,
        raw(
            lambda call: answer(
                b"",
                f"Retry-After: {http_date(call.now - timedelta(hours=5) + timedelta(seconds=300))}",
                at=call.now - timedelta(hours=5),
                status=REFUSED,
            )
        ),
        block=5 * MINUTE,
    ),
    "U15-html": failing(Reason.HTTP_5XX, body(HTML, "Content-Type: text/html", status="503 Down")),
    "U15-empty": failing(Reason.HTTP_5XX, body(b"", status="500 Down")),
    "U15-1GB": failing(Reason.HTTP_5XX, flood(b"HTTP/1.1 500 Down\r\nContent-Length: 1073741824\r\n\r\n")),
    "U15-hostile": failing(Reason.HTTP_5XX, body(HOSTILE, status="500 \x7f<b>")),
    "U16-echo": failing(Reason.HTTP_401, raw(lambda call: echo(call.asked.headers["x-access-key"]))),
    "U16-echo-in-good-answer": Fault(
        play=raw(
            lambda call: answer(true_json(call), f"X-Key: {call.asked.headers['x-access-key']}", at=call.now).replace(
                OK, f"HTTP/1.1 200 {call.asked.headers['x-access-key']}\r\n".encode()
            )
        )
    ),
}
