#!/usr/bin/env bash
# A user's way: install Tokamak, build examples/clients/cpp against nothing but the prefix, ask a service of that prefix.
# client_example.sh SOURCE_TREE BUILD_TREE CMAKE CXX_COMPILER; ends with 77 (skipped) where there is no model.
set -euo pipefail
source_tree=$1 build_tree=$2 cmake=$3 compiler=$4
model="$HOME/.cache/tokamak/models/SmolLM2-135M-Instruct.Q4_1.gguf"
[ -f "$model" ] || { echo "SmolLM2 is not in ~/.cache/tokamak/models: skipped"; exit 77; }
work=$(mktemp -d)
server=""
trap '[ -z "$server" ] || kill -KILL "$server" 2>/dev/null; rm -rf "$work"' EXIT

"$cmake" --install "$build_tree" --prefix "$work/prefix" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
# A copy, so that a path into the tree that crept in would not be found.
cp -r "$source_tree/examples/clients/cpp" "$work/example"
"$cmake" -S "$work/example" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_BUILD_TYPE=Release >"$work/build.log" 2>&1 && "$cmake" --build "$work/build" >>"$work/build.log" 2>&1 ||
  { cat "$work/build.log"; exit 1; }

unset TOKAMAK_PLUGIN_PATH # the prefix finds its own plugins
cat >"$work/service.toml" <<END
[models.smollm2]
path = "$model"
[frontends.zmq]
bind = "ipc://$work/socket"
END
"$work/prefix/bin/tokamak" serve "$work/service.toml" 2>"$work/serve.log" &
server=$!
for _ in $(seq 600); do
  grep -q "serve ready" "$work/serve.log" && break
  kill -0 "$server" || { cat "$work/serve.log"; exit 1; }
  sleep 0.1
done

"$work/build/ask" "ipc://$work/socket" smollm2 "Why is the sky blue?" >"$work/out" 2>"$work/err" ||
  { cat "$work/out" "$work/err" "$work/serve.log"; exit 1; }
cat "$work/out" "$work/err"
grep -qx "models: smollm2" "$work/out"
grep -q "Rayleigh scattering" "$work/out"
grep -Eq "^\[[0-9]+ prompt tokens, 0 cached; [0-9]+ tokens, the first after " "$work/err"

# What the service refuses is the example's error, with a status that a script can see.
if "$work/build/ask" "ipc://$work/socket" gpt-5 "Hello" >"$work/out" 2>"$work/err"; then
  echo "an unknown model went unnoticed"
  exit 1
fi
grep -qx "no model 'gpt-5'; known: smollm2 (not_found)" "$work/err" || { cat "$work/err"; exit 1; }

kill -TERM "$server"
wait "$server"
server=""
