#!/bin/sh
# Runs the Python client's tests. Usage: run.sh [PYTHON]; else $TOKAMAK_PYTHON, else python3.
set -eu
python="${1:-}"
[ -n "$python" ] || python="${TOKAMAK_PYTHON:-python3}"
here="$(cd "$(dirname "$0")" && pwd)"
export PYTHONPATH="${PYTHONPATH:-$here/../../../sdk/client/python}"
if ! command -v "$python" >/dev/null; then
  echo "The Python client's tests need Python 3.9 or newer; '$python' is not there. Set TOKAMAK_PYTHON to one." >&2
  exit 1
fi
for module in pytest zmq flatbuffers; do
  if ! "$python" -c "import $module" 2>/dev/null; then
    echo "The Python client's tests need the module '$module', which '$python' lacks: install pytest, pyzmq and" \
      "flatbuffers (tests/run.sh does), or set TOKAMAK_PYTHON to an interpreter that has them." >&2
    exit 1
  fi
done
# flatbuffers 2.0 imports a module that Python 3.11 calls deprecated.
exec "$python" -m pytest -q -p no:cacheprovider -W error -W "ignore:the imp module:DeprecationWarning" "$here"
