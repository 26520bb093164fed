"""Images built and run by podman for the tests that need them, with a storage of their own.

No registry is asked. The base is a look-alike of python:slim made of this machine's own Python, shell and libraries, so
a build proves the Dockerfile's steps and what the result is like, not the base that is named in it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
BASE = re.findall(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[0]
# fmt: off
COMMANDS = (
    "cat", "chmod", "chown", "cp", "cut", "date", "dirname", "env", "false", "find", "grep", "gzip", "head", "id",
    "install", "ln", "ls", "mkdir", "mktemp", "mv", "readlink", "rm", "rmdir", "sed", "sh", "sleep", "sort", "stat",
    "su", "tail", "tar", "test", "touch", "tr", "true", "uname", "uniq", "wc",
)
# fmt: on
SYSTEM_LIBRARIES = ("c", "dl", "gcc_s", "m", "nss_dns", "nss_files", "pthread", "resolv", "rt", "stdc++", "util")
ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "nsswitch.conf": "hosts: files dns\n",
    "ld.so.conf": "/usr/local/lib\n",
}
ALONE = ("--network", "none")
# No systemd is asked for anything, and the limits are those that any machine grants.
CONTAINERS_CONF = """
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
"""


def run(*words: str | os.PathLike[str], **options: Any) -> str:
    """What a command prints; AssertionError with all that it said when it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def newest_python() -> tuple[Path, Path]:
    """The newest Python found, and the prefix that it is installed under."""
    program = Path(run(ROOT / "tools" / "find_python.sh", "newest").strip())
    return program, Path(run(program, "-c", "import sys; print(sys.base_prefix)").strip())


def copy_python(program: Path, prefix: Path, to: Path) -> None:
    """The interpreter with its library and pip, and nothing else of what may stand under the same prefix."""
    version = run(program, "-c", "import sys; print('python%d.%d' % sys.version_info[:2])").strip()
    unwanted = shutil.ignore_patterns("__pycache__", "test", "libpython*.a")
    for name in ("bin", "lib"):
        (to / name).mkdir()
    for path in (prefix / "bin" / version, *(prefix / "lib").glob("libpython3*.so*")):
        shutil.copy(path, to / path.relative_to(prefix), follow_symlinks=False)
    shutil.copytree(prefix / "lib" / version, to / "lib" / version, symlinks=True, ignore=unwanted)
    for name in ("python", "python3"):
        (to / "bin" / name).symlink_to(version)
    (to / "bin" / "pip").write_text("#!/usr/local/bin/python\nfrom pip._internal.cli.main import main\nmain()\n")
    (to / "bin" / "pip").chmod(0o755)


def lay_out(root: Path) -> None:
    """The files of the base: a Python in /usr/local and what of a slim Debian the build uses."""
    for name in (
        "etc/ssl/certs",
        "proc",
        "sys",
        "dev",
        "run",
        "root",
        "tmp",
        "var/lib",
        "var/tmp",
        "usr/share",
        "usr/local",
        "opt",
    ):
        (root / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir()
        (root / name).symlink_to(f"usr/{name}")
    copy_python(*newest_python(), to=root / "usr/local")
    for name, text in ETC.items():
        (root / "etc" / name).write_text(text)
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc/ssl/certs")
    for name in COMMANDS:
        shutil.copy(Path(shutil.which(name) or name).resolve(), root / "usr/bin" / name)
    (root / "usr/bin/su").chmod(0o4755)
    for library in libraries(root):
        shutil.copy(library, root / library.relative_to("/"))
    run("/sbin/ldconfig", "-r", root)


def libraries(root: Path) -> set[Path]:
    """The shared libraries of this machine that what stands in `root` asks for, and those that wheels may count on."""
    programs = [
        *(root / "usr/bin").iterdir(),
        *(root / "usr/local").rglob("*.so*"),
        *(root / "usr/local/bin").glob("python3.*"),
    ]
    told = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    found = {Path(path) for path in re.findall(r"(?:=> |^\s*)(/(?:usr/)?lib\S+) \(0x", told, re.MULTILINE)}
    (folder,) = {path.parent for path in found if path.name == "libc.so.6"}
    usual = {path for name in SYSTEM_LIBRARIES for path in folder.glob(f"lib{name}.so.*")}
    for path in found | usual:
        (root / path.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
    return found | usual


@dataclass(frozen=True)
class Engine:
    """podman with everything it keeps under `place`."""

    podman: Path
    place: Path

    def __post_init__(self) -> None:
        (self.place / "containers.conf").write_text(CONTAINERS_CONF)
        (self.place / "auth.json").write_text("{}")
        # Copies take time, but an overlay cannot stand on the overlay that a container has as its own root.
        driver = "vfs" if run("stat", "--file-system", "--format=%T", self.place).strip() == "overlayfs" else "overlay"
        storage = f"--root={self.place}/storage --runroot={self.place}/run --storage-driver={driver}"
        self.program.write_text(f'#!/bin/sh\nexec {self.podman} {storage} "$@"\n')
        self.program.chmod(0o755)

    @property
    def program(self) -> Path:
        """The engine as one program, as a script of ours may call it."""
        return self.place / "podman"

    def __call__(self, *words: str | os.PathLike[str]) -> str:
        """One podman command."""
        return self.run(self.program, *words)

    def run(self, *words: str | os.PathLike[str], **environment: str) -> str:
        """A command that may call the engine."""
        files = {"CONTAINERS_CONF": "containers.conf", "REGISTRY_AUTH_FILE": "auth.json"}
        settings = {name: os.fspath(self.place / file) for name, file in files.items()}
        # Where a container is killed for its memory, its monitor leaves a file in the directory that it was started from.
        return run(*words, env=os.environ | settings | environment, cwd=self.place)

    def add_base(self, name: str) -> None:
        root, tar = self.place / "base", self.place / "base.tar"
        lay_out(root)
        run("tar", "--numeric-owner", "-C", root, "-cf", tar, ".")
        shutil.rmtree(root)
        self("import", "--quiet", "--change", "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", tar, name)
        tar.unlink()

    def inspect(self, name: str) -> dict[str, Any]:
        return json.loads(self("inspect", name))[0]

    def log(self, container: str) -> str:
        """All that it has said so far, both streams."""
        return Path(self.inspect(container)["HostConfig"]["LogConfig"]["Path"]).read_text()

    def once(self, image: str, *words: str, options: Sequence[str] = ()) -> str:
        """What `words` print in a container of their own, in place of the image's program."""
        entry, *rest = words
        return self("run", "--rm", "--no-healthcheck", *ALONE, "--entrypoint", entry, *options, image, *rest)

    @contextmanager
    def running(self, image: str, *words: str, options: Sequence[str] = ALONE) -> Iterator[str]:
        """The id of a container that runs `words`, removed at the end whatever happens."""
        container = self("run", "--detach", "--no-healthcheck", *options, image, *words).strip()
        try:
            yield container
        finally:
            self("rm", "--force", "--time", "5", container)

    def layers(self, image: str) -> Iterator[tarfile.TarFile]:
        """Each layer of an image as it would be pushed."""
        saved = self.place / "saved"
        self("save", "--quiet", "--format", "oci-dir", "--output", saved, image)
        blobs = saved / "blobs" / "sha256"
        index = json.loads((saved / "index.json").read_text())["manifests"][0]["digest"]
        for layer in json.loads((blobs / index.partition(":")[2]).read_text())["layers"]:
            with tarfile.open(blobs / layer["digest"].partition(":")[2]) as tar:
                yield tar
        shutil.rmtree(saved)
