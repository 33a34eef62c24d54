#!/usr/bin/env bash
# Makes the virtual environment ~/.cache/tokamak/venv and prints the path of its Python: pip works there whether or not the
# system's own is externally managed (PEP 668). With --tests it also holds what the Python client's tests import.
set -euo pipefail

venv="$HOME/.cache/tokamak/venv"
# Debian's own Python is the one that python3-venv belongs to; another may come first in PATH.
python=/usr/bin/python3
[ -x "$python" ] || python="$(command -v python3)" || {
  echo "python_venv: there is no python3" >&2
  exit 1
}

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  mkdir -p "${venv%/*}"
  "$python" -m venv --clear "$venv" >&2 || {
    echo "python_venv: $python cannot make a virtual environment in $venv (is python3-venv installed, is the disk full?)" >&2
    exit 1
  }
fi

if [ "${1:-}" = --tests ] && ! "$venv/bin/python" -W ignore -c 'import pytest, zmq, flatbuffers' 2>/dev/null; then
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check pytest pyzmq flatbuffers >&2 || {
    echo "python_venv: pip could not install pytest, pyzmq and flatbuffers; check the network and the disk" >&2
    exit 1
  }
fi
echo "$venv/bin/python"
