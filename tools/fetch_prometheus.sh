#!/usr/bin/env bash
# fetch_prometheus.sh: the real programs that our metrics and alerts are tried on, of two Debian suites: Prometheus and promtool in an older
# and a newer version, Alertmanager and amtool. Unpacked under .tools; nothing is installed, no service started.
# Elsewhere than on Debian the programs on PATH are taken.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/component.sh
. tools/as_root.sh
. tools/debian_archive.sh

package_of() {
  case "$1" in
    alertmanager | amtool) echo prometheus-alertmanager ;;
    *) echo "${1%3}" ;;
  esac
}

# Where no private mount is allowed, in most containers, Alertmanager's templates are linked to where it looks for them, if we are root.
keep_alertmanager() {
  [ -x "$home/usr/bin/prometheus-alertmanager" ] || return
  keep alertmanager "$PWD/tools/alertmanager.sh" && return
  as_root mkdir -p /usr/share/prometheus && as_root ln -sfn "$home/usr/share/prometheus/alertmanager" /usr/share/prometheus/alertmanager
  keep alertmanager "$PWD/tools/alertmanager.sh"
}

# Whatever bears a 3 in its name must be of that version, or two names would be one program.
keep_newer() {
  keep_from_path "$1" "${1%3}" || return
  [[ $(".tools/bin/$1" --version) == *version\ 3.* ]] || { rm -f ".tools/bin/$1"; return 1; }
}

keep_any() {
  case "$1" in
    alertmanager) keep_alertmanager || keep_from_path "$1" alertmanager prometheus-alertmanager ;;
    *3) keep "$1" "$home/usr/bin/${1%3}" || keep_newer "$1" ;;
    *) keep "$1" "$home/usr/bin/$1" || keep_from_path "$1" "$1" ;;
  esac
}

# supply SUITE NAME...: fetch those of the components that are not there.
supply() {
  local suite=$1 home=$PWD/.tools/prometheus-$1 name log complaint missing=() packages=()
  shift
  for name in "$@"; do have "$name" || missing+=("$name"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  mapfile -t packages < <(for name in "${missing[@]}"; do package_of "$name"; done | sort -u)
  log=$(fetch_debs "$suite" "$home" "${packages[@]}" 2>&1) || true
  for name in "${missing[@]}"; do complaint=$(keep_any "$name" 2>&1) || lack "$name" "$log"$'\n'"$complaint"; done
}

supply trixie prometheus promtool alertmanager amtool &
supply sid prometheus3 promtool3 &
wait
