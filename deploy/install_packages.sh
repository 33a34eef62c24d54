#!/usr/bin/env bash
# Installs the Debian 12 packages that Tokamak needs and this machine lacks; when nothing is missing it takes no time.
# Usage: deploy/install_packages.sh [--tests] [--fuzz]. With --tests also what tests run (a browser, openssl), with --fuzz
# what the fuzz targets need. To be run as root, or by a user who has sudo.
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config
  libcaf-dev libzmq3-dev cppzmq-dev libflatbuffers-dev flatbuffers-compiler libtomlplusplus-dev libpcre2-dev
  nlohmann-json3-dev libcli11-dev libspdlog-dev libfmt-dev libsodium-dev libssl-dev libexpected-dev libjemalloc-dev
  doctest-dev python3 python3-venv ca-certificates curl iproute2
)
# Any Boost from 1.74 on will do; Debian's others give way to each other, so one that is there stays.
[ -e /usr/include/boost/beast.hpp ] || packages+=(libboost-dev)
for flag in "$@"; do
  case "$flag" in
    --tests) packages+=(chromium openssl) ;;
    --fuzz) packages+=(clang libclang-rt-14-dev) ;;
    *)
      echo "Usage: deploy/install_packages.sh [--tests] [--fuzz]" >&2
      exit 2
      ;;
  esac
done

stop() {
  echo "install_packages: $*" >&2
  exit 1
}

# is_installed NAME: true if dpkg has the package, configured.
is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  stop "this system has no apt-get (Debian 12 is what is supported); install what corresponds to: ${packages[*]}"
fi

missing=()
for name in "${packages[@]}"; do
  is_installed "$name" || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null ||
    stop "packages are missing and this user is not root and has no sudo; as root run: apt-get install ${missing[*]}"
  # Without a terminal sudo could only wait for a password that nobody types.
  [ -t 0 ] || sudo -n true 2>/dev/null ||
    stop "packages are missing and sudo asks for a password; as root run: apt-get install ${missing[*]}"
  as_root=(sudo)
fi

free_kib="$(df -Pk /usr | awk 'NR == 2 { print $4 }')"
[ "$free_kib" -ge $((3 * 1024 * 1024)) ] ||
  stop "$((free_kib / 1024)) MiB are free on the disk of /usr, 3 GiB are needed to install and build"

log="$(mktemp)"
trap 'rm -f "$log"' EXIT

# apt ARGUMENTS...: apt-get without questions; its output goes to the log.
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1
}

echo "Installing ${#missing[@]} Debian packages: ${missing[*]}" >&2
# A list of packages may be stale or partly unreachable and still do; the installation is what counts.
apt update || true
if ! apt install --no-install-recommends "${missing[@]}"; then
  tail -n 15 "$log" >&2
  if grep -qE 'Unable to locate package|has no installation candidate' "$log"; then
    stop "apt-get does not find all of: ${missing[*]} (no network, or not Debian 12; its output is above)"
  elif grep -qE 'Could not resolve|Temporary failure|Failed to fetch|Could not connect|Cannot initiate' "$log"; then
    stop "the Debian package server cannot be reached; check the network (apt-get's output is above)"
  elif grep -qE 'No space left|enough free space' "$log"; then
    stop "the disk is full (apt-get's output is above)"
  fi
  stop "apt-get could not install: ${missing[*]} (its output is above)"
fi
