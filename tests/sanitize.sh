#!/usr/bin/env bash
# Builds everything with the address, leak and undefined-behaviour sanitizers and runs every test; works from a clean
# clone. Arguments go to ctest: tests/sanitize.sh -R topology
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

deploy/install_packages.sh
TOKAMAK_PYTHON="$(deploy/python_venv.sh --tests)"
export TOKAMAK_PYTHON
deploy/fetch_model.sh >/dev/null

cmake --preset asan-ubsan
cmake --build --preset asan-ubsan -j "$(nproc)"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"
ctest --preset asan-ubsan --output-on-failure "$@"
