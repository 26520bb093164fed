"""What survives: the ledger over restarts, kills, second daemons and readers, each with real processes."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING

import httpx
import pytest

from builders import Clock, Scene, at, config_text, samples
from exporter.cli.check import check
from exporter.simulator.tasks import FROZEN, SimTask
from exporter.store.file import LedgerFile, read_entries
from processes import EXPORTER, Process, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BANNER = "5650820808835011"  # of the demo's fleet; disabled, so it runs only when it is told to
OBSERVED = (
    f'screenshotmax_task_observed_runs_total{{account="main",task_id="{BANNER}",task_name="Black Friday banner"}}'
)
RECOVERIES = "screenshotmax_exporter_ledger_recoveries_total"
LISTENING = r'msg="Listening on" address=(\S+)$'
SAVED = r'msg="Ledger saved"'
PATIENCE_SECONDS = 30.0
KILLING_SECONDS = 2.0

ENTRIES = """
from dataclasses import replace
from datetime import UTC, datetime
from exporter.ledger import Entry
ENTRY = Entry(datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC), ("* * * * *", "Etc/UTC", True))
def entries(runs):
    return {("main", str(number)): replace(ENTRY, runs=runs) for number in range(500)}
"""
WRITER = f"""
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from exporter.store.file import LedgerFile
{ENTRIES}
file = LedgerFile(Path(sys.argv[1]), now=lambda: datetime.now(UTC))
assert file.recoveries == 0
for runs in count(int(sys.argv[2])):
    print(f"begin {{runs}}", flush=True)
    file.save(entries(runs))
    print(f"saved {{runs}}", flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def upstream(pytestconfig: pytest.Config) -> Iterator[str]:
    """The URL of a simulator that can be told what to do."""
    command = [*EXPORTER, "simulate", "--web.listen-address=127.0.0.1:0", "--simulator.control"]
    with running(command, cwd=pytestconfig.rootpath) as process:
        yield process.wait_for(r"^Task API at (\S+) ")[1]


def run_task(upstream: str, times: int) -> None:
    for _ in range(times):
        order = {"account": "main", "task_id": BANNER}
        assert 204 == httpx.post(f"{upstream}/_control/run", json=order, trust_env=False).status_code


def serve(path: Path, upstream: str) -> list[str]:
    """The command of a daemon with its ledger there."""
    config = path.with_name("config.yaml")
    config.write_text(
        f"api: {{base_url: '{upstream}'}}\npoll: {{interval: 5s}}\n"
        f"accounts: [{{name: main, access_key: simulated-key, tasks: all}}]\n"
    )
    flags = [f"--config.file={config}", f"--storage.path={path}", "--web.listen-address=127.0.0.1:0"]
    return [*EXPORTER, *flags, "--log.level=debug"]


@contextmanager
def daemon(path: Path, upstream: str, root: Path) -> Iterator[tuple[Process, str]]:
    """A daemon that has saved its first round, and its URL."""
    with running(serve(path, upstream), cwd=root) as process:
        url = f"http://{process.wait_for(LISTENING)[1]}"
        process.wait_for(SAVED)
        yield process, url


def save_anew(process: Process, path: Path, upstream: str) -> None:
    """After another run: an account whose configuration has changed is polled at once, not at the next interval."""
    run_task(upstream, 1)
    config = path.with_name("config.yaml")
    config.write_text(config.read_text().replace("interval: 5s", "interval: 6s"))
    process.popen.send_signal(signal.SIGHUP)
    process.wait_for(SAVED)


def scrape(url: str) -> dict[str, float]:
    return samples(httpx.get(f"{url}/metrics", trust_env=False, timeout=PATIENCE_SECONDS).text)


def test_counters_survive_a_kill_and_an_end(path: Path, upstream: str, pytestconfig: pytest.Config) -> None:
    """Runs while nobody looked are counted at the next start, after kill -9 as after SIGTERM; nothing is recovered."""
    for runs, number in ((3, signal.SIGKILL), (2, signal.SIGTERM)):
        with daemon(path, upstream, pytestconfig.rootpath) as (process, url):
            before = scrape(url)
            process.end(number)
        run_task(upstream, runs)
    with daemon(path, upstream, pytestconfig.rootpath) as (_, url):
        shown = scrape(url)
    assert (3, 5, 0) == (before[OBSERVED], shown[OBSERVED], shown[RECOVERIES])


def test_a_second_daemon_is_refused(path: Path, upstream: str, pytestconfig: pytest.Config) -> None:
    """It says why in one sentence and exits with 1; the first one saves on, and its end makes room."""
    command = [*serve(path, upstream), "--log.level=error"]
    with daemon(path, upstream, pytestconfig.rootpath) as (process, _):
        second = subprocess.run(
            command, cwd=pytestconfig.rootpath, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
        told = f"storage path '{path}': another exporter is using this ledger\n"
        assert (1, "", told) == (second.returncode, second.stdout, second.stderr)
        save_anew(process, path, upstream)
        assert 0 == process.end()
    with daemon(path, upstream, pytestconfig.rootpath):
        pass


def test_a_damaged_ledger_is_no_reason_not_to_start(path: Path, upstream: str, pytestconfig: pytest.Config) -> None:
    """The daemon sets it aside, says so once, counts it, and keeps a new one."""
    path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    with daemon(path, upstream, pytestconfig.rootpath) as (process, url):
        assert 1 == scrape(url)[RECOVERIES]
        assert BANNER in {task_id for _, task_id in read_entries(path)}
        assert 0 == process.end()
        assert 1 == "".join(process.seen).count("Ledger set aside; a new one begins")
    assert 1 == len(list(path.parent.glob("ledger.db.damaged-*")))


def test_a_ledger_that_cannot_be_opened_ends_the_start(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """One sentence, and 1 for the daemon or 3 for a check; nothing is made."""
    path = tmp_path / "ledger.db"
    path.mkdir()
    command = [*serve(path, "http://127.0.0.1:1"), "--log.level=error"]
    checking = [*EXPORTER, "check", f"--config.file={tmp_path / 'config.yaml'}", f"--storage.path={path}"]
    told = f"storage path '{path}': found no regular file, expected one, or none yet\n"
    for code, words in ((1, command), (3, checking)):
        ended = subprocess.run(
            words, cwd=pytestconfig.rootpath, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
        assert (code, "", told) == (ended.returncode, ended.stdout, ended.stderr)


def kill_a_writer(path: Path, first: int, root: Path, after_seconds: float) -> tuple[int, int]:
    """Kill a process that saves without pause; the last save that it began, and the last that it finished."""
    command = [sys.executable, "-c", WRITER, str(path), str(first)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert f"begin {first}\n" == writer.stdout.readline()
        with suppress(subprocess.TimeoutExpired):
            writer.wait(after_seconds)
        writer.kill()
        said = [line.split() for line in writer.stdout.read().splitlines()]
    assert -signal.SIGKILL == writer.returncode
    begun, finished = ([int(runs) for word, runs in said if word == wanted] for wanted in ("begin", "saved"))
    return max(begun, default=first), max(finished, default=first - 1)


def test_a_kill_in_the_middle_of_a_save_loses_at_most_that_save(path: Path, pytestconfig: pytest.Config) -> None:
    """However often a writer is killed, the next one finds all of a save or nothing of it, and never an older one."""
    dice = random.Random(1)
    deadline_seconds = monotonic() + KILLING_SECONDS
    found, in_the_middle = 0, 0
    while monotonic() < deadline_seconds or not in_the_middle:
        begun, finished = kill_a_writer(path, found + 1, pytestconfig.rootpath, dice.uniform(0.0, 0.06))
        seen = {entry.runs for entry in read_entries(path).values()} or {0}
        assert 1 == len(seen), "a save was torn"
        assert seen <= {finished, begun}
        found = max(seen)
        in_the_middle += begun != finished
    assert [] == list(path.parent.glob("*damaged*"))


def test_a_reader_beside_a_writer_at_work(path: Path, pytestconfig: pytest.Config) -> None:
    """Each look sees one whole save, never an older one than before; the writer is not disturbed."""
    command = [sys.executable, "-c", WRITER, str(path), "1"]
    with running(command, cwd=pytestconfig.rootpath) as writer:
        writer.wait_for("saved 1")
        looks = [{entry.runs for entry in read_entries(path).values()} for _ in range(60)]
        writer.wait_for(f"saved {max(looks[-1]) + 1}")
        assert -signal.SIGKILL == writer.end(signal.SIGKILL)
    assert {1} == {len(look) for look in looks}
    assert all(max(earlier) <= max(later) for earlier, later in pairwise(looks))
    assert looks[0] != looks[-1]


def moved_and_stopped() -> SimTask:
    """An hourly task that was moved to a minute which had just passed when it was seen."""
    return SimTask(
        id=7001,
        name="Shop front",
        crontab="20 * * * *",
        created_at=at("2024-05-01 00:00Z"),
        last_run_at=at("2024-06-10 11:00:14Z"),
        runs=900,
        behaviour=FROZEN,
    )


def test_a_check_beside_a_daemon_agrees_with_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It knows from the ledger what was edited when, judges as the daemon does, and writes nothing."""
    task = moved_and_stopped()
    task.crontab = "0 * * * *"
    clock = Clock(at("2024-06-10 11:25:20Z"))
    scene = Scene(clock, config_text(), [task], ledger_file=LedgerFile(path, now=clock.now))

    async def watch() -> None:
        async with scene.polling():
            task.edit({"crontab": "20 * * * *"}, clock.now())
            await clock.until(at("2024-06-10 11:30Z"))

    clock.run(watch())
    before = path.read_bytes()
    for code, entries in ((0, read_entries(path)), (2, None)):
        asking = Clock(at("2024-06-10 11:30:20Z"))
        assert code == asking.run(check(Scene(asking, config_text(), [moved_and_stopped()], entries=entries).house))
    assert before == path.read_bytes()
    assert "1 ok" in capsys.readouterr().out


def test_a_check_as_a_process_reads_beside_the_daemon(path: Path, upstream: str, pytestconfig: pytest.Config) -> None:
    """A check with the ledger of a running daemon exits as one without, and leaves the daemon to its saving."""
    with daemon(path, upstream, pytestconfig.rootpath) as (process, _):
        words = [*EXPORTER, "check", f"--config.file={path.with_name('config.yaml')}", f"--storage.path={path}"]
        ended = subprocess.run(
            words, cwd=pytestconfig.rootpath, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
        assert (2, "") == (ended.returncode, ended.stderr)
        save_anew(process, path, upstream)
        assert 0 == process.end()
        assert "level=error" not in "".join(process.seen)
    with closing(LedgerFile(path, now=lambda: at("2024-06-10 12:00Z"))) as file:
        assert BANNER in {task_id for _, task_id in file.entries()}
