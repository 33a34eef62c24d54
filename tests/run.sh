#!/usr/bin/env bash
# Builds everything and runs every test; works from a clean clone. Arguments go to ctest: tests/run.sh -R topology
# TOKAMAK_PRESET: another configure preset than release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset="${TOKAMAK_PRESET:-release}"

deploy/install_packages.sh --tests
TOKAMAK_PYTHON="$(deploy/python_venv.sh --tests)"
export TOKAMAK_PYTHON
for model in smollm2 gemma3; do deploy/fetch_model.sh "$model" >/dev/null; done

cmake --preset "$preset"
cmake --build --preset "$preset" -j "$(nproc)"
ctest --preset "$preset" --output-on-failure "$@"
