#!/usr/bin/env bash
# Builds everything with a sanitizer and runs every test, as tests/run.sh does; fails if any process reported anything.
# Usage: tests/sanitize.sh address|thread [CTEST ARGUMENT...], e.g. tests/sanitize.sh thread -R probes
#   address  address, leak and undefined-behaviour sanitizers (preset asan-ubsan)
#   thread   thread sanitizer (preset tsan); CAF and libzmq are built with it too, see instrumented_libraries.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1:-}" in
  address) export TOKAMAK_PRESET=asan-ubsan ;;
  thread) export TOKAMAK_PRESET=tsan ;;
  *)
    echo "Usage: tests/sanitize.sh address|thread [CTEST ARGUMENT...]" >&2
    exit 2
    ;;
esac

# Reports go to files: those of programs that a test starts, or kills, count too. The undefined-behaviour sanitizer knows
# no files; it ends a program by SIGABRT, which no test takes for an answer.
reports="$PWD/build/$TOKAMAK_PRESET/reports"
rm -rf "$reports"
mkdir -p "$reports"
export ASAN_OPTIONS="log_path=$reports/report:detect_stack_use_after_return=1:strict_string_checks=1"
export UBSAN_OPTIONS="print_stacktrace=1:abort_on_error=1"
export TSAN_OPTIONS="log_path=$reports/report:second_deadlock_stack=1"
if [ "$1" = thread ]; then
  deploy/install_packages.sh
  libraries="$(tests/instrumented_libraries.sh build/tsan-libraries)"
  export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi

status=0
tests/run.sh "${@:2}" || status=$?
if [ -n "$(ls "$reports")" ]; then
  tail -n +1 "$reports"/*
  echo "sanitize: $(ls "$reports" | wc -l) processes reported errors, see $reports" >&2
  status=1
fi
exit "$status"
