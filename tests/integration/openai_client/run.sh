#!/bin/sh
# run.sh TOKAMAK [PYTHON]: tests the running program with the `openai` package, with curl and with the parser of Prometheus' client.
here=$(dirname "$0")
python=${2:-${TOKAMAK_PYTHON:-python3}}
if ! "$python" -W ignore -c 'import pytest, openai, prometheus_client' 2>/dev/null; then
  echo "$python has no pytest, openai and prometheus-client: run deploy/python_venv.sh --tests and set TOKAMAK_PYTHON to what it prints" >&2
  exit 1
fi
TOKAMAK="$1" exec "$python" -m pytest -q -p no:cacheprovider "$here"
