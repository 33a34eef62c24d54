#!/bin/sh
# run.sh TOKAMAK NULL_BACKEND [PYTHON]: tests the web page of the running program in Chromium. NULL_BACKEND: the plugin null.so of the tests.
here=$(dirname "$0")
python=${3:-${TOKAMAK_PYTHON:-python3}}
if ! "$python" -W ignore -c 'import pytest, playwright' 2>/dev/null; then
  echo "$python has no pytest and playwright: run deploy/python_venv.sh --tests and set TOKAMAK_PYTHON to what it prints" >&2
  exit 1
fi
if ! command -v chromium >/dev/null; then
  echo "there is no chromium in PATH: run deploy/install_packages.sh --tests" >&2
  exit 1
fi
TOKAMAK="$1" TOKAMAK_NULL_BACKEND="$2" PYTHONPATH="$here/.." exec "$python" -m pytest -q -p no:cacheprovider "$here"
