#!/usr/bin/env bash
# audit.sh [OPTIONS OF PIP-AUDIT]: whether a vulnerability is known of what the exporter runs with, as requirements/runtime.txt pins it.
# Exit code 0: of none. 1: of some, which are listed. 3: the service could not be asked about all of them, so nothing is known.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 3

could_not() {
  echo "audit.sh: the audit could not be made, so nothing is known: $1" >&2
  exit 3
}

tools/fetch_supply.sh
[ -x .tools/bin/pip-audit ] || could_not "pip-audit is not there"
# Strict, or what the service has never heard of would pass for harmless, as everything does behind an incomplete mirror.
if log=$(.tools/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r requirements/runtime.txt "$@" 2>&1); then
  printf '%s\n' "$log"
elif grep -q '^Found [0-9]* known vulnerabilit' <<<"$log"; then
  printf '%s\n' "$log"
  exit 1
else
  could_not "$(tail -n 1 <<<"$log")"
fi
