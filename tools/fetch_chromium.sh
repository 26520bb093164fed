#!/usr/bin/env bash
# fetch_chromium.sh: a browser for the tests of the pages: the one on PATH, else Debian's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/component.sh
. tools/as_root.sh
names=(chromium chromium-browser google-chrome)

if have chromium || keep_from_path chromium "${names[@]}"; then exit 0; fi
log=$(apt_install chromium) || true
keep_from_path chromium "${names[@]}" || lack chromium "$log"
