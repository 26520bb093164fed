"""What a failure says of itself, wherever upstream may have put words of its own: not one of them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from client.wires import an_api, an_upstream, list_of, listening, saying, whole
from exporter.client import Upstream
from exporter.model import PollError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Question = Callable[[Upstream], Awaitable[Any]]

WORD = "upstreams-own-word"
QUOTED = json.dumps(WORD).encode()
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
STATUSES = (202, 301, 400, 401, 402, 403, 404, 418, 423, 429, 500, 503, 599, 999)
ANSWERS = {
    **{f"status {status}": whole(QUOTED, f"X-Why: {WORD}", status=f"{status} {WORD}") for status in STATUSES},
    "Location": whole(b"", f"Location: http://{WORD}.example/{WORD}", status="302 Found"),
    "Retry-After": whole(b"", f"Retry-After: {WORD}", status="429 Slow"),
    "Date": whole(b"{}", "Date: Fri, 31 Dec 2100 23:59:59 GMT", f"X-Why: {WORD}"),
    "status line": f"HTTP/1.1 {WORD}\r\n\r\n".encode(),
    "no HTTP": QUOTED,
    "header's name": f"HTTP/1.1 200 OK\r\n{WORD} {WORD}\r\n\r\n".encode(),
    "Content-Length": f"HTTP/1.1 200 OK\r\nContent-Length: {WORD}\r\n\r\n".encode(),
    "Content-Encoding": whole(b"{}", f"Content-Encoding: {WORD}"),
    "Transfer-Encoding": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {WORD}\r\n\r\n".encode(),
    "two lengths": CHUNKED.replace(b"\r\n\r\n", f"\r\nContent-Length: 9\r\nX-Why: {WORD}\r\n\r\n".encode()) + QUOTED,
    "size of a chunk": CHUNKED + f"{WORD}\r\n{WORD}".encode(),
    "cut short": whole(QUOTED)[:-3],
    "too large": whole(QUOTED * 100_000),
    "no UTF-8": whole(QUOTED + b"\xff"),
    "no JSON": whole(WORD.encode()),
    "JSON that is cut short": whole(b'{"id": ' + QUOTED),
    "text": whole(QUOTED),
    "id": whole(json.dumps({"id": WORD}).encode()),
    "another's id": whole(json.dumps({"id": 7, "name": WORD}).encode()),
    "member": whole(json.dumps({WORD: WORD}).encode()),
}
LISTS = {
    "tasks": whole(json.dumps({"tasks": WORD}).encode()),
    "elements": whole(list_of(WORD, WORD)),
    "elements' ids": whole(list_of({"id": WORD}, {"id": [WORD]})),
    "many elements": whole(list_of(*[{"id": WORD}] * 20_000)),
    "long element": whole(list_of({"id": 1, "name": WORD * 100_000})),
    "long member": whole(json.dumps({WORD * 100_000: 1}).encode()),
}
GET, LIST = (lambda upstream: upstream.get_task("1")), Upstream.list_tasks


@pytest.mark.parametrize(
    ("answer", "question"),
    [
        *(pytest.param(answer, GET, id=f"task {name}") for name, answer in ANSWERS.items()),
        *(
            pytest.param(answer, LIST, id=f"list {name}")
            for name, answer in (ANSWERS | LISTS).items()
            if name != "too large"
        ),
    ],
)
def test_no_word_of_upstreams(answer: bytes, question: Question) -> None:
    """In the reason, the sentence, the causes and the notes of what a poll ends with."""

    async def once() -> PollError:
        async with listening(saying(answer)) as port:
            upstream = an_upstream(an_api(f"http://127.0.0.1:{port}"))
            with pytest.raises(PollError) as caught:
                await question(upstream)
            await upstream.aclose()
            return caught.value

    error = asyncio.run(once())
    assert "" != error.detail
    assert WORD not in f"{error!r} {error} {error.detail} {error.__cause__!r} {getattr(error, '__notes__', '')}"
