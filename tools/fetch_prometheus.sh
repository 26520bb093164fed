#!/usr/bin/env bash
# fetch_prometheus.sh [SUITE]: Prometheus and promtool of a Debian suite, unpacked under .tools; nothing is installed, no service started.
# Ordinary apt with its own state, so the system's apt is untouched. Elsewhere than on Debian the programs on PATH are taken.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/component.sh
suite=${1:-trixie}
home=$PWD/.tools/prometheus-$suite
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The archives that this machine's own apt is set up with, in either form of sources file.
archives() {
  apt-get --print-uris update | sed -n "s|^'\(.*\)/dists/.*/InRelease' .*|\1|p" | sort -u
}

own_apt() {
  apt-get -qq -o APT::Sandbox::User=root -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status" -o Dir::Cache::archives="$state/archives" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Acquire::Languages=none -o Acquire::Retries=2 "$@"
}

# fetch ARCHIVE: its two programs into $home.
fetch() {
  state=$(mktemp -d)
  mkdir -p "$state/lists/partial" "$state/archives/partial" "$home"
  : >"$state/status"
  echo "deb [signed-by=$keyring] $1 $suite main" >"$state/sources.list"
  local deb done=0
  own_apt --error-on=any update && (cd "$state" && own_apt download prometheus promtool) || done=1
  for deb in "$state"/*.deb; do [ ! -e "$deb" ] || dpkg -x "$deb" "$home" || done=1; done
  rm -rf "$state"
  return "$done"
}

# Of all archives the first that has the suite.
fetch_any() {
  [ -e "$keyring" ] || { echo "this is no Debian: $keyring is not there"; return 1; }
  local archive
  for archive in $(archives); do
    if fetch "$archive"; then return; fi
  done
  echo "no archive of this machine's apt has Prometheus for $suite"
  return 1
}

if have prometheus && have promtool; then exit 0; fi
log=$(fetch_any 2>&1) || true
for name in prometheus promtool; do
  keep "$name" "$home/usr/bin/$name" || keep_from_path "$name" "$name" || lack "$name" "$log"
done
