#!/usr/bin/env bash
# Builds everything and runs every test; works from a clean clone. Arguments go to ctest: tests/run.sh -R topology
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

deploy/install_packages.sh
TOKAMAK_PYTHON="$(deploy/python_venv.sh --tests)"
export TOKAMAK_PYTHON
deploy/fetch_model.sh >/dev/null

cmake --preset release
cmake --build --preset release -j "$(nproc)"
ctest --preset release --output-on-failure "$@"
