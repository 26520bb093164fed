#!/usr/bin/env bash
# test.sh [PYTEST OPTIONS]: lint, the core tests on the newest Python, then every test on the oldest.
# The full run comes last, so that its closing line is the last line; it repeats which earlier step failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
failed=()

on_newest() {
  [ "$(tools/find_python.sh newest)" != "$(tools/find_python.sh oldest)" ] || return 0
  tools/environment.sh newest .venv-newest || return
  local version log status=0
  version=$(.venv-newest/bin/python -V)
  log=$(.venv-newest/bin/python -m pytest --quiet -m 'not real' 2>&1) || status=$?
  if [ "$status" = 0 ]; then echo "$version: $(tail -n 1 <<<"$log")"; else printf '%s\n' "$version:" "$log"; fi
  return "$status"
}

tools/lint.sh || failed+=("lint")
on_newest || failed+=("core tests on the newest Python")

FAILED_BEFORE=$(IFS=,; echo "${failed[*]}") .venv/bin/python -m pytest "$@" || exit
[ ${#failed[@]} = 0 ]
