#!/usr/bin/env bash
# image.sh [OPTIONS]: build the container image screenshotmax-exporter:VERSION with docker or podman (ENGINE says which), told from which commit.
# OPTIONS go to the engine's build. BASE replaces the base, best by one with a digest; PIP_CONF is a file with a mirror's settings for pip.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
engine=${ENGINE:-$(type -P docker || type -P podman)} || { echo "neither docker nor podman is there to build the image with" >&2; exit 1; }
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' exporter/__init__.py)

# What the commit says, or nothing where this is no clone: the Dockerfile then has its own word for it.
of_commit() {
  local value
  value=$(git "${@:2}" 2>/dev/null) || return 0
  options+=(--build-arg "$1=$value")
}

# A base that is fetched by its tag only is another one next week: a warning while developing, and no way to build a release.
base=${BASE:-$(sed -n 's/^ARG BASE=//p' Dockerfile)}
if [[ $base != *@sha256:* && " $* " != *" --pull=never "* ]]; then
  told="the base $base has no digest, so this build cannot be repeated: give it in BASE, as docs/deployment.md says"
  release=$(git tag --points-at HEAD 2>/dev/null | grep -Ex "v?${version//./\\.}") || release=
  [ -z "$release" ] || { echo "image.sh: this is the release $release, and $told" >&2; exit 1; }
  echo "image.sh: $told" >&2
fi

options=(--tag "screenshotmax-exporter:$version" --build-arg "VERSION=$version")
of_commit REVISION describe --always --dirty --abbrev=40 --exclude '*'
of_commit BRANCH rev-parse --abbrev-ref HEAD
TZ=UTC of_commit CREATED log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ
[ -z "${BASE:-}" ] || options+=(--build-arg "BASE=$BASE")
[ -z "${PIP_CONF:-}" ] || options+=(--secret "id=pip.conf,src=$PIP_CONF")
# Podman's own format has no HEALTHCHECK.
[[ $("$engine" --version) != podman* ]] || options+=(--format docker)
exec "$engine" build "${options[@]}" "$@" .
