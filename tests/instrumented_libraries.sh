#!/usr/bin/env bash
# Builds CAF and libzmq with the thread sanitizer, from the source packages of the versions that are installed, and
# prints the folder of the libraries. They take the place of Debian's at run time (LD_LIBRARY_PATH), whose
# synchronisation the sanitizer does not see: it would report races where there are none.
# Usage: tests/instrumented_libraries.sh BUILD_FOLDER. What is there already is not built again.
set -euo pipefail
mkdir -p "$1"
cd "$1"
build="$PWD"

stop() {
  echo "instrumented_libraries: $*" >&2
  exit 1
}

# fetch PACKAGE SOURCE_PACKAGE: unpacks the original sources of the installed version into ./SOURCE_PACKAGE; apt checks
# their signature. The package lists are kept here, so that the system's own stay as they are.
fetch() {
  local package="$1" source="$2" version origin apt
  version="$(dpkg-query -W -f='${source:Version}' "$package")" || stop "$package is not installed"
  origin="$(apt-cache policy "$package" |
    awk '$2 ~ /^(https?|file|copy|mirror)/ { split($3, part, "/"); print $2, part[1], part[2]; exit }')"
  [ -n "$origin" ] || stop "apt-cache names no origin of $package; run apt-get update"
  mkdir -p apt/lists/partial apt/cache/archives/partial
  echo "deb-src $origin" >apt/sources.list
  apt=(apt-get -q -o Dir::Etc::sourcelist="$build/apt/sources.list" -o Dir::Etc::sourceparts=-
    -o Dir::State::lists="$build/apt/lists" -o Dir::Cache="$build/apt/cache" -o APT::Sandbox::User=root)
  "${apt[@]}" update >apt/log 2>&1 || { cat apt/log >&2; stop "the list of source packages cannot be had"; }
  "${apt[@]}" source --download-only --tar-only "$source=$version" >>apt/log 2>&1 ||
    { cat apt/log >&2; stop "the sources of $source $version cannot be had"; }
  rm -rf "$source"
  mkdir "$source"
  tar -xf "${source}_${version%-*}.orig.tar.gz" -C "$source" --strip-components=1
}

# build SOURCE_PACKAGE TARGET CMAKE_OPTION...: few large files (unity) compile in a fraction of the time.
build() {
  local source="$1" target="$2" flags="-O1 -g1 -fno-omit-frame-pointer -fsanitize=thread -w"
  shift 2
  cmake -S "$source" -B "$source/build" -G Ninja -DCMAKE_BUILD_TYPE=None \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" "$@" >"$source.log" 2>&1 &&
    cmake --build "$source/build" --target "$target" -j "$(nproc)" >>"$source.log" 2>&1 ||
    { tail -n 30 "$source.log" >&2; stop "$source does not build"; }
  mkdir -p lib
  cp -P "$source"/build/lib/*.so* lib/
}

if [ ! -e lib/libcaf_core.so ]; then
  fetch libcaf-core0.17 actor-framework
  build actor-framework libcaf_core_shared -DCAF_NO_COMPILER_CHECK=ON -DCAF_NO_IO=ON -DCAF_NO_OPENSSL=ON \
    -DCAF_NO_OPENCL=ON -DCAF_NO_PYTHON=ON -DCAF_NO_TOOLS=ON -DCAF_NO_EXAMPLES=ON -DCAF_NO_UNIT_TESTS=ON \
    -DCMAKE_UNITY_BUILD=ON
fi
if [ ! -e lib/libzmq.so ]; then
  fetch libzmq5 zeromq3
  build zeromq3 libzmq -DBUILD_STATIC=OFF -DBUILD_TESTS=OFF -DWITH_PERF_TOOL=OFF -DWITH_DOC=OFF \
    -DENABLE_PRECOMPILED=OFF -DENABLE_CURVE=ON -DWITH_LIBSODIUM=ON -DCMAKE_UNITY_BUILD=ON
fi
echo "$build/lib"
