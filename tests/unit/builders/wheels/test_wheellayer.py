"""Wheels installed into a layer: schemes, scripts, RECORD, byte-code."""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path

import pytest

from hublish.builders.layered.environment import make_environment
from hublish.builders.layered.layertree import open_layer_file
from hublish.builders.wheels import wheelfile
from hublish.builders.wheels.bytecode import is_worth_compiling, make_bytecode, make_bytecode_path
from hublish.builders.wheels.wheellayer import WheelLayerJob, make_wheel_layer
from hublish.core.plan import Environment
from hublish.errors import BuildFailed, ImageInvalid, WheelInvalid
from tests.fakes import TINY_BASE
from tests.sandbox.wheels import make_wheel, wheel_filename
from tests.unit.builders.baseimage.parts import read

TAG = sys.implementation.cache_tag
VENV = "/opt/hublish/venv"
SITE = f"{VENV}/lib/python3.11/site-packages"


@pytest.fixture
def environment():
    return make_environment(read(TINY_BASE), Environment.VENV)


def install(tmp_path: Path, environment, *wheels: bytes, bytecode: bool = False) -> dict[str, tuple[int, bytes]]:
    paths = []
    for number, body in enumerate(wheels):
        path = tmp_path / str(number) / wheel_filename("alpha" if number == 0 else "beta", "1.0")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
        paths.append(path)
    folder = tmp_path / "blobs"
    layer = make_wheel_layer(
        WheelLayerJob(wheels=tuple(paths), environment=environment, bytecode=bytecode, folder=folder)
    )
    with tarfile.open(folder / layer.blob.digest.removeprefix("sha256:")) as archive:
        return {
            "/" + member.name: (member.mode, archive.extractfile(member).read())
            for member in archive
            if member.isfile()
        }


def test_every_scheme_goes_to_its_place(tmp_path, environment):
    """Data, headers, scripts, purelib and platlib files of a wheel land where PEP 427 says."""
    data = "alpha-1.0.data"
    wheel = make_wheel(
        "alpha",
        "1.0",
        {
            f"{data}/data/share/jupyter/x.json": "{}",
            f"{data}/data/lib64/thing": "x",
            f"{data}/headers/alpha.h": "h",
            f"{data}/scripts/tool": "#!python -x\nprint()\n",
            f"{data}/scripts/shell": "#!/bin/sh\n",
            f"{data}/purelib/pure.py": "p",
            f"{data}/platlib/plat.py": "p",
            "alpha.py": "a",
        },
        scripts={"alpha-cli": "alpha:main"},
    )

    found = install(tmp_path, environment, wheel)

    assert sorted(path for path in found if "dist-info" not in path) == [
        f"{VENV}/bin/alpha-cli",
        f"{VENV}/bin/shell",
        f"{VENV}/bin/tool",
        f"{VENV}/include/site/python3.11/alpha/alpha.h",
        f"{SITE}/alpha.py",
        f"{SITE}/plat.py",
        f"{SITE}/pure.py",
        f"{VENV}/lib/thing",
        f"{VENV}/share/jupyter/x.json",
    ]
    assert found[f"{VENV}/bin/tool"][1] == f"#!{VENV}/bin/python\nprint()\n".encode()
    assert found[f"{VENV}/bin/shell"][1] == b"#!/bin/sh\n"
    assert found[f"{VENV}/bin/alpha-cli"][0] == 0o775
    assert found[f"{SITE}/alpha-1.0.dist-info/INSTALLER"] == (0o664, b"hublish\n")


def test_record_lists_all_that_was_written(tmp_path, environment):
    """An installer can remove all of it again."""
    wheel = make_wheel(
        "alpha", "1.0", {"alpha.py": "a = 1\n", "alpha-1.0.data/data/etc/a": "x"}, scripts={"a": "alpha:b"}
    )

    found = install(tmp_path, environment, wheel, bytecode=True)
    rows = found[f"{SITE}/alpha-1.0.dist-info/RECORD"][1].decode().splitlines()

    assert sorted(row.split(",")[0] for row in rows) == [
        "../../../bin/a",
        "../../../etc/a",
        f"__pycache__/alpha.{TAG}.pyc",
        "alpha-1.0.dist-info/INSTALLER",
        "alpha-1.0.dist-info/METADATA",
        "alpha-1.0.dist-info/RECORD",
        "alpha-1.0.dist-info/WHEEL",
        "alpha-1.0.dist-info/entry_points.txt",
        "alpha.py",
    ]


def test_shipped_installer_is_replaced(tmp_path, environment):
    """Wheels that were packed from an installed tree say who installed that; pip and uv write their own name over it."""
    wheel = make_wheel("alpha", "1.0", {"alpha.py": "", "alpha-1.0.dist-info/INSTALLER": "pip\n"})

    found = install(tmp_path, environment, wheel)

    assert found[f"{SITE}/alpha-1.0.dist-info/INSTALLER"] == (0o664, b"hublish\n")


def test_large_file_is_written_by_chunks(tmp_path, environment, monkeypatch):
    """A file that is not held in memory ends up the same."""
    wheel = make_wheel("alpha", "1.0", {"alpha.bin": bytes(range(256)) * 100})
    small = install(tmp_path, environment, wheel)
    monkeypatch.setattr(wheelfile, "IN_MEMORY_LIMIT_BYTES", 1000)

    large = install(tmp_path, environment, wheel, make_wheel("beta", "1.0", {"alpha.bin": bytes(range(256)) * 100}))

    assert large[f"{SITE}/alpha.bin"] == small[f"{SITE}/alpha.bin"]


@pytest.mark.parametrize(
    ("files", "scripts", "message"),
    [
        ({"alpha-1.0.data/nonsense/x": "x"}, None, "not contained in a valid .data subdirectory"),
        ({"alpha.py": ""}, {"../../evil": "alpha:main"}, "leaves its place|makes no script|not a wheel"),
        ({"alpha.py": ""}, {"x/../../../evil": "alpha:main"}, "leaves its place|makes no script|not a wheel"),
    ],
)
def test_wheel_that_reaches_out_is_refused(tmp_path, environment, files, scripts, message):
    """Unknown schemes and entry points with paths in their names are no way out."""
    with pytest.raises(WheelInvalid, match=message):
        install(tmp_path, environment, make_wheel("alpha", "1.0", files, scripts=scripts))


@pytest.mark.parametrize("name", ["./tool", "sub/../tool", ".//tool"])
def test_other_spellings_of_a_script_are_one_place(tmp_path, environment, name):
    """A name that stays in its folder goes where it means."""
    found = install(tmp_path, environment, make_wheel("alpha", "1.0", {"alpha.py": ""}, scripts={name: "alpha:main"}))

    assert f"{VENV}/bin/tool" in found


def test_nothing_is_left_of_a_layer_that_failed(tmp_path, environment):
    """A broken wheel leaves no part of a blob behind."""
    with pytest.raises(WheelInvalid):
        install(tmp_path, environment, b"no zip")

    assert list((tmp_path / "blobs").iterdir()) == []


def test_unfinished_layer_has_no_blob(tmp_path, environment):
    """The digest is known at the end only."""
    with open_layer_file(tmp_path, environment) as layer, pytest.raises(ImageInvalid, match="not written to its end"):
        _ = layer.finished


@pytest.mark.parametrize(
    "source", [b"def broken(:\n", b"\0", b"x = " + b"(" * 500 + b")" * 500, b"#" * (5 << 20), b"return '\\d'\n"]
)
def test_module_that_cannot_be_compiled_is_left_alone(source):
    """Templates, code for other Pythons and giants stay sources."""
    assert make_bytecode(source, path="/x.py") is None


def test_bytecode_runs_and_does_not_change():
    """The code is right, twice the same, and warnings about it concern nobody here."""
    source = b"import re\nname = {'b', 'a'} and 'x'\npattern = '\\d'\ndef f(): return f'{name}'\n"

    first = make_bytecode(source, path="/x.py")

    assert first == make_bytecode(source, path="/x.py")
    assert first[4:8] == b"\x01\0\0\0"


@pytest.mark.parametrize(
    ("path", "worth", "cached"),
    [
        ("a.py", True, f"__pycache__/a.{TAG}.pyc"),
        ("pkg/a.py", True, f"pkg/__pycache__/a.{TAG}.pyc"),
        ("pkg/tests/a.py", False, f"pkg/tests/__pycache__/a.{TAG}.pyc"),
        ("pkg/tests.py", True, f"pkg/__pycache__/tests.{TAG}.pyc"),
        ("pkg/a.txt", False, f"pkg/__pycache__/a.txt.{TAG}.pyc"),
    ],
)
def test_what_is_compiled_and_where_it_goes(path, worth, cached):
    """Tests are a third of all sources and hardly ever imported."""
    assert is_worth_compiling(path) is worth
    assert make_bytecode_path(path) == cached


def test_blob_is_read_by_any_tar(tmp_path, environment):
    """The layer is plain tar and gzip."""
    with open_layer_file(tmp_path / "b", environment) as layer:
        layer.tree.add_text("/etc/motd", "hello\n")
    body = (tmp_path / "b" / layer.finished.digest.removeprefix("sha256:")).read_bytes()

    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
        assert archive.getnames() == ["etc", "etc/motd"]


def test_module_that_does_not_compile_is_installed_as_it_is(tmp_path, environment):
    """Templates have the suffix too; RECORD lists no byte-code for them."""
    wheel = make_wheel("alpha", "1.0", {"template.py": "{{ name }} = \n"})

    found = install(tmp_path, environment, wheel, bytecode=True)

    assert found[f"{SITE}/template.py"] == (0o664, b"{{ name }} = \n")
    assert not [path for path in found if "__pycache__" in path]


def test_entry_point_that_makes_no_script_is_refused(tmp_path, environment):
    """A name without a callable behind it would be a script that fails."""
    wheel = make_wheel("alpha", "1.0", {"alpha.py": ""}, scripts={"alpha": "alpha"})

    with pytest.raises(WheelInvalid, match=r"the entry point 'alpha' makes no script|not a wheel"):
        install(tmp_path, environment, wheel)


def test_wheel_that_brings_one_path_by_two_schemes_writes_it_once(tmp_path, environment):
    """The same bytes are fine, others are a conflict of the wheel with itself."""
    same = make_wheel("alpha", "1.0", {"a.py": "x", "alpha-1.0.data/purelib/a.py": "x"})
    other = make_wheel("alpha", "1.0", {"a.py": "x", "alpha-1.0.data/purelib/a.py": "y"})

    assert install(tmp_path, environment, same)[f"{SITE}/a.py"] == (0o664, b"x")
    with pytest.raises(BuildFailed, match=r"both bring .*/a\.py"):
        install(tmp_path, environment, other)


def test_large_files_that_conflict_are_refused(tmp_path, environment, monkeypatch):
    """A path is free or not before a byte of a large file is written."""
    monkeypatch.setattr(wheelfile, "IN_MEMORY_LIMIT_BYTES", 1000)
    first = make_wheel("alpha", "1.0", {"a.bin": bytes(5000)})
    second = make_wheel("beta", "1.0", {"a.bin": bytes(5001)})

    with pytest.raises(BuildFailed, match=r"both bring .*/a\.bin"):
        install(tmp_path, environment, first, second)


def test_file_in_place_of_a_folder_is_refused_with_both_wheels(tmp_path, environment):
    """Both lie in one layer, the folder first: whoever has to choose learns between which two."""
    folder = make_wheel("alpha", "1.0", {"thing/a.py": "x = 1\n"})
    message = (
        f"^beta-1.0-py3-none-any.whl brings {SITE}/thing as a file, "
        "alpha-1.0-py3-none-any.whl brings files in a folder of that name$"
    )

    for path in ("thing", "beta-1.0.data/data/lib/python3.11/site-packages/thing"):
        with pytest.raises(BuildFailed, match=message):
            install(tmp_path, environment, folder, make_wheel("beta", "1.0", {path: "file"}))
    with pytest.raises(BuildFailed, match=f"brings {VENV}/bin/run as a file, alpha-1.0"):
        install(
            tmp_path,
            environment,
            make_wheel("alpha", "1.0", {"alpha-1.0.data/scripts/run/x": "x"}),
            make_wheel("beta", "1.0", {"beta.py": ""}, scripts={"run": "beta:main"}),
        )


def test_script_that_a_layer_would_read_as_a_removal_is_refused(tmp_path, environment):
    """The names of scripts are in no path of the archive."""
    wheel = make_wheel("alpha", "1.0", scripts={".wh.python": "alpha:main"})

    with pytest.raises(
        ImageInvalid, match=rf"{VENV}/bin/\.wh\.python: a name that begins with \.wh\. cannot stand in a"
    ):
        install(tmp_path, environment, wheel)
