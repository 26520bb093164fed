"""The image of the Dockerfile, built and run as tightly as Kubernetes and Compose do it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import bcrypt
import pytest
import trustme

from containers import ALONE, BASE, Engine
from exporter import __version__
from slim_base import ROOT, keep_base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.real

IMAGE = f"screenshotmax-exporter:{__version__}"
SECRET = "what-only-the-build-may-know"
BUILT = {"VERSION": __version__, "REVISION": "0a1b2c3", "BRANCH": "main", "CREATED": "2026-11-23T12:00:00Z"}
CONFIG = """
api: {base_url: "http://127.0.0.1:10143"}
poll: {interval: 5s}
accounts:
  - {name: main, access_key: simulated-key, tasks: all}
"""
PLACE = "/etc/screenshotmax-exporter"
LIMIT_BYTES = 64 * 2**20
CONFINED = (
    "--user=1234567:0",
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    f"--memory={LIMIT_BYTES}",
    f"--memory-swap={LIMIT_BYTES}",
    "--pids-limit=32",
)
PATIENCE_SECONDS = 30.0
POLLED = "msg=Polled .*tasks=14 "


@pytest.fixture(scope="module")
def engine(component: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that holds the base and the image; the wheels are fetched outside, so the build asks nobody."""
    podman, _ = component("podman"), component("runc")
    base = keep_base(ROOT / ".cache" / "image")
    place = tmp_path_factory.mktemp("engine")
    settings = place / "pip.conf"
    settings.write_text(f"# {SECRET}\n[global]\nno-index = true\nfind-links = /wheels\n")
    engine = Engine(podman=podman, place=place)
    engine.add_base(base.tar, BASE)
    arguments = (f"--build-arg={name}={value}" for name, value in BUILT.items())
    # No layers are kept between the steps: that takes a third more time, and no second build would use them.
    how = (
        "--quiet",
        "--pull=never",
        "--layers=false",
        "--isolation=chroot",
        "--network=host",
        f"--volume={base.wheels}:/wheels:ro",
    )
    try:
        engine.run(ROOT / "tools" / "image.sh", *how, *arguments, ENGINE=str(engine.program), PIP_CONF=str(settings))
    except AssertionError as failure:
        failure.add_note(f"The base of this build was made of {base.made_of}.")
        raise
    yield engine
    # Half a gigabyte, which pytest would keep for its next runs.
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def simulator(engine: Engine) -> Iterator[str]:
    """A container with the demo fleet, whose loopback the exporter shares."""
    with engine.running(IMAGE, "simulate") as container:
        wait_for(engine, container, "Task API at")
        yield container


@pytest.fixture
def confined(simulator: str, tmp_path: Path) -> tuple[str, ...]:
    """Options of a container that may do next to nothing, with a configuration that asks the simulator."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    tmp_path.chmod(0o755)
    return (*CONFINED, f"--network=container:{simulator}", f"--volume={tmp_path}:{PLACE}:ro")


@pytest.fixture
def exporter(engine: Engine, confined: tuple[str, ...]) -> Iterator[str]:
    """The exporter in its container, once it has polled."""
    with engine.running(IMAGE, options=confined) as container:
        wait_for(engine, container, POLLED)
        yield container


def scrape(engine: Engine, simulator: str) -> str:
    """The metrics, asked from beside the exporter and so outside its memory limit."""
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:10142/metrics', timeout=5).read().decode())"
    return engine("exec", simulator, "python", "-c", ask)


def check_health(engine: Engine, container: str) -> str:
    """What the image's own health check prints when it finds the container healthy."""
    kind, *words = engine.inspect(IMAGE)["Healthcheck"]["Test"]
    assert kind == "CMD"
    return engine("exec", container, *words)


def wait_for(engine: Engine, container: str, said: str) -> None:
    """A real process cannot be told that time has passed: its log is read until a deadline."""
    deadline = monotonic() + PATIENCE_SECONDS
    while not re.search(said, told := engine.log(container)):
        assert engine.inspect(container)["State"]["Running"], f"it has ended: {told}"
        assert monotonic() < deadline, f"no {said} in: {told}"
        sleep(0.1)


def in_image(engine: Engine, script: str, *options: str) -> list[str]:
    """What a shell in the image prints, each line."""
    return engine.once(IMAGE, "sh", "-c", script, options=options).split("\n")[:-1]


def test_the_dockerfile_is_clean() -> None:
    """Hadolint has nothing to say."""
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    told = subprocess.run([hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)

    assert ("", 0) == (told.stdout + told.stderr, told.returncode)


def test_what_is_left_is_one_layer() -> None:
    """The last stage takes the files of the one before at once and changes none, so no layer holds what was removed."""
    last_stage = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]

    assert ["scratch"] == last_stage.splitlines()[:1]
    assert ["COPY --from=trimmed / /"] == re.findall(
        r"^\s*(?:RUN|COPY|ADD)\b.*$", last_stage, re.MULTILINE | re.IGNORECASE
    )


def test_the_image_tells_what_it_is(engine: Engine) -> None:
    """Numeric user, exec form, port, and where it comes from, in the labels and in the version text."""
    found = engine.inspect(IMAGE)["Config"]
    label = "org.opencontainers.image"

    assert "65534:65534" == found["User"]
    assert ["screenshotmax-exporter"] == found["Entrypoint"]
    assert [f"--config.file={PLACE}/config.yaml"] == found["Cmd"]
    assert ["10142/tcp"] == list(found["ExposedPorts"])
    assert {**BUILT, "LICENSES": "Apache-2.0", "BASE.NAME": BASE} == {
        name: found["Labels"][f"{label}.{name.lower()}"]
        for name in ("VERSION", "REVISION", "CREATED", "LICENSES", "BASE.NAME")
    } | {"BRANCH": BUILT["BRANCH"]}
    assert f"(branch: {BUILT['BRANCH']}, revision: {BUILT['REVISION']})" in engine.once(
        IMAGE, "screenshotmax-exporter", "--version"
    )


def test_it_works_confined(engine: Engine, simulator: str, exporter: str) -> None:
    """Read-only root, a user nobody knows, no capability and 64 MiB: the fleet is polled and scraped, and it is healthy."""
    for _ in range(3):
        assert "200 Healthy" in check_health(engine, exporter)
        text = scrape(engine, simulator)
    assert 14 == len(re.findall(r"^screenshotmax_task_info\{", text, re.MULTILINE))
    (resident,) = re.findall(r"^process_resident_memory_bytes (\S+)$", text, re.MULTILINE)

    state = engine.inspect(exporter)["State"]

    assert (True, False) == (state["Running"], state["OOMKilled"])
    assert float(resident) < LIMIT_BYTES


def test_its_health_check_follows_the_web_configuration(
    engine: Engine, confined: tuple[str, ...], tmp_path: Path
) -> None:
    """With TLS and passwords in a web.yaml beside the configuration the image's own check still finds it alive."""
    authority, hashed = trustme.CA(), bcrypt.hashpw(b"any", bcrypt.gensalt(4)).decode()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "pair.pem")
    tls = "tls_server_config: {cert_file: pair.pem, key_file: pair.pem}"
    (tmp_path / "web.yaml").write_text(f"{tls}\nbasic_auth_users: {{someone: {hashed}}}\n")
    for path in tmp_path.iterdir():
        path.chmod(0o644)
    flags = (f"--config.file={PLACE}/config.yaml", f"--web.config.file={PLACE}/web.yaml")
    with engine.running(IMAGE, *flags, options=confined) as protected:
        wait_for(engine, protected, POLLED)

        assert "401" in check_health(engine, protected)


def test_the_memory_limit_is_in_force(engine: Engine) -> None:
    """The same limit kills what takes more, so that living under it says something."""
    with engine.running(
        IMAGE, "-c", "bytearray(10**8).find(1)", options=(*ALONE, *CONFINED, "--entrypoint=python")
    ) as greedy:
        assert "137" == engine("wait", greedy).strip()


def test_sigterm_ends_it_as_the_first_process(engine: Engine, exporter: str) -> None:
    """As PID 1 it leaves with 0 within 5 s of SIGTERM."""
    assert "screenshotmax-exporter" in engine("exec", exporter, "cat", "/proc/1/cmdline")
    before = monotonic()
    engine("stop", "--time", "20", exporter)

    assert monotonic() - before < 5
    assert 0 == engine.inspect(exporter)["State"]["ExitCode"]


@pytest.mark.parametrize("user", ["1234567:0", "65534:65534"])
def test_a_ledger_can_be_kept(engine: Engine, confined: tuple[str, ...], user: str) -> None:
    """The state directory is writable for the image's user and for any other of group 0."""
    ledger = "/var/lib/screenshotmax-exporter/ledger.db"
    # A fresh volume takes over owner and mode of the directory in the image.
    options = (*confined, f"--user={user}", f"--volume=of-{user.partition(':')[0]}:{Path(ledger).parent}")
    with engine.running(
        IMAGE, f"--config.file={PLACE}/config.yaml", f"--storage.path={ledger}", options=options
    ) as kept:
        wait_for(engine, kept, POLLED)
        assert int(engine("exec", kept, "stat", "--format=%s", ledger)) > 0


def test_nothing_in_it_gains_rights(engine: Engine) -> None:
    """No setuid or setgid file; the image's user may write to the usual two places and its state, and owns nothing else."""
    assert [] == in_image(engine, "find / -xdev -type f -perm /6000", "--user=0")
    assert [] == in_image(engine, "find / -xdev ! -type l -perm -0002 ! -perm -1000", "--user=0")
    writable = "find / -xdev ! -type l -writable ! -path '/dev*' ! -path '/proc*' ! -path '/sys*' ! -path '/run*' 2>/dev/null || true"
    assert {"/tmp", "/var/tmp", "/var/lib/screenshotmax-exporter"} == set(in_image(engine, writable))
    assert ["/var/lib/screenshotmax-exporter"] == in_image(engine, "find / -xdev -user 65534", "--user=0")


def test_nothing_in_it_installs_or_compiles(engine: Engine) -> None:
    """No pip and no compiler, neither as a program nor as a module."""
    assert [] == in_image(engine, "for name in pip pip3 gcc cc c++ ld make; do command -v $name; done; true")
    modules = (
        "import importlib.util as u; print([n for n in ('pip', 'ensurepip', 'hatchling', 'pytest') if u.find_spec(n)])"
    )
    assert "[]\n" == engine.once(IMAGE, "python", "-c", modules)
    assert "[]\n" == engine.once(IMAGE, "/usr/local/bin/python", "-c", modules)


def test_no_layer_holds_what_the_build_knew(engine: Engine) -> None:
    """No file of any layer, and nothing of the image's history, has the build's secret, pip, tests or a repository."""
    names = []
    for layer in engine.layers(IMAGE):
        for member in layer:
            names.append(member.name)
            if member.isfile():
                assert SECRET.encode() not in layer.extractfile(member).read(), member.name

    assert len(names) > 1000
    assert [] == [name for name in names if re.search(r"(^|/)(pip|pip\.conf|\.git|tests/real|wheels/.)(/|$)", name)]
    assert SECRET not in engine("history", "--no-trunc", IMAGE) + engine("inspect", IMAGE)


def test_it_brings_its_own_zones_and_authorities(engine: Engine) -> None:
    """Time zones and authorities are those of its pinned packages, whatever the base has; the example it ships is valid."""
    ask = (
        "import ssl, certifi, zoneinfo; zoneinfo.reset_tzpath([]);"
        "print(zoneinfo.ZoneInfo('Europe/Berlin'), len(ssl.create_default_context(cafile=certifi.where()).get_ca_certs()) > 50)"
    )
    assert "Europe/Berlin True\n" == engine.once(IMAGE, "python", "-c", ask)
    example = "/usr/share/doc/screenshotmax-exporter/config.example.yaml"
    assert "valid" in engine.once(
        IMAGE,
        "screenshotmax-exporter",
        "config",
        "check",
        f"--config.file={example}",
        options=("--env=SCREENSHOTMAX_MARKETING_KEY=any",),
    )


def test_it_starts_without_compiling(engine: Engine) -> None:
    """Every module that a daemon imports stands there compiled, since a read-only root cannot keep what is compiled."""
    ask = (
        "import sys, os, exporter.cli.serve; named = [s for m in sys.modules.values() if (s := getattr(m, '__spec__', None))];"
        "print([s.origin for s in named if s.cached and not os.path.exists(s.cached)], sum(bool(s.cached) for s in named) > 100)"
    )
    assert "[] True\n" == engine.once(IMAGE, "python", "-c", ask)
