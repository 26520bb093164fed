#!/usr/bin/env bash
# pins.sh: re-make requirements/*.txt from pyproject.toml, newest allowed versions, with the hashes of every platform's files.
# No address of a registry is written, and no setting of this machine's pip is read.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=$(tools/find_python.sh oldest)
uv=.tools/pins/bin/uv
[ -x "$uv" ] || { "$python" -m venv --clear .tools/pins && .tools/pins/bin/pip --disable-pip-version-check -qq install uv; }

compile() {
  "$uv" pip compile --no-config --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
    --custom-compile-command 'make pins' "$@"
}

build_requires() {
  "$python" -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'
}

compile --extra gzip pyproject.toml --output-file requirements/runtime.txt
# The build backend is pinned like the rest: alone for the image, and with what it asks for an editable installation.
build_requires | compile - --output-file requirements/build.txt
{ build_requires; echo editables; } | compile --extra gzip pyproject.toml - --group test --group lint --output-file requirements/test.txt
# What looks at the pins of the runtime has pins of its own: they are in no environment that runs anything of ours.
printf '%s\n' cyclonedx-bom pip-audit | compile - --output-file requirements/supply.txt
