"""Writes tokamak/wire/ from schemas/*.fbs with flatc 2.0.8, for the tables that clients use.

Usage: generate_wire.py [--into FOLDER]. The result is committed, so that installing needs no flatc; a test
compares it with what this prints now.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SCHEMAS = HERE.parents[2] / "schemas"
TYPES = """Acknowledge ActorStatus Chunk Chunks Close Constraint Counter Drain Drained Error ErrorCode ErrorReply FinishReason Histogram Label
ListModels Message ModelInfo ModelList NodeStatus Open Prompt Sampling StatusReport StatusRequest Stops TopLogprobs Usage""".split()


def generate(folder: pathlib.Path, flatc: str = "flatc") -> None:
    """Fills `folder` with one module a type."""
    with tempfile.TemporaryDirectory() as scratch:
        files = [str(SCHEMAS / name) for name in ("sequence.fbs", "operations.fbs")]
        subprocess.run([flatc, "--python", "-o", scratch, *files], check=True)
        made = pathlib.Path(scratch) / "tokamak" / "wire"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text('"""FlatBuffers code of the wire contract, made by generate_wire.py."""\n')
        for name in TYPES:
            shutil.copyfile(made / f"{name}.py", folder / f"{name}.py")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=pathlib.Path, default=HERE / "tokamak" / "wire")
    generate(parser.parse_args().into)
    sys.exit(0)
