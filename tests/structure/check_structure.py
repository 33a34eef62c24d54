#!/usr/bin/env python3
"""Checks what the folder tree promises: which folder may include which, who may read a clock, where intrinsics stand.

    tests/structure/check_structure.py ROOT
"""
import pathlib
import re
import sys

LAYERS = {  # folder of framework/: folders whose headers it may include
    "base": set(),
    "message": {"base"},
    "plugin": {"base", "message"},
    "model": {"base", "message"},
    "topology": {"base", "message"},
    "operations": {"base", "message", "plugin", "model", "topology"},
    "engine": {"base", "message", "plugin", "model", "topology"},
    "network": {"base", "message", "plugin", "model", "topology"},
    "fusion": {"base", "message", "plugin", "model", "topology"},
    "frontend": {"base", "message", "plugin", "model", "topology", "operations", "engine", "network", "fusion"},
    "app": {"base", "message", "plugin", "model", "topology", "operations", "engine", "network", "fusion", "frontend"},
}
CLOCK = re.compile(r"\b(system_clock|steady_clock|high_resolution_clock)::now|\bclock_gettime\b|\bgettimeofday\b")
CLOCK_OWNERS = {"framework/message/actor_clock.hpp"}
SOURCES = {".cpp", ".hpp", ".h", ".c"}


def includes(text):
    return re.findall(r'^\s*#\s*include\s+["<]([^">]+)[">]', text, re.M)


def faults_of(path, relative, text):
    parts = relative.parts
    if parts[0] == "framework":
        for name in includes(text):
            folder = name.split("/")[0]
            if folder in LAYERS and folder != parts[1] and folder not in LAYERS[parts[1]]:
                yield f"framework/{parts[1]} must not include {name}"
            if name.startswith(("plugins/", "kernels/", "tokamak/kernels/")):
                yield f"the framework must not include {name}"
            if name.endswith("_generated.h") and parts[1] != "message":
                yield f"generated code is included only by framework/message, not {name}"
    if parts[0] in ("plugins", "kernels", "sdk"):
        for name in includes(text):
            if name.split("/")[0] in LAYERS:
                yield f"{parts[0]} must not include the framework's {name}"
    if parts[0] in ("framework", "plugins") and str(relative) not in CLOCK_OWNERS and CLOCK.search(text):
        yield "reads a clock; time comes from the actor clock or the plugin's host"
    if parts[0] != "kernels" and "immintrin.h" in text:
        yield "intrinsics stand only in kernels/"
    first = text.lstrip().split("\n", 1)[0]
    if not first.startswith(("//", "/*", "#!")):
        yield "does not say in its first lines what it is for"


def main():
    root = pathlib.Path(sys.argv[1])
    checked = 0
    found = []
    for top in ("framework", "plugins", "kernels", "sdk"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in SOURCES and path.is_file():
                checked += 1
                relative = path.relative_to(root)
                found += [f"{relative}: {fault}" for fault in faults_of(path, relative, path.read_text())]
    print("\n".join(found) if found else f"{checked} files keep the structure")
    return 1 if found or checked < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
