"""Images built and run by podman for the tests that need them, with a storage of their own.

No registry is asked. The base is the look-alike of slim_base, so a build proves the Dockerfile's steps and what the
result is like, not the base that is named in it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slim_base import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BASE = re.findall(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[0]
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

    def add_base(self, tar: Path, name: str) -> None:
        self("import", "--quiet", "--change", "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", tar, name)

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
        """Each layer of an image as it would be pushed, but for its compression."""
        saved = self.place / "saved"
        self("save", "--quiet", "--format", "oci-dir", "--uncompressed", "--output", saved, image)
        blobs = saved / "blobs" / "sha256"
        index = json.loads((saved / "index.json").read_text())["manifests"][0]["digest"]
        for layer in json.loads((blobs / index.partition(":")[2]).read_text())["layers"]:
            with tarfile.open(blobs / layer["digest"].partition(":")[2]) as tar:
                yield tar
        shutil.rmtree(saved)
