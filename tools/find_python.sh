#!/usr/bin/env bash
# find_python.sh oldest|newest: print the path of the oldest or newest usable Python from 3.11 to 3.13, or of a later one
# where there is nothing else; status 1 where there is none.
# Usable means that it runs (a version manager's shim may not) and can make a virtual environment.
set -euo pipefail

candidates() {
  local name
  for name in python3.11 python3.12 python3.13 python3; do type -aP "$name" || true; done
  if command -v pyenv >/dev/null; then compgen -G "$(pyenv root)/versions/*/bin/python3.1[123]" || true; fi
}

usable() {
  "$1" -c 'import ensurepip, sys, venv
if sys.version_info >= (3, 11): print(sys.version_info[1], sys.executable)' 2>/dev/null || true
}

# Stable, so that of several with one version the first on PATH is taken.
found=$(candidates | while read -r python; do usable "$python"; done | sort -s -n -k 1,1 -u)
[ -n "$found" ] || exit 1
found=$(grep -E '^1[123] ' <<<"$found" || echo "$found")
case "$1" in
  oldest) head -n 1 <<<"$found" ;;
  newest) tail -n 1 <<<"$found" ;;
esac | cut -d ' ' -f 2-
