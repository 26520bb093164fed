"""The access key on its way through everything, with an upstream that repeats it; and that none is in the tree."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import signal
import subprocess
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Never
from urllib.parse import quote

import httpx
import pytest

from builders import at
from chaos.clock import SocketClock
from chaos.faults.statuses import echo
from chaos.plays import CHUNKED, body, fields, headed, raw
from chaos.server import Chaos
from exporter import app, logs
from exporter.config import parse
from exporter.simulator.tasks import SimTask
from exporter.simulator.world import Account, World
from log_lines import set_back
from processes import EXPORTER, running
from served import KEY, LISTENING, NOWHERE, silence, taken, url_of, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.plays import Play
    from chaos.server import Asked, Call

MARK = "walked1key2of3ours"  # what each way of quoting leaves as it is
ODD = "\"'\\/+=%&?#<>"
PASSWORD = f"{MARK}-of-the-proxy"
TASK = "7001"
IN_BASE64 = [b64encode(b"x" * before + MARK.encode()).decode()[4:-4] for before in range(3)]
SIGHT = re.compile("|".join(map(re.escape, (MARK, *IN_BASE64))))


def sightings(text: str) -> list[str]:
    """Where the key is in a text, in clear, quoted or in Base64."""
    return [text[max(0, found.start() - 60) : found.end() + 60] for found in SIGHT.finditer(text)]


def key_of(account: str) -> str:
    return f"{MARK}{ODD}{account}"


def key_in(call: Call) -> str:
    return key_of(call.asked.account)


def saying(make: Callable[[str], str]) -> Play:
    """These bytes, made of the key that was sent."""
    return raw(lambda call: make(key_in(call)).encode())


def encoded(key: str) -> str:
    forms = f"{quote(key, safe='')} {b64encode(key.encode()).decode()} {b64encode(f'u:{key}'.encode()).decode()}"
    return f"HTTP/1.1 403 {forms}\r\nX-Forms: {forms}\r\nContent-Length: {len(forms)}\r\n\r\n{forms}"


async def knows(call: Call) -> None:
    """The truth, the key in its reason phrase and a header, or in fields of the task that are not kept."""
    key = key_in(call)
    listed = call.asked.path == "/v1/tasks"
    await (headed(f"X-Key: {key}", status=f"200 {key}") if listed else fields(query=key, x=key))(call)


PLAYS: dict[str, Play] = {
    "refused": raw(lambda call: echo(key_in(call))),
    "redirected": saying(
        lambda key: f"HTTP/1.1 302 {key}\r\nLocation: http://127.0.0.1:1/{key}?access_key={key}\r\n\r\n"
    ),
    "knowing": knows,
    "knowing-all": knows,
    "encoded": saying(encoded),
    "bad-json": body(lambda call: f'{{"id": {key_in(call)}'.encode()),
    "bad-id": body(lambda call: json.dumps({"id": key_in(call), "tasks": key_in(call)}).encode()),
    "bad-status": saying(lambda key: f"HTTP/1.1 {key}\r\n\r\n"),
    "bad-header": saying(lambda key: f"HTTP/1.1 200 OK\r\n{key} {key}\r\n\r\n"),
    "bad-chunk": saying(lambda key: f"{CHUNKED.decode()}{key}\r\n{key}"),
    "bad-length": saying(lambda key: f"HTTP/1.1 200 OK\r\nContent-Length: {key}\r\n\r\n"),
    "bad-wait": saying(lambda key: f"HTTP/1.1 429 {key}\r\nRetry-After: {key}\r\nContent-Length: 0\r\n\r\n"),
    "bad-dates": saying(lambda key: f"HTTP/1.1 500 {key}\r\nDate: {key}\r\nAge: {key}\r\nContent-Length: 0\r\n\r\n"),
    "bad-encoding": saying(lambda key: f"HTTP/1.1 200 OK\r\nContent-Encoding: {key}\r\n\r\n{key}"),
    "not-http": saying(lambda key: key),
}


@dataclass(slots=True)
class Walk:
    """All that came of it."""

    told: io.StringIO = field(default_factory=io.StringIO)  # our log, at debug level, with the HTTP library's in it
    unhidden: io.StringIO = field(default_factory=io.StringIO)  # what that library had to say
    requests: list[Asked] = field(default_factory=list)
    shown: str = ""


def walk(form: str, auth: str) -> Walk:
    """Two rounds of an account for each play, and then every page, with what the HTTP library says let into the log."""
    walk, clock = Walk(), SocketClock(at("2024-06-10 12:30:00Z"))
    with set_back():
        secrets = logs.configure(level="debug", form=form, stream=walk.told)
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.DEBUG)
            logging.getLogger(name).addHandler(heard := logging.StreamHandler(walk.unhidden))
        try:
            clock.run(_walk(walk, clock, auth, secrets))
        finally:
            for name in ("httpx", "httpcore"):
                logging.getLogger(name).removeHandler(heard)
    return walk


async def _walk(walk: Walk, clock: SocketClock, auth: str, secrets: logs.Secrets) -> None:
    world = World(clock=clock.now)
    for name in PLAYS:
        facts = {"created_at": at("2024-05-01 00:00Z"), "last_run_at": at("2024-06-10 12:00:14Z"), "runs": 900}
        tasks = [SimTask(id=int(TASK), name="Shop", crontab="0 * * * *", **facts)]
        world.add_account(Account(name=name, access_key=key_of(name)), tasks)
    async with Chaos(world, lambda asked: (asked.account, PLAYS[asked.account]), silence=clock.silence) as upstream:
        clock.settle()
        walk.requests = upstream.requests
        accounts = [
            {"name": name, "access_key": key_of(name), "tasks": "all" if name.endswith("all") else [TASK]}
            for name in PLAYS
        ]
        text = json.dumps({"api": {"base_url": upstream.url, "auth": auth}, "accounts": accounts})
        config = parse(text, name="config.yaml", directory=Path())
        house = app.build(config, now=clock.now, host="test-host", note=secrets.note)
        for _ in range(2):
            await asyncio.gather(*(poller.round() for poller in house.pollers))
        walk.shown = await _shown(house)
        await house.aclose()


async def _shown(house: app.House) -> str:
    """The text of every page, and of what is said of pages that there are not."""
    tasks = [f"{start}/{name}/{TASK}" for name in PLAYS for start in ("/tasks", "/api/v1/tasks")]
    paths = ["/", "/?refresh=off", "/config", "/metrics", "/metrics?name[]=screenshotmax_up", "/api/v1/tasks", *tasks]
    paths += ["/-/ready", "/-/healthy", "/-/reload", f"/{quote(key_of('refused'), safe='')}"]
    openmetrics = {"Accept": "application/openmetrics-text;version=1.0.0"}
    transport = httpx.ASGITransport(house.web)
    async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
        answers = [await client.get(path) for path in paths]
        answers.append(await client.get("/metrics", headers=openmetrics))
    return "".join(f"{answer.status_code} {answer.headers}\n{answer.text}" for answer in answers)


@pytest.mark.parametrize(("form", "auth"), [("logfmt", "header"), ("json", "query")])
def test_the_key_walks_through_everything(form: str, auth: str) -> None:
    """Whatever upstream makes of it: in no line, though the HTTP library's own words are let in, page, metric or JSON."""
    walked = walk(form, auth)
    assert set(PLAYS) == {asked.account for asked in walked.requests}
    assert len(PLAYS) <= len(sightings(walked.unhidden.getvalue()))  # so there was something to be seen
    assert len(PLAYS) <= walked.told.getvalue().count("<secret>")
    assert [] == sightings(walked.told.getvalue())
    assert [] == sightings(walked.shown)
    reasons = set(
        re.findall(r'screenshotmax_poll_failures_total\{account="[a-z-]+",reason="(\w+)"\} [1-9]', walked.shown)
    )
    assert {"http_401", "redirect", "bad_json", "protocol", "http_429", "http_5xx", "encoding"} <= reasons


def test_a_bug_amid_a_request() -> None:
    """An exception with the key in its text, in its chain and in its frames is told without any of that."""
    told = io.StringIO()

    def fail(request: httpx.Request) -> Never:
        key = request.headers["X-Access-Key"]
        try:
            {}[key]
        except KeyError:
            raise RuntimeError(f"{request.url} {key} {key!r}") from ValueError(key)

    async def poll() -> str:
        secrets = logs.configure(level="debug", stream=told)
        accounts = [{"name": "main", "access_key": key_of("main"), "tasks": [TASK]}]
        config = parse(json.dumps({"accounts": accounts}), name="", directory=Path())
        wire = httpx.MockTransport(fail)
        house = app.build(config, now=lambda: at("2024-06-10 12:30Z"), host="h", transport=wire, note=secrets.note)
        await house.pollers[0].round()
        try:
            return str(house.report())
        finally:
            await house.aclose()

    with set_back():
        report = asyncio.run(poll())
    assert "reason=internal" in told.getvalue()
    assert [] == sightings(told.getvalue())
    assert [] == sightings(report)


def test_a_proxys_password() -> None:
    """It is hidden as the key is, also in the header that a library might tell of."""
    told = io.StringIO()
    with set_back():
        secrets = logs.configure(level="debug", stream=told)
        account = {
            "name": "main",
            "access_key": key_of("main"),
            "api": {"proxy_url": f"http://user:{PASSWORD}@[::1]:1"},
        }
        config = parse(json.dumps({"accounts": [account | {"tasks": [TASK]}]}), name="", directory=Path())
        house = app.build(config, now=lambda: at("2024-06-10 12:30Z"), host="h", note=secrets.note)
        asyncio.run(house.pollers[0].prepare())
        header = b64encode(f"user:{PASSWORD}".encode()).decode()
        logging.getLogger("later").warning("CONNECT with user:%s, Basic %s", PASSWORD, header)
    assert "Basic dXNlcjp<secret>" in told.getvalue()
    assert [] == sightings(told.getvalue())


TALKATIVE = """
import logging
really = logging.Logger.setLevel
logging.Logger.setLevel = lambda self, level: really(self, logging.DEBUG if self.name == "httpcore" else level)
"""


@pytest.mark.parametrize(
    "words", [["serve", "--web.listen-address=127.0.0.1:0"], ["check"], ["explain", "1"], ["lint"]]
)
def test_every_verb_that_asks_hides_the_key(words: list[str], tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Where a library cannot be silenced and repeats the answer that repeats the key, `<secret>` is what it says."""
    (tmp_path / "sitecustomize.py").write_text(TALKATIVE)
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{pytestconfig.rootpath}"}
    with silence() as upstream:
        write(tmp_path / "config.yaml", url_of(upstream))
        command = [*EXPORTER, *words, f"--config.file={tmp_path / 'config.yaml'}", "--log.level=debug"]
        with running(command, cwd=pytestconfig.rootpath, env=env) as process:
            connection, _ = taken(upstream)
            with connection:
                connection.sendall(echo(KEY))
            process.wait_for("<secret>")
            process.wait_for("msg=Polled .*reason=http_401")
            process.end()
    assert KEY not in "".join(process.seen)


def test_a_process_that_crashes(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """It may leave no core file, and Python's own account of a crash has no value in it; the command line has no key."""
    command = write(tmp_path / "config.yaml", NOWHERE)
    (tmp_path / "config.yaml").write_text((tmp_path / "config.yaml").read_text().replace(KEY, MARK))
    most = ["/bin/sh", "-c", 'ulimit -S -c "$(ulimit -H -c)"; exec "$@"', "sh", *command[:1], "-X", "faulthandler"]
    with running([*most, *command[1:]], cwd=pytestconfig.rootpath) as process:
        process.wait_for(LISTENING)
        proc = Path(f"/proc/{process.popen.pid}")
        assert re.search(r"Max core file size +0 ", (proc / "limits").read_text())
        assert [] == sightings((proc / "cmdline").read_text())
        process.end(signal.SIGABRT)
        said = "".join(process.seen)
    assert "Fatal Python error: Aborted" in said
    assert [] == sightings(said)


# What would be somebody's, by its form. Words with hyphens and paths, as the tests' own keys are, have too little in them.
REAL = {
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}",
    "a forge's token": r"\b(?:gh[pousr]_[A-Za-z0-9]{30}|glpat-[A-Za-z0-9_-]{20}|xox[abps]-[A-Za-z0-9-]{20})",
    "a cloud's key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{35}",
    "random key": r"(?i:key|passw(?:or)?d|token|secret)[\"']?\s*[:=]\s*[\"']?"
    r"(?=[A-Za-z+/_]*[0-9])(?=[A-Z0-9+/_]*[a-z])[A-Za-z0-9+/_]{20,}={0,2}(?![\w/-])",
}


def found_in(text: str) -> list[str]:
    return [f"{kind}: {found[0][:30]}..." for kind, form in REAL.items() for found in re.finditer(form, text)]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("private key", f"{'-' * 5}BEGIN RSA PRIVATE KEY{'-' * 5}\n{'MIIE' * 16}\n"),
        ("private key", f"  {'-' * 5}BEGIN PRIVATE KEY{'-' * 5}\n  {'MIIE' * 16}\n"),
        ("a forge's token", f"x: {'gh'}p_{'a1B2' * 9}"),
        ("a cloud's key", f"{'AK'}IA{'A1B2' * 4}"),
        ("random key", f"access_key: {'k3Jd' * 6}"),
        ("random key", f'"access_key": "{"k3J/" * 6}=="'),
        ("random key", f"X-Access-Key: {'3f9a' * 8}"),
        ("", "access_key: key-that-nobody-may-see"),
        ("", "access_key_file: /run/secrets/screenshotmax/main"),
        ("", "looks for -----BEGIN PRIVATE KEY-----"),
    ],
)
def test_a_real_key_would_be_found(kind: str, text: str) -> None:
    """What is looked for is what people leave behind, and not what the tests call their keys."""
    assert [kind] * bool(kind) == [found.partition(":")[0] for found in found_in(text)]


def test_no_real_key_is_in_the_tree(pytestconfig: pytest.Config) -> None:
    """No file that is committed, or is about to be, holds a private key, a token or a random access key."""
    listing = ["git", "-C", str(pytestconfig.rootpath), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(listing, text=True).split("\0")[:-1]
    paths = [path for name in names if (path := pytestconfig.rootpath / name).is_file()]
    assert pytestconfig.rootpath / "pyproject.toml" in paths
    found = {path.name: found_in(path.read_text(errors="replace")) for path in paths}
    assert {} == {name: kinds for name, kinds in found.items() if kinds}
