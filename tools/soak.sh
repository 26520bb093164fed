#!/usr/bin/env bash
# soak.sh [chaos|worlds] [MINUTES [SEED]]: first chaos, then worlds, or only the one, each for so long (10); exits 1 when one finds a fault.
# chaos: a real exporter among an upstream, clients and an operator that mean no good, held to its promises by bench/soak.
# worlds: simulated ones, one seed after the other until one finds a fault. Each is denser and larger than that of the tests;
# WORLD_SEED, WORLD_FLEETS and WORLD_LOOKS play one again.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

chaos() {
  PYTHONPATH=bench:tests .venv/bin/python -m soak "$minutes" "$seed"
}

worlds() {
  local until=$((SECONDS + minutes * 60))
  while :; do
    echo "seed $seed"
    WORLD_SEED=$seed WORLD_FLEETS=${WORLD_FLEETS:-60} WORLD_LOOKS=${WORLD_LOOKS:-400} .venv/bin/python -m pytest --quiet tests/world/test_world.py \
      -k 'never_wrong or worth' || return
    ((SECONDS < until)) || return 0
    seed=$((seed + 1))
  done
}

kinds=(chaos worlds)
case ${1-} in
  chaos | worlds) kinds=("$1"); shift ;;
esac
minutes=${1:-10} seed=${2:-$(date +%s)}
for kind in "${kinds[@]}"; do "$kind" || exit; done
