#!/usr/bin/env bash
# test.sh [PYTEST OPTIONS]: components, lint, every test on the oldest Python found, and meanwhile the core tests on the newest.
# The closing line of the full run is the last line; what failed beside it stands before.
set -uo pipefail
shopt -s lastpipe # or the newest Python's run could not be waited for where the last line is held back
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

finish_newest() {
  wait "$newest" || failed+=("core tests on the newest Python")
  cat "$report"
  [ ${#failed[@]} = 0 ] || echo "failed beside the full run, see above: $(IFS=,; echo "${failed[*]}")"
}

pass_on_but_hold_the_last() {
  local line last
  IFS= read -r last || true
  while IFS= read -r line; do
    printf '%s\n' "$last"
    last=$line
  done
  finish_newest
  printf '%s\n' "$last"
}

report=$(mktemp)
trap 'rm -f "$report"' EXIT
on_newest >"$report" 2>&1 &
newest=$!
make components || failed+=("components")
tools/lint.sh || failed+=("lint")

color=$([ -t 1 ] && echo yes || echo auto)
.venv/bin/python -u -m pytest --color="$color" "$@" 2>&1 | pass_on_but_hold_the_last
[ "${PIPESTATUS[0]}" = 0 ] && [ ${#failed[@]} = 0 ]
