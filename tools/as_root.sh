# Sourced: as_root COMMAND... runs it as root without ever asking for a password; apt_install PACKAGE... likewise, its log on stdout.
# shellcheck shell=bash

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -n "$@"
  else
    echo "neither root nor sudo to run: $*"
    return 1
  fi
}

apt_install() {
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@")
  # A slim image has no package lists, an old one has lists of packages that are gone.
  as_root "${install[@]}" 2>&1 || { as_root apt-get -qq update && as_root "${install[@]}"; } 2>&1
}
