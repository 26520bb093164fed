#!/usr/bin/env bash
# lint.sh: style, form, types and floors; silent where all is well, every complaint where it is not.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
failed=0

check() {
  local complaints
  complaints=$("$@" 2>&1) || { printf '%s\n' "$complaints"; failed=1; }
}

check .venv/bin/ruff check --quiet --output-format concise exporter helm monitoring tests bench
check .venv/bin/ruff format --quiet --check --output-format concise exporter helm monitoring tests bench
check .venv/bin/mypy
check .venv/bin/lint-imports --no-logo
exit "$failed"
