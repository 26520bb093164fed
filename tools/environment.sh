#!/usr/bin/env bash
# environment.sh oldest|newest DIR: make DIR a virtual environment that holds requirements/test.txt and this project, unless it does already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/as_root.sh
which=$1 dir=$2

if ! python=$(tools/find_python.sh "$which"); then
  # Debian splits venv from its Python.
  apt_install python3-venv >/dev/null || true
  python=$(tools/find_python.sh "$which") || {
    echo "no usable Python: 3.11, 3.12 or 3.13 with its venv module is needed (Debian: apt-get install python3-venv)" >&2
    exit 1
  }
fi

key="$("$python" -V) $python $PWD $(cat requirements/test.txt pyproject.toml tools/environment.sh | cksum)"
[ "$(cat "$dir/.made" 2>/dev/null)" != "$key" ] || exit 0

echo "making $dir with $("$python" -V)"
pip=("$dir/bin/python" -m pip --disable-pip-version-check -qq install)
"$python" -m venv --clear "$dir"
echo '*' >"$dir/.gitignore"
"${pip[@]}" --require-hashes -r requirements/test.txt
"${pip[@]}" --no-deps --no-build-isolation --editable .
echo "$key" >"$dir/.made"
