#!/usr/bin/env bash
# A third party's way: install Tokamak, build the example plugin against nothing but the prefix, check it, use it.
# third_party.sh SOURCE_TREE BUILD_TREE CMAKE CXX_COMPILER
set -euo pipefail
source_tree=$1 build_tree=$2 cmake=$3 compiler=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$cmake" --install "$build_tree" --prefix "$work/prefix" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
# A copy, so that a path into the tree that crept in would not be found.
cp -r "$source_tree/examples/minimal_plugin" "$work/minimal_plugin"
"$cmake" -S "$work/minimal_plugin" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_BUILD_TYPE=Release
"$cmake" --build "$work/build"

unset TOKAMAK_PLUGIN_PATH
tokamak=$work/prefix/bin/tokamak
"$tokamak" plugins check "$work/build/minimal.so"
# The prefix finds its own plugins, and the new one where it is told to look.
"$tokamak" plugins --path "$work/build" >"$work/list"
for expected in 'placement +first_available' 'placement +round_robin' 'backend +cpu'; do
  grep -Eq "^$expected" "$work/list" || { echo "no line '$expected' in:"; cat "$work/list"; exit 1; }
done
# A broken file is reported, and the exit code says so.
echo "not a plugin" >"$work/build/broken.so"
if "$tokamak" plugins --path "$work/build" 2>"$work/problems" >/dev/null; then
  echo "a broken plugin went unnoticed"
  exit 1
fi
grep -q "broken.so: not a shared object" "$work/problems" || { cat "$work/problems"; exit 1; }
