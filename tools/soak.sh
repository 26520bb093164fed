#!/usr/bin/env bash
# soak.sh [MINUTES [SEED]]: simulated worlds before the exporter, one seed after the other, for so long; stops at the first that finds a fault.
# Each world is denser and larger than the one of the tests. WORLD_SEED, WORLD_FLEETS and WORLD_LOOKS play one again.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
minutes=${1:-10} seed=${2:-$(date +%s)}

while :; do
  echo "seed $seed"
  WORLD_SEED=$seed WORLD_FLEETS=${WORLD_FLEETS:-60} WORLD_LOOKS=${WORLD_LOOKS:-400} .venv/bin/python -m pytest --quiet tests/world/test_world.py \
    -k 'never_wrong or worth' || exit
  ((SECONDS < minutes * 60)) || exit 0
  seed=$((seed + 1))
done
