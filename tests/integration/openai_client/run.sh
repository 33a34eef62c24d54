#!/bin/sh
# run.sh TOKAMAK [PYTHON]: tests the running program with the packages `openai` and `langchain-openai`, with curl, with the parser of Prometheus' client, and with recorded requests of other clients.
here=$(dirname "$0")
python=${2:-${TOKAMAK_PYTHON:-python3}}
if ! "$python" -W ignore -c 'import pytest, openai, langchain_openai, prometheus_client' 2>/dev/null; then
  echo "$python has no pytest, openai, langchain-openai and prometheus-client: run deploy/python_venv.sh --tests and set TOKAMAK_PYTHON to what it prints" >&2
  exit 1
fi
TOKAMAK="$1" PYTHONPATH="$here/.." exec "$python" -m pytest -q -p no:cacheprovider "$here"
