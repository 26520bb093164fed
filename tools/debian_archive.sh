# Sourced: fetch_debs SUITE HOME PACKAGE... unpacks Debian packages of a suite into HOME; nothing is installed.
# Ordinary apt with its own state, so the system's apt is untouched.
# shellcheck shell=bash

# The archives that this machine's own apt is set up with, in either form of sources file.
archives() {
  apt-get --print-uris update | sed -n "s|^'\(.*\)/dists/.*/InRelease' .*|\1|p" | sort -u
}

own_apt() {
  apt-get -qq -o APT::Sandbox::User=root -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status" -o Dir::Cache::archives="$state/archives" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Acquire::Languages=none -o Acquire::Retries=2 "$@"
}

fetch_debs_from() {
  local archive=$1 suite=$2 home=$3 state deb done=0
  shift 3
  state=$(mktemp -d)
  mkdir -p "$state/lists/partial" "$state/archives/partial" "$home"
  : >"$state/status"
  echo "deb [signed-by=$keyring] $archive $suite main" >"$state/sources.list"
  own_apt --error-on=any update && (cd "$state" && own_apt download "$@") || done=1
  for deb in "$state"/*.deb; do [ ! -e "$deb" ] || dpkg -x "$deb" "$home" || done=1; done
  rm -rf "$state"
  return "$done"
}

# From the first of all archives that has the suite.
fetch_debs() {
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg archive
  [ -e "$keyring" ] || { echo "this is no Debian: $keyring is not there"; return 1; }
  for archive in $(archives); do
    if fetch_debs_from "$archive" "$@"; then return; fi
  done
  echo "no archive of this machine's apt has ${*:3} for $1"
  return 1
}
