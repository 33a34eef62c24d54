#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each for some time; inputs that found something new are kept in
# build/fuzz/corpus. Usage: tests/fuzz/run.sh [SECONDS [NAME...]], e.g. tests/fuzz/run.sh 600 gguf frame
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds="${1:-60}"
[ $# -eq 0 ] || shift
if ! [[ "$seconds" =~ ^[1-9][0-9]*$ ]]; then
  echo "Usage: tests/fuzz/run.sh [SECONDS [NAME...]]" >&2
  exit 2
fi

deploy/install_packages.sh --fuzz
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target fuzzers -j "$(nproc)"

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for file in tests/fuzz/*_fuzz.cpp; do
    names+=("$(basename "$file" _fuzz.cpp)")
  done
fi

failed=()
for name in "${names[@]}"; do
  mkdir -p "build/fuzz/corpus/$name"
  log="build/fuzz/$name.log"
  if "build/fuzz/fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -verbosity=0 -print_funcs=0 -artifact_prefix="build/fuzz/${name}-" "build/fuzz/corpus/$name" >"$log" 2>&1; then
    echo "$name: $(awk '/number_of_executed_units/ { print $2 }' "$log") inputs in $seconds s"
  else
    grep -v '# Uses:' "$log" | tail -n 60 # what failed, and the input in Base64 unless it is large
    failed+=("$name")
  fi
done

if [ ${#failed[@]} -gt 0 ]; then
  echo "Failed: ${failed[*]}; the inputs are build/fuzz/NAME-*, the reports build/fuzz/NAME.log" >&2
  exit 1
fi
echo "No failure in ${#names[@]} targets."
