"""A look-alike of the base that the Dockerfile names, put together from this machine, since no registry is asked.

Its Python is the newest that tools/find_python.sh finds, moved to /usr/local with its library, be it one of a version
manager or the system's own. Its shell, tools and shared libraries are the machine's.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components import lacking

if TYPE_CHECKING:
    import os

ROOT = Path(__file__).parents[1]
PINS = tuple(ROOT / "requirements" / f"{name}.txt" for name in ("runtime", "build"))
# fmt: off
COMMANDS = (
    "cat", "chmod", "chown", "cp", "cut", "date", "dirname", "env", "false", "find", "grep", "gzip", "head", "id",
    "install", "ln", "ls", "mkdir", "mktemp", "mv", "readlink", "rm", "rmdir", "sed", "sh", "sleep", "sort", "stat",
    "su", "tail", "tar", "test", "touch", "tr", "true", "uname", "uniq", "wc",
)
FOLDERS = (
    "dev", "etc/ssl/certs", "opt", "proc", "root", "run", "sys", "tmp", "usr/local/bin", "usr/local/lib", "usr/share",
    "var/lib", "var/tmp",
)
# fmt: on
SYSTEM_LIBRARIES = ("c", "dl", "gcc_s", "m", "nss_dns", "nss_files", "pthread", "resolv", "rt", "stdc++", "util")
# Packages come from a fresh environment; the last two are how Debian marks and extends a Python of its own.
NOT_COPIED = (
    "__pycache__",
    "test",
    "libpython*.a",
    "site-packages",
    "dist-packages",
    "EXTERNALLY-MANAGED",
    "sitecustomize.py",
)
ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "nsswitch.conf": "hosts: files dns\n",
    "ld.so.conf": "/usr/local/lib\n",
}


def run(*words: str | os.PathLike[str], **options: Any) -> str:
    """What a command prints; AssertionError with all that it said when it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


@dataclass(frozen=True, slots=True)
class Python:
    """An installed Python: its program, the prefix that it stands under, and its name with the minor version."""

    program: Path
    prefix: Path
    name: str

    def __str__(self) -> str:
        return f"{self.name} of {self.prefix}"

    @property
    def library(self) -> Path:
        return self.prefix / "lib" / self.name


def find_python(program: Path) -> Python:
    """What a program says of itself; where its library cannot be moved the test that asks is left."""
    ask = "import sys; print(sys.base_prefix, 'python%d.%d' % sys.version_info[:2], sep='\\n')"
    prefix, name = run(program, "-c", ask).splitlines()
    found = Python(program=program, prefix=Path(prefix), name=name)
    if not (found.library / "os.py").exists():
        lacking("python", f"images are tried on a base made of {found}, and its library is not in {found.library}")
    return found


@dataclass(frozen=True, slots=True)
class Base:
    """The base as an archive, the wheels that a build on it installs, and what it was made of."""

    tar: Path
    wheels: Path
    made_of: str


def keep_base(cache: Path) -> Base:
    """The base out of `cache`, made first where it is not there or was made of something else."""
    python = find_python(Path(run(ROOT / "tools" / "find_python.sh", "newest").strip()))
    kept, new = cache / fingerprint(python), cache / "new"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        # Of two runs at once the second waits and finds what the first has made.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            for old in cache.glob("*/"):
                shutil.rmtree(old)
            make_base(python, new)
            new.rename(kept)
    return Base(tar=kept / "base.tar", wheels=kept / "wheels", made_of=str(python))


def fingerprint(python: Python) -> str:
    """Another one for another Python, for a newer build of the same one, for other pins, and for another recipe."""
    program = (python.prefix / "bin" / python.name).stat()
    parts = [str(python), f"{program.st_size} {program.st_mtime_ns}"]
    parts += (path.read_text() for path in (Path(__file__), *PINS))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def make_base(python: Python, to: Path) -> None:
    """The archive and the wheels. A system's Python comes without pip, so that of a fresh environment serves."""
    environment, root = to / "environment", to / "root"
    run(python.program, "-m", "venv", environment)
    pip = (environment / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    wanted = (f"--requirement={path}" for path in PINS)
    run(*pip, "download", "--only-binary=:all:", "--require-hashes", f"--dest={to}/wheels", *wanted)
    lay_out(root, python, packages=environment / "lib" / python.name / "site-packages")
    run("tar", "--numeric-owner", "-C", root, "-cf", to / "base.tar", ".")
    for path in (environment, root):
        shutil.rmtree(path)


def copy_python(python: Python, packages: Path, to: Path) -> None:
    """The interpreter with its library and these packages, and nothing else of what may stand under the same prefix."""
    for path in (python.prefix / "bin" / python.name, *(python.prefix / "lib").glob("libpython3*.so*")):
        shutil.copy(path, to / path.relative_to(python.prefix), follow_symlinks=False)
    library = to / "lib" / python.name
    shutil.copytree(python.library, library, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
    shutil.copytree(packages, library / "site-packages", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("python", "python3"):
        (to / "bin" / name).symlink_to(python.name)
    if "dist-packages" in run(python.program, "-c", "import site; print(site.getsitepackages())"):
        # Debian's looks into a folder of its own name and installs below local; both lead to the usual one.
        (library / "dist-packages").symlink_to("site-packages")
        (to / "local").symlink_to(".")


def lay_out(root: Path, python: Python, packages: Path) -> None:
    """The files of the base: a Python in /usr/local and what of a slim Debian the build uses."""
    for name in FOLDERS:
        (root / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir()
        (root / name).symlink_to(f"usr/{name}")
    copy_python(python, packages, to=root / "usr/local")
    pip = root / "usr/local/bin/pip"
    pip.write_text("#!/usr/local/bin/python\nfrom pip._internal.cli.main import main\nmain()\n")
    pip.chmod(0o755)
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
