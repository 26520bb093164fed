from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from clones import a_clone, complaints_of, kept, missing, write_program

TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")
NAMES = ("prometheus", "promtool", "alertmanager", "amtool", "prometheus3", "promtool3")
COREUTILS = ("bash", "dirname", "env", "grep", "ln", "mkdir", "readlink", "rm", "sed", "sort", "tail")
APT_WITHOUT_NETWORK = "echo 'E: Failed to fetch: no route' >&2; exit 100"
RUNS = "exit 0"
OLDER, NEWER = (f"echo 'prometheus, version {version}'" for version in ("2.53.3", "3.5.0"))
BROKEN = "exit 1"
fetch = partial(complaints_of, "fetch_prometheus.sh")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A tree with our tools, on a machine whose apt has no network and which lends nobody the rights of root."""
    write_program(tmp_path / "path" / "apt-get", APT_WITHOUT_NETWORK)
    return a_clone(tmp_path, programs=COREUTILS)


@pytest.mark.parametrize("on_path", [None, BROKEN])
@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_had_is_recorded_with_its_reason(clone: Path, name: str, on_path: str | None) -> None:
    """Without an archive and a program that runs there is a sentence for the tests to tell, and no program."""
    if on_path:
        write_program(clone / "path" / name.rstrip("3"), on_path)

    complaints = fetch(clone)

    reason = missing(clone)[name]
    assert reason
    assert f"{name} could not be had: {reason}" in complaints.splitlines()
    assert not kept(clone)


@pytest.mark.parametrize(
    ("version", "found"),
    [(OLDER, {"prometheus", "promtool", "alertmanager", "amtool"}), (NEWER, set(NAMES))],
)
def test_a_program_on_path_serves_where_apt_does_not(clone: Path, version: str, found: set[str]) -> None:
    """Elsewhere than on Debian the machine's own programs are taken, an old one never for a new one, and an old reason is forgotten."""
    fetch(clone)
    for name in ("prometheus", "promtool", "prometheus-alertmanager", "amtool"):
        write_program(clone / "path" / name, version)

    complaints = fetch(clone)

    assert clone / "path" / "prometheus" == (clone / ".tools" / "bin" / "prometheus").resolve()
    assert found == kept(clone)
    assert set(NAMES) - found == set(missing(clone))
    assert len(NAMES) - len(found) == len(complaints.splitlines())


def test_what_is_there_is_not_fetched_again(clone: Path) -> None:
    """The second time apt is not asked."""
    for name in NAMES:
        write_program(clone / ".tools" / "bin" / name, RUNS)
    write_program(clone / "path" / "apt-get", f"touch {clone}/asked")

    assert not fetch(clone)

    assert not (clone / "asked").exists()


@pytest.mark.skipif(TEMPLATES.exists(), reason="Alertmanager finds its templates on this machine")
@pytest.mark.parametrize(("mounts", "reason"), [(RUNS, None), (BROKEN, "neither root nor sudo")])
def test_alertmanager_is_kept_only_where_it_can_see_its_templates(clone: Path, mounts: str, reason: str | None) -> None:
    """Debian's needs a private mount or a link below /usr/share; where neither may be made the reason says so."""
    write_program(clone / ".tools" / "prometheus-trixie" / "usr" / "bin" / "prometheus-alertmanager", RUNS)
    write_program(clone / "path" / "apt-get", RUNS)
    write_program(clone / "path" / "unshare", mounts)

    complaints = fetch(clone)

    assert (reason is None) == ("alertmanager" in kept(clone))
    assert (reason is not None) == ("alertmanager" in missing(clone))
    assert not reason or reason in complaints
