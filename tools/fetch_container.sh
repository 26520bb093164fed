#!/usr/bin/env bash
# fetch_container.sh: what the image and the examples are tried with, from PATH or else from Debian: podman, runc and systemd-analyze, which are
# installed, and docker-compose, which is unpacked under .tools, since bookworm has it only in an old version.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/component.sh
. tools/as_root.sh
. tools/debian_archive.sh

# Programs alone are not enough: a container's own root needs mounts, which an unprivileged container does not allow.
may_mount() {
  [ "$(id -u)" = 0 ] || { echo "images are built and run as root only, this is $(id -un)"; return 1; }
  unshare --mount --pid --fork true 2>/dev/null || { echo "this machine allows no mounts, as in an unprivileged container"; return 1; }
}

# supply PACKAGES NAME...: those of the components that are neither here nor on PATH, by installing the packages.
supply() {
  local packages name log=
  read -ra packages <<<"$1"
  shift
  for name in "$@"; do
    if have "$name" || keep_from_path "$name" "$name"; then continue; fi
    log=${log:-$(apt_install "${packages[@]}")} || true
    keep_from_path "$name" "$name" || lack "$name" "$log"
  done
}

supply_engine() {
  local reason name
  if reason=$(may_mount); then
    supply "podman runc" podman runc
  else
    for name in podman runc; do rm -f ".tools/bin/$name" && lack "$name" "$reason"; done
  fi
}

# Older than 2 it is another program.
keep_compose() {
  [[ $("$1" version --short 2>/dev/null) =~ ^v?([2-9]|[1-9][0-9])\. ]] && keep docker-compose "$1"
}

supply_compose() {
  local home=$PWD/.tools/compose-trixie log
  if have docker-compose || keep_compose "$(type -P docker-compose)"; then return; fi
  log=$(fetch_debs trixie "$home" docker-compose 2>&1) || true
  keep_compose "$home/usr/libexec/docker/cli-plugins/docker-compose" || lack docker-compose "$log"
}

supply_engine
supply systemd systemd-analyze
supply_compose
