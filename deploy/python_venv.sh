#!/usr/bin/env bash
# Makes the virtual environment ~/.cache/tokamak/venv and prints the path of its Python: pip works there whether or not the
# system's own is externally managed (PEP 668). With --tests it also holds what tests in Python import.
set -euo pipefail

stop() {
  echo "python_venv: $*" >&2
  exit 1
}

[ -n "${HOME:-}" ] || stop "HOME is not set; the virtual environment goes to ~/.cache/tokamak/venv"
venv="$HOME/.cache/tokamak/venv"
# Debian's own Python is the one that python3-venv belongs to; another may come first in PATH.
python=/usr/bin/python3
[ -x "$python" ] || python="$(command -v python3)" || stop "there is no python3"

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  mkdir -p "${venv%/*}" 2>/dev/null || stop "the folder ${venv%/*} cannot be made"
  "$python" -m venv --clear "$venv" >&2 ||
    stop "$python cannot make a virtual environment in $venv (is python3-venv installed, is the disk full?)"
fi

if [ "${1:-}" = --tests ] && ! "$venv/bin/python" -W ignore -c 'import pytest, zmq, flatbuffers, openai, langchain_openai, playwright, prometheus_client' 2>/dev/null; then
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check pytest pyzmq flatbuffers openai langchain-openai playwright prometheus-client >&2 ||
    stop "pip could not install pytest, pyzmq, flatbuffers, openai, langchain-openai, playwright and prometheus-client; check the network and the disk"
fi
echo "$venv/bin/python"
