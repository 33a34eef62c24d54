#!/usr/bin/env bash
# tests/run.sh under the address, leak and undefined-behaviour sanitizers; arguments go to ctest.
set -euo pipefail
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"
TOKAMAK_PRESET=asan-ubsan exec "$(dirname "${BASH_SOURCE[0]}")/run.sh" "$@"
