"""What HTTP and its bodies can be: U17 to U28, and U37."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

from chaos.plays import CHUNKED, OK, Fault, body, broken, drip, failing, flood, headed, raw, reworded, stall, true_json
from chaos.server import answer
from exporter.model import Reason

if TYPE_CHECKING:
    from chaos.server import Play

PORTAL = b"<!doctype html><html><body>Please log in to the <a href='/'>guest network</a></body></html>"
META = b'<html><head><meta http-equiv="refresh" content="0; url=http://127.0.0.1:1/"></head></html>'
BOMB = gzip.compress(b"\0" * 16_000_000)
LATIN = '"Caf\u00e9"'.encode("latin-1")


def sized(length: str, text: bytes = b"{}") -> Fault:
    return failing(Reason.PROTOCOL, raw(OK + f"Content-Length: {length}\r\n\r\n".encode() + text))


def encoded(name: str, data: bytes) -> Fault:
    return failing(Reason.ENCODING, body(data, f"Content-Encoding: {name}"))


def framed(*headers: str) -> Play:
    """The truth in a chunk, under these headers."""
    lines = "\r\n".join((*headers, "", "")).encode()
    return raw(lambda call: OK + lines + b"%x\r\n%s\r\n0\r\n\r\n" % (len(true_json(call)), true_json(call)))


def unread(data: bytes) -> Fault:
    return failing(Reason.PROTOCOL, raw(data))


FAULTS = {
    "U17-captive-portal": failing(Reason.BAD_JSON, body(PORTAL, "Content-Type: text/html")),
    "U17-captive-portal-list": failing(Reason.BAD_JSON, body(PORTAL), listed=True),
    "U18-half-the-json": failing(Reason.BAD_JSON, reworded(lambda text: text[: len(text) // 2])),
    "U18-half-the-list": failing(Reason.BAD_JSON, reworded(lambda text: text[:-20]), listed=True),
    "U18-empty-body": failing(Reason.BAD_JSON, body(b"")),
    "U19-truncated-by-length": failing(Reason.PROTOCOL, raw(lambda call: answer(true_json(call), at=call.now)[:-5])),
    "U19-truncated-by-chunk": unread(CHUNKED + b"ff\r\n{}"),
    "U19-no-last-chunk": unread(CHUNKED + b"2\r\n{}\r\n"),
    "U19-chunks-to-their-end": Fault(play=framed("Transfer-Encoding: chunked")),
    "U19-ended-by-closing": Fault(play=raw(lambda call: OK + b"\r\n" + true_json(call))),
    "U20-identity": Fault(play=headed("Content-Encoding: identity")),
    "U20-gzip": failing(Reason.ENCODING, body(lambda call: gzip.compress(true_json(call)), "Content-Encoding: gzip")),
    "U20-gzip-bomb": encoded("gzip", BOMB),
    "U20-nested-bomb": encoded("gzip, gzip", gzip.compress(BOMB)),
    "U20-deflate": encoded("deflate", zlib.compress(b"{}")),
    "U20-brotli": encoded("br", b"\x0b\x00\x80{}\x03"),
    "U20-unknown-encoding": encoded("x-nonsense", b"{}"),
    "U20-gzip-undeclared": failing(Reason.BAD_JSON, body(gzip.compress(b"{}"))),
    "U20-gzip-transfer": unread(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "U20-gzip-list": failing(
        Reason.ENCODING, body(lambda call: gzip.compress(true_json(call)), "Content-Encoding: gzip"), listed=True
    ),
    "U21-1GB-with-length": failing(
        Reason.TOO_LARGE,
        flood(OK + b"Content-Length: 1073741824\r\n\r\n"),
        told="the answer is larger than 1048576 bytes",
    ),
    "U21-1GB-in-chunks": failing(Reason.TOO_LARGE, flood(CHUNKED, b"10000\r\n" + b" " * 65_536 + b"\r\n")),
    "U21-1GB-to-the-end": failing(Reason.TOO_LARGE, flood(OK + b"\r\n")),
    "U21-1GB-list": failing(Reason.TOO_LARGE, flood(OK + b"\r\n"), listed=True),
    "U21-1GB-of-chunk-extensions": failing(
        Reason.TOO_LARGE,
        flood(CHUNKED, b"1;" + b"x" * 65_536 + b"\r\n \r\n"),
        told="the answer and what is around it are larger than 1310720 bytes",
    ),
    "U22-slow-headers": failing(Reason.TIMEOUT, drip(OK, b"X-More: x\r\n")),
    "U22-slow-status": failing(Reason.TIMEOUT, drip(b"HTTP/1.1 200 O", b"K")),
    "U22-slow-body": failing(Reason.TIMEOUT, drip(OK + b"\r\n", b" ")),
    "U22-slow-chunks": failing(Reason.TIMEOUT, drip(CHUNKED, b"1\r\n \r\n")),
    "U22-slow-trailers": failing(Reason.TIMEOUT, drip(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: x\r\n")),
    "U22-slow-list": failing(Reason.TIMEOUT, drip(OK + b'\r\n{"tasks": [', b" "), listed=True),
    "U22-stall-in-headers": failing(Reason.TIMEOUT, stall(OK + b"Content-")),
    "U22-stall-in-body": failing(Reason.TIMEOUT, stall(OK + b"Content-Length: 99\r\n\r\n{")),
    "U22-stall-after-body": failing(Reason.TIMEOUT, stall(OK + b"\r\n{}")),
    "U23-exabyte": sized("1152921504606846976"),
    "U23-exabyte-flood": failing(Reason.TOO_LARGE, flood(OK + b"Content-Length: 1152921504606846976\r\n\r\n")),
    "U23-length-of-30-digits": sized("9" * 30),
    "U23-negative-length": sized("-1"),
    "U23-length-in-hex": sized("0x2"),
    "U23-two-lengths": sized("2\r\nContent-Length: 3"),
    "U23-chunk-of-2-to-the-64": unread(CHUNKED + b"10000000000000000\r\n{}"),
    "U23-endless-chunk-size": unread(CHUNKED + b"f" * 30 + b"\r\n{}"),
    "U23-negative-chunk": unread(CHUNKED + b"-2\r\n{}"),
    # RFC 9112, 6.3: the chunks count. Nobody reads what is behind them, as no connection is used twice.
    "U23-length-and-chunks": failing(Reason.PROTOCOL, framed("Content-Length: 7", "Transfer-Encoding: chunked")),
    "U23-chunked-twice": failing(Reason.PROTOCOL, framed("Transfer-Encoding: chunked, chunked")),
    "U24-1MiB-header": unread(OK + b"X: " + b"x" * 1_048_576 + b"\r\n\r\n"),
    "U24-1MiB-reason": unread(b"HTTP/1.1 200 " + b"x" * 1_048_576 + b"\r\n\r\n"),
    "U24-20000-headers": unread(OK + b"".join(b"X-%05d: x\r\n" % number for number in range(20_000)) + b"\r\n{}"),
    "U24-endless-header": failing(Reason.PROTOCOL, flood(OK + b"X: ", b"x" * 65_536)),
    "U24-NUL": failing(Reason.PROTOCOL, headed("X: a\x00b")),
    "U24-folded": Fault(play=headed("X: a\r\n\tb")),
    "U24-no-colon": failing(Reason.PROTOCOL, headed("nonsense")),
    "U25-HTTP-1.0": Fault(play=raw(lambda call: b"HTTP/1.0 200 OK\r\n\r\n" + true_json(call))),
    "U25-garbage": unread(b"\x00\xff nonsense\r\n\r\n"),
    "U25-HTTP-0.9": failing(Reason.PROTOCOL, raw(true_json)),
    "U25-status-line": unread(b"HTTP/1.1 2x0 OK\r\n\r\n{}"),
    "U25-no-status": unread(b"HTTP/1.1\r\n\r\n{}"),
    "U25-HTTP-2": unread(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "U25-gzip": unread(gzip.compress(b"{}")),
    "U25-SSH": unread(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "U25-silence-of-bytes": unread(b""),
    "U26-BOM": Fault(play=reworded(lambda text: b"\xef\xbb\xbf" + text)),
    "U26-BOM-list": Fault(play=reworded(lambda text: b"\xef\xbb\xbf" + text), listed=True),
    "U26-UTF-16": failing(Reason.BAD_JSON, reworded(lambda text: text.decode().encode("utf-16"))),
    "U26-latin-1": failing(Reason.BAD_JSON, reworded(lambda text: text.replace(b'"Victim"', LATIN))),
    "U26-bad-UTF-8": failing(Reason.BAD_JSON, reworded(lambda text: text.replace(b'"Victim"', b'"\xc3("'))),
    "U26-bad-UTF-8-list": failing(
        Reason.BAD_JSON, reworded(lambda text: text.replace(b'"Victim"', b'"\xc3("')), listed=True
    ),
    "U26-other-charset": Fault(play=headed("Content-Type: application/json; charset=utf-7")),
    **{
        f"U27-{name}": failing(Reason.BAD_SHAPE, body(text))
        for name, text in {
            "null": b"null",
            "array": b"[]",
            "string": b'"task"',
            "number": b"1",
            "true": b"true",
            "empty-object": b"{}",
            "list-for-a-task": b'{"tasks": []}',
        }.items()
    },
    **{
        f"U27-{name}-list": failing(Reason.BAD_SHAPE, body(text), listed=True)
        for name, text in {
            "null": b"null",
            "array": b"[]",
            "empty-object": b"{}",
            "tasks-null": b'{"tasks": null}',
            "tasks-object": b'{"tasks": {"1": 2}}',
            "tasks-of-nulls": b'{"tasks": [null, null]}',
        }.items()
    },
    "U28-error-with-200": failing(
        Reason.BAD_SHAPE, body(json.dumps({"statusCode": 401, "error": "Unauthorized", "message": "no"}).encode())
    ),
    "U37-answer-behind-the-answer": Fault(
        play=stall(
            lambda call: (
                answer(true_json(call), "Connection: keep-alive", at=call.now)
                + answer(b'{"id": 666, "name": "POISON"}', at=call.now)
            )
        )
    ),
    "U58-reset-before-the-answer": failing(Reason.RESET, broken(b"")),
    "U58-reset-in-headers": failing(Reason.RESET, broken(OK + b"Content-")),
    "U58-reset-in-body": failing(Reason.RESET, broken(OK + b"Content-Length: 99\r\n\r\n{")),
    "U59-silence": failing(Reason.TIMEOUT, stall(b"")),
    "U60-closed-under-us": Fault(play=headed("Connection: keep-alive", "Keep-Alive: timeout=600")),
    "U60-left-open": Fault(play=stall(lambda call: answer(true_json(call), "Connection: keep-alive", at=call.now))),
}
