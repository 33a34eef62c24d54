#!/usr/bin/env bash
# From a fresh Debian 12 machine to a streamed answer: installs what is missing, builds a release, fetches a small model,
# starts deploy/topologies/quickstart.toml, asks one question and stops the service again. A second run starts in seconds.
# Usage: deploy/quickstart.sh [--two-models] ["PROMPT"]
set -euo pipefail

topology="deploy/topologies/quickstart.toml"
models=(smollm2)
endpoint="smollm2"
case "${1:-}" in
  -h | --help)
    echo "Usage: deploy/quickstart.sh [--two-models] [\"PROMPT\"]"
    echo "Installs what is missing, builds Tokamak, fetches a small model and streams its answer to PROMPT."
    echo "  --two-models  with a second model (240 MB more) and a route between them: deploy/topologies/two_models.toml"
    exit 0
    ;;
  --two-models)
    topology="deploy/topologies/two_models.toml"
    models=(smollm2 gemma3)
    endpoint="assistant"
    shift
    ;;
esac
if [ $# -gt 1 ]; then
  echo "quickstart: one prompt, in quotes: deploy/quickstart.sh \"PROMPT\"" >&2
  exit 2
fi

say() { echo "== $*" >&2; }
stop() {
  echo "quickstart: $*" >&2
  exit 1
}

[ -n "${HOME:-}" ] || stop "HOME is not set; the model and the logs go to ~/.cache/tokamak"
prompt="${1:-Why is the sky blue?}"
called_from="$PWD"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
port=7100
http_port=8080
build="build/release"
tokamak="$build/bin/tokamak"
cache="$HOME/.cache/tokamak"
log="$cache/quickstart.log"
server=""


# Runs on every way out: the service that was started here ends, after what it is answering.
stop_server() {
  [ -n "$server" ] || return 0
  kill -TERM "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=""
}
trap stop_server EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# build_stopped WHAT LOG: ends with the log's last lines and one sentence.
build_stopped() {
  tail -n 20 "$2" >&2
  ! grep -q 'No space left on device' "$2" || stop "$1: the disk of $root is full (its output is in $2)"
  ! grep -qE 'Killed signal terminated program|out of memory' "$2" ||
    stop "$1: the machine has too little memory, about 2 GiB a core are needed (its output is in $2)"
  stop "$1; its output is in $2"
}

build_release() {
  if [ ! -x "$tokamak" ]; then
    say "Building a release in $build (some minutes the first time)"
    local free_kib
    free_kib="$(df -Pk . | awk 'NR == 2 { print $4 }')"
    [ "$free_kib" -ge $((3 * 1024 * 1024)) ] ||
      stop "$((free_kib / 1024)) MiB are free on the disk of $root, 3 GiB are needed to build"
  fi
  local tool output="$cache/build.log"
  for tool in cmake ninja "${CXX:-c++}"; do
    command -v "$tool" >/dev/null || stop "there is no $tool in PATH, though its Debian package is installed; PATH is $PATH"
  done
  if [ ! -f "$build/build.ninja" ]; then
    cmake --preset release >"$output" 2>&1 || build_stopped "cmake failed" "$output"
  fi
  # On a terminal the progress is shown; elsewhere thousands of lines would hide the answer.
  if [ -t 1 ]; then
    cmake --build "$build" --target tokamak tokamak_plugins -j "$(nproc)" || stop "the build failed; the message is above"
  else
    cmake --build "$build" --target tokamak tokamak_plugins -j "$(nproc)" >"$output" 2>&1 ||
      build_stopped "the build failed" "$output"
  fi
}

# port_is_taken PORT: something listens there.
port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
ask_status() { timeout 10 "$tokamak" status --connect "tcp://127.0.0.1:$port" 2>/dev/null; }

start_server() {
  if port_is_taken "$port"; then
    local status
    status="$(ask_status)" || stop "port $port is taken by something that is not a Tokamak service; stop that first"
    grep -qx "endpoint $endpoint" <<<"$status" ||
      stop "the Tokamak service on port $port has no model '$endpoint'; stop it first"
    say "Asking the service that runs on port $port already"
    return
  fi
  ! port_is_taken "$http_port" ||
    stop "port $http_port is taken by another program; stop that, or give [frontends.http] in $topology another one: bind = \"127.0.0.1:PORT\""
  say "Starting: tokamak serve $topology (log: $log)"
  "$tokamak" serve "$topology" </dev/null >"$log" 2>&1 &
  server=$!
  local deadline=$((SECONDS + 120))
  until port_is_taken "$port" && ask_status >/dev/null; do
    kill -0 "$server" 2>/dev/null || { server=""; tail -n 10 "$log" >&2; stop "the service did not start; its log is $log"; }
    [ "$SECONDS" -lt "$deadline" ] || { tail -n 10 "$log" >&2; stop "the service did not answer within 120 s; its log is $log"; }
    sleep 0.1
  done
}

mkdir -p "$cache" 2>/dev/null || stop "the folder $cache cannot be made"
deploy/install_packages.sh
build_release
for model in "${models[@]}"; do deploy/fetch_model.sh "$model" >/dev/null; done
start_server

# ask PROMPT FLAGS...
ask() {
  say "$@"
  "$tokamak" ask "$endpoint" "$@" --connect "tcp://127.0.0.1:$port" --max-tokens 120 ||
    stop "there was no answer; the service's log is $log"
}
ask "$prompt"
if [ "$endpoint" = assistant ]; then # the other side of the route
  ask "The three laws of thermodynamics are" --raw --metadata task=continue
fi
stop_server

# The commands are shown as they can be typed where the user is.
where=""
[ "$called_from" = "$root" ] || where="$root/"
cat >&2 <<END

Ask another question:       ${where}deploy/quickstart.sh "PROMPT"
Keep a service running:     ${where}$tokamak serve ${where}$topology
and ask it:                 ${where}$tokamak ask $endpoint "PROMPT"
over HTTP:                  curl -N http://127.0.0.1:$http_port/v1/chat/completions -H "Content-Type: application/json" -d \\
                              '{"model": "$endpoint", "messages": [{"role": "user", "content": "PROMPT"}], "stream": true}'
in a browser:               http://127.0.0.1:$http_port
from Python:                from openai import OpenAI
                            client = OpenAI(base_url="http://127.0.0.1:$http_port/v1", api_key="none")
                            print(client.chat.completions.create(model="$endpoint", messages=[{"role": "user", "content": "PROMPT"}]).choices[0].message.content)
Everything it can do:       ${where}$tokamak --help
END
