#!/usr/bin/env bash
# sbom.sh [FILE]: write the bill of materials, CycloneDX in JSON: what requirements/runtime.txt pins, with versions and hashes.
# One commit gives the same bytes everywhere: no serial number, and no time but the commit's. FILE is below dist by default.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' exporter/__init__.py)
file=${1:-dist/screenshotmax-exporter-$version.cdx.json}

tools/fetch_supply.sh
[ -x .tools/bin/cyclonedx-py ] || { echo "sbom.sh: cyclonedx-py is not there" >&2; exit 1; }
project=$(mktemp)
trap 'rm -f "$project"' EXIT
# The build backend reads the version from the package, which the program does not know of.
sed "s/^dynamic = \[\"version\"\]$/version = \"$version\"/" pyproject.toml >"$project"
mkdir -p "$(dirname "$file")"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null) || true
export SOURCE_DATE_EPOCH
# It warns that it knows no graph: a list of pins has none.
PYTHONWARNINGS=ignore::UserWarning .tools/bin/cyclonedx-py requirements --output-reproducible --spec-version 1.6 --output-format JSON \
  --pyproject "$project" --output-file "$file" requirements/runtime.txt
echo "$file"
