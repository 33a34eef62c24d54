"""The package's copies of the wire contract equal the contract."""

import filecmp
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import tokamak
from tokamak import errors, protocol, verify

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCHEMAS = "".join((ROOT / "schemas" / name).read_text() for name in ("sequence.fbs", "operations.fbs"))
SCALARS = {"ubyte": 1, "bool": 1, "int": 4, "uint": 4, "float": 4, "ulong": 8, "double": 8, "FinishReason": 1, "ErrorCode": 1}


def fields_of(table):
    body = re.search(rf"^table {table} {{(.*?)^}}", SCHEMAS, re.MULTILINE | re.DOTALL).group(1)
    return re.findall(r"^\s*\w+:\s*([\[\]\w]+)", body, re.MULTILINE)


def kind_text(kind):
    """A described kind as a schema would write it, numbers by their size."""
    if isinstance(kind, verify.Scalar):
        return kind.size
    if isinstance(kind, verify.Vector):
        return [kind_text(kind.of)]
    return "string" if isinstance(kind, verify.String) else kind.name


def schema_text(written):
    if written.startswith("["):
        return [schema_text(written[1:-1])]
    return SCALARS.get(written, written)


@pytest.mark.parametrize("table", [one for one in vars(verify).values() if isinstance(one, verify.Table)], ids=lambda t: t.name)
def test_the_verifier_knows_every_table_as_the_schema_has_it(table):
    assert [kind_text(kind) for kind in table.fields] == [schema_text(written) for written in fields_of(table.name)]


def test_frame_types_and_version_have_the_contract_numbers():
    header = (ROOT / "framework/message/frame_type.hpp").read_text()
    numbers = {name.upper(): int(number) for name, number in re.findall(r"X\((\w+), (\d+)\)", header)}
    for frame in protocol.Frame:
        assert numbers[frame.name.replace("_", "")] == frame.value
    major, minor = (int(re.search(rf"protocol_{part} = (\d+)", header).group(1)) for part in ("major", "minor"))
    assert protocol.VERSION == (major, minor)


def test_error_codes_have_the_schema_names_and_every_one_has_a_class():
    body = re.search(r"enum ErrorCode : ubyte {(.*?)}", SCHEMAS, re.DOTALL).group(1)
    assert re.findall(r"(\w+)(?: = 0)?,?", body.replace("ok = 0", "ok")) == list(errors.CODES)
    for number, name in enumerate(errors.CODES[1:], 1):
        error = errors.error_of(number, "text", "place")
        assert error.code == name
        assert type(error) is not tokamak.Error
        assert getattr(tokamak, type(error).__name__) is type(error)
        assert str(error) == f"place: text ({name})"
    assert errors.error_of(200, "strange").code == "internal"


def test_the_generated_code_is_what_flatc_makes_now(tmp_path):
    flatc = os.environ.get("TOKAMAK_FLATC") or shutil.which("flatc")
    assert flatc, "flatc is needed: Debian's flatbuffers-compiler"
    version = subprocess.run([flatc, "--version"], capture_output=True, text=True, check=True).stdout
    assert "2.0.8" in version, f"tokamak/wire is made by flatc 2.0.8, this is {version}"
    package = ROOT / "sdk/client/python"
    environment = {**os.environ, "PATH": os.path.dirname(flatc) + os.pathsep + os.environ["PATH"]}
    command = [sys.executable, str(package / "generate_wire.py"), "--into", str(tmp_path / "wire")]
    subprocess.run(command, check=True, env=environment)
    made, kept = tmp_path / "wire", package / "tokamak" / "wire"
    names = sorted(path.name for path in made.iterdir())
    assert names == sorted(path.name for path in kept.glob("*.py"))
    different = filecmp.cmpfiles(made, kept, names, shallow=False)[1:]
    assert different == ([], []), "run sdk/client/python/generate_wire.py"


def test_a_header_is_read_back_and_anything_else_is_no_header():
    head = protocol.header(protocol.Frame.STATUS_REPORT)
    assert head == b"TKMK\x00\x01\x19\x00"
    assert protocol.parse_header(head) == (0, 1, 25)
    assert protocol.parse_header(b"TKMk\x00\x01\x19\x00") is None
    assert protocol.parse_header(head[:7]) is None
    assert protocol.speaks_our_version(0, 1)
    assert not protocol.speaks_our_version(0, 2)
    assert not protocol.speaks_our_version(1, 1)


def test_the_docs_name_every_option_and_error():
    readme = (ROOT / "sdk/client/python/README.md").read_text()
    names = [*tokamak.Request.__dataclass_fields__, *tokamak.Options.__dataclass_fields__]
    names += [kind.__name__ for kind in tokamak.Error.__subclasses__()] + list(errors.CODES[1:])
    assert [name for name in names if f"`{name}`" not in readme] == []
