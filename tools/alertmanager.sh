#!/bin/sh
# alertmanager.sh OPTIONS: Debian's Alertmanager from .tools. It reads its templates from a fixed path below /usr/share and exits without them;
# where they are not, it alone sees the package's /usr/share in place of the machine's.
home=$(dirname "$(readlink -f "$0")")/../.tools/prometheus-trixie
program=$home/usr/bin/prometheus-alertmanager

[ ! -e /usr/share/prometheus/alertmanager/default.tmpl ] || exec "$program" "$@"
# shellcheck disable=SC2016  # the inner shell expands them
exec unshare --map-root-user --mount sh -c 'mount --bind "$0/usr/share" /usr/share && exec "$@"' "$home" "$program" "$@"
