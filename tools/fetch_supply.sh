#!/usr/bin/env bash
# fetch_supply.sh: what `make audit` and `make sbom` run, pip-audit and cyclonedx-py, in an environment of its own below .tools.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/component.sh
home=$PWD/.tools/supply programs=(pip-audit cyclonedx-py)

install() {
  "$1" -m venv --clear "$home" && "$home/bin/python" -m pip --disable-pip-version-check -qq install --require-hashes -r requirements/supply.txt
}

python=$(tools/find_python.sh oldest) || python=python3
key="$("$python" -V) $home $(cksum <requirements/supply.txt)"
[ "$(cat "$home/.made" 2>/dev/null)" != "$key" ] || exit 0
log=$(install "$python" 2>&1) || true
kept=0
for name in "${programs[@]}"; do
  if keep "$name" "$home/bin/$name"; then kept=$((kept + 1)); else lack "$name" "$log"; fi
done
[ "$kept" != "${#programs[@]}" ] || echo "$key" >"$home/.made"
