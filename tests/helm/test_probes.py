"""Probes follow the web configuration: the exporter runs as the chart runs it, and is asked as a kubelet asks."""

from __future__ import annotations

import re
import ssl
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
import trustme

from charts import CLIENTS, MODES, NAME, PAIR, RELEASE, USERS, WORKLOADS, Helm, exporter, file_of, ours, the
from cli.runs import run
from processes import EXPORTER, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from charts import Json

pytestmark = pytest.mark.real

DEFAULT = ("--values", MODES["default"], "--set", "config.api.base_url=http://127.0.0.1:1")
NOBODY = 1  # a port at which nobody listens
CONFIG = "/etc/screenshotmax-exporter/config.yaml"
KEY = "/run/secrets/screenshotmax/main"
WEB = "/etc/screenshotmax-exporter-web/web.yaml"
LIMIT = "webConfig.rate_limit.interval=1h,webConfig.rate_limit.burst=1"
RELOADER = "configReloader.enabled=true"
TELEMETRY = "web.telemetryPath=/prometheus"
GUARDS = {
    "plain": RELOADER,
    "a prefix": "web.externalUrl=https://example.com/smx/",
    "TLS under a prefix": f"{PAIR},web.routePrefix=/one/two,{RELOADER}",
    "passwords": USERS,
    "certificates if given": f"{CLIENTS}=VerifyClientCertIfGiven",
    "certificates": f"{CLIENTS}=RequireAndVerifyClientCert",
    "a rate limit": LIMIT,
    "a rate limit that is not reached yet": LIMIT,
    "all at once": f"{CLIENTS}=RequireAndVerifyClientCert,{USERS},{LIMIT},web.routePrefix=/smx",
}


class Pod:
    """The exporter's container as a process, with the directories of its mounts below `place`."""

    def __init__(self, manifests: list[Json], place: Path) -> None:
        self.container = exporter(manifests)
        self.place = place
        for mount in self.container["volumeMounts"]:
            self.inside(mount["mountPath"]).mkdir(parents=True)
        self.put(CONFIG, self.moved(file_of(manifests, "config.yaml")))
        self.put(KEY, "an-example-and-no-key")
        if [word for word in self.container["args"] if word.startswith("--web.config.file")]:
            self.put(WEB, self.moved(file_of(manifests, "web.yaml")))
        if self.inside("/run/certificate").exists():
            authority = trustme.CA()
            self.put("/run/certificate/ca.pem", authority.cert_pem.bytes().decode())
            pair = authority.issue_cert("elsewhere.example.com").private_key_and_cert_chain_pem
            self.put("/run/certificate/pair.pem", pair.bytes().decode())

    def inside(self, path: str) -> Path:
        return self.place / path.lstrip("/")

    def moved(self, text: str) -> str:
        return text.replace("/run/", f"{self.place}/run/")

    def put(self, path: str, text: str) -> None:
        self.inside(path).write_text(text)

    def words(self, words: list[str], port: int) -> list[str]:
        """Words of the container, with its paths as they are here, and its port, on loopback only."""
        moved = [re.sub(r"(?<==)/(etc|var)/", f"{self.place}/\\1/", word) for word in words]
        moved = [word.replace(f"//{RELEASE}-{NAME}:", "//127.0.0.1:") for word in moved]
        return [
            word.replace("address=:10142", f"address=127.0.0.1:{port}").replace(":10142", f":{port}") for word in moved
        ]

    @contextmanager
    def lacking(self, path: str) -> Iterator[None]:
        """Without that file for a while."""
        aside = self.place / "aside"
        self.inside(path).rename(aside)
        try:
            yield
        finally:
            aside.rename(self.inside(path))

    @contextmanager
    def started(self) -> Iterator[int]:
        """The port that it listens on, once the first poll has failed: nobody is at port 1."""
        with running([*EXPORTER, "serve", *self.words(self.container["args"], 0)], cwd=self.place) as process:
            port = int(process.wait_for(r"Listening.* address=127\.0\.0\.1:(\d+)")[1])
            process.wait_for("msg=.*Poll")
            yield port

    def answers(self, name: str, port: int) -> bool:
        """What a kubelet makes of a probe: it shows no certificate, and believes any."""
        probe = self.container[name]
        if "exec" in probe:
            program, *words = self.words(probe["exec"]["command"], port)
            assert "screenshotmax-exporter" == program
            return run(*words) == 0
        scheme = probe["httpGet"].get("scheme", "HTTP").lower()
        return 200 <= self.ask(f"{scheme}://127.0.0.1:{port}{probe['httpGet']['path']}") < 400

    @staticmethod
    def ask(url: str) -> int:
        try:
            return httpx.get(url, verify=any_certificate(), trust_env=False, timeout=5).status_code
        except httpx.HTTPError:
            return 0


def any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Served(NamedTuple):
    """A pod whose exporter runs, what else was rendered with it, and the port that it listens on."""

    pod: Pod
    manifests: list[Json]
    port: int


@pytest.fixture(scope="module")
def served(newest_helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Served]]:
    """The exporter behind a guard, started once for all who ask for it, since that takes most of their time."""
    with ExitStack() as stack:

        @cache
        def start(guard: str) -> Served:
            manifests = newest_helm.render(*DEFAULT, "--set", f"{GUARDS[guard]},{TELEMETRY}")
            pod = Pod(manifests, tmp_path_factory.mktemp("served") / "pod")
            return Served(pod, manifests, stack.enter_context(pod.started()))

        yield start


@pytest.mark.parametrize("guard", [guard for guard in GUARDS if "yet" not in guard])
def test_a_kubelet_finds_it_well(served: Callable[[str], Served], guard: str) -> None:
    """Whatever guards the routes, each probe answers that the exporter is alive and ready, twice; where there is none, that it is not."""
    pod, _, port = served(guard)
    asked = ("livenessProbe", "readinessProbe") * 2

    assert [True] * 4 == [pod.answers(name, port) for name in asked]
    assert [False] * 4 == [pod.answers(name, NOBODY) for name in asked]


@pytest.mark.parametrize(
    ("guard", "ready"), [("TLS under a prefix", False), ("passwords", False), ("certificates", True)]
)
def test_a_bad_web_configuration_ends_no_pod(served: Callable[[str], Served], guard: str, ready: bool) -> None:
    """A file that becomes invalid leaves the pod alive, by a probe of either kind, and takes it out of service where that can be known."""
    pod, _, port = served(guard)
    good = pod.inside(WEB).read_text()
    pod.put(WEB, "basic_auth_users: {someone: no-hash}")
    asked = {name: pod.answers(name, port) for name in ("livenessProbe", "readinessProbe")}
    pod.put(WEB, good)

    assert {"livenessProbe": True, "readinessProbe": ready} == asked


SEEN = "200 Ready; metrics: screenshotmax_up is there"
LOCKED = "401, its passwords are on: a sign of life and no more"
CERTIFIED = "TLS answers, and asks for a client certificate: a sign of life and no more"
TOLD = {
    "plain": SEEN,
    "a prefix": SEEN,
    "TLS under a prefix": SEEN,
    "passwords": LOCKED,
    "certificates if given": SEEN,
    "certificates": CERTIFIED,
    "a rate limit that is not reached yet": "200 Ready; metrics: 429, its rate limit is reached: a sign of life and no more",
    "all at once": CERTIFIED,
}


@pytest.mark.parametrize("guard", TOLD)
def test_helm_test_shows_that_it_works(
    served: Callable[[str], Served], guard: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """It reads the key, finds each account polled and tells so by a metric; guarded, it shows life; and it fails without the key, and without the exporter."""
    pod, manifests, port = served(guard)
    config, healthcheck = (each["args"] for each in ours(the(manifests, "Pod")))
    assert [0, 0] == [run(*pod.words(words, port)) for words in (config, healthcheck)]
    checked, *_, asked = capfd.readouterr().out.splitlines()
    with pod.lacking(KEY):
        assert [1, 1] == [run(*pod.words(words, NOBODY)) for words in (config, healthcheck)]

    assert checked.endswith(": valid, 1 account: main, keys read")
    assert f"healthcheck: {TOLD[guard]}" == asked
    assert f"account main: access_key_file {pod.inside(KEY)} cannot be read: No such file" in capfd.readouterr().err


@pytest.mark.parametrize("guard", [guard for guard in GUARDS if RELOADER in GUARDS[guard]])
def test_a_reloader_is_heard(served: Callable[[str], Served], guard: str) -> None:
    """What it asks reloads the configuration, by TLS and under a prefix too; it believes any certificate, as the reloader does."""
    pod, manifests, port = served(guard)
    (beside,) = [
        each
        for each in the(manifests, *WORKLOADS)["spec"]["template"]["spec"]["containers"]
        if each["name"] != pod.container["name"]
    ]
    (url,) = [word.removeprefix("--reload-url=") for word in beside["args"] if word.startswith("--reload-url=")]
    (asked,) = pod.words([url], port)
    assert 200 == httpx.post(asked, verify=any_certificate(), trust_env=False, timeout=5).status_code
    with pod.lacking(CONFIG):
        assert 500 == httpx.post(asked, verify=any_certificate(), trust_env=False, timeout=5).status_code


def test_a_plain_probe_would_not_do(served: Callable[[str], Served]) -> None:
    """Behind passwords an unadorned GET is refused, so that the probes above prove something."""
    pod, _, port = served("passwords")

    assert 401 == pod.ask(f"http://127.0.0.1:{port}/-/healthy")
