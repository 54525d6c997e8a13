"""What every layer is held to, whatever the wheels: folders as the base has them, plain modes, byte-code of no process."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tarfile
from dataclasses import replace

import pytest

from hublish.builders.layered.environment import make_environment
from hublish.builders.layered.packagelayers import make_recipe_key
from hublish.core.locks.lockfile import LockedPackage
from hublish.core.plan import Environment
from hublish.oci.manifest import parse_manifest
from tests.fakes import TINY_BASE
from tests.sandbox.wheels import make_wheel, wheel_filename
from tests.unit.builders.baseimage.parts import read
from tests.unit.builders.samples import TARGET, Bench
from tests.unit.builders.wheels.test_wheelfile import rewrite

SITE = "/usr/local/lib/python3.11/dist-packages"
# Modules of the standard library with closures, comprehensions, long constants and many shared names.
COMPILED = ("argparse", "ast", "decimal", "doctest", "enum", "inspect", "pydoc", "tarfile", "typing", "zipfile")
COMPILE = """
import hashlib, importlib.util, json, sys
from pathlib import Path
from hublish.builders.wheels.bytecode import make_bytecode
for name in sys.argv[2:]:
    __import__(name)
digests = {}
for name in json.loads(sys.argv[1]):
    source = Path(importlib.util.find_spec(name).origin).read_bytes()
    digests[name] = hashlib.sha256(make_bytecode(source, path=f"/opt/{name}.py")).hexdigest()
print(json.dumps(digests))
"""


def list_layers(bench: Bench, *, base_layers: int = 1) -> list[list[tarfile.TarInfo]]:
    """The entries of every layer on top of the base."""
    layers = []
    for layer in parse_manifest(bench.images.fetch_manifest(TARGET).body).layers[base_layers:]:
        stream = gzip.decompress(bench.images.blobs[TARGET.name, layer.digest])
        with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
            layers.append(archive.getmembers())
    return layers


def test_folders_of_the_base_are_named_again_as_they_are(tmp_path):
    """Owner, group, sticky and set-group-id bits: an unpacker that made missing parents itself would hide them."""
    base = {**TINY_BASE, "/usr/local": (0o2775, 0, 50), "/usr/local/bin": (0o1777, 7, 8), "/srv": (0o710, 1000, 0)}
    folders = {path: value for path, value in base.items() if isinstance(value, tuple)}
    bench = Bench(tmp_path)
    bench.add_base({path: value for path, value in base.items() if TINY_BASE.get(path) != value})
    bench.add_package("alpha", scripts={"alpha": "alpha:main"})

    bench.build(bench.plan(environment=Environment.BASE))
    named = [
        (f"/{member.name}", (member.mode, member.uid, member.gid))
        for members in list_layers(bench, base_layers=2)
        for member in members
        if f"/{member.name}" in folders
    ]

    assert [(path, folders[path]) for path, _ in named] == named
    assert {"/usr", "/usr/local", "/usr/local/bin", SITE, "/srv"} <= {path for path, _ in named}


def test_each_entry_comes_after_its_folders(tmp_path):
    """No layer leaves a parent to be made by whoever unpacks it."""
    bench = Bench(tmp_path)
    bench.add_base()
    bench.add_package("alpha", files={"alpha/deep/er/x.py": "x = 1\n", "alpha/y.py": "y = 1\n"})
    bench.build()

    for members in list_layers(bench):
        seen = {""}
        for member in members:
            assert member.name.rpartition("/")[0] in seen
            if member.isdir():
                seen.add(member.name)


@pytest.mark.parametrize("mode", [0o104755, 0o102755, 0o101777, 0o100000])
def test_modes_of_wheels_are_two(tmp_path, mode):
    """Set-user-id, set-group-id, sticky and missing bits of an archive end at the door; nothing extended is written."""
    bench = Bench(tmp_path)
    bench.add_base()
    body = rewrite(make_wheel("alpha", "1.0"), add={"alpha/tool": b"#!/bin/sh\n"}, mode=mode)
    digest = bench.index.add(wheel_filename("alpha", "1.0"), body)
    bench.packages = [LockedPackage(name="alpha", version="1.0", hashes=(digest,), source="index")]

    bench.build()
    files = {path: info for path, info in bench.images.files(TARGET).items() if "/alpha/" in path and info.isfile()}

    assert {info.mode for info in files.values()} <= {0o664, 0o775}
    assert (next(info.mode for path, info in files.items() if path.endswith("/alpha/tool")) == 0o775) == bool(
        mode & 0o111
    )
    assert {name for info in files.values() for name in info.pax_headers} <= {"path"}
    assert {(info.uid, info.gid, info.uname, info.gname) for info in files.values()} == {(0, 0, "", "")}


def test_bytecode_does_not_depend_on_what_else_the_process_imported():
    """Objects shared with other modules once made other bytes; here one process knows hundreds of them."""
    few, many = (
        json.loads(
            subprocess.run(
                [sys.executable, "-c", COMPILE, json.dumps(COMPILED), *imports],
                capture_output=True,
                check=True,
                timeout=120,
            ).stdout
        )
        for imports in ((), (*COMPILED, "asyncio", "email.message", "unittest.mock", "xml.dom.minidom", "sqlite3"))
    )

    assert few == many
    assert len(few) == len(COMPILED)


def test_layer_is_bound_to_its_place_and_makers(tmp_path):
    """A script's first line holds the interpreter: a layer of another prefix, builder or compiler is another layer."""
    bench = Bench(tmp_path)
    bench.add_base()
    plan = bench.plan()
    venv, base = (make_environment(read(TINY_BASE), kind) for kind in (Environment.VENV, Environment.BASE))
    keys = {
        make_recipe_key(plan, venv),
        make_recipe_key(plan, base),
        make_recipe_key(plan, replace(venv, interpreter="/usr/bin/python3.11")),
        make_recipe_key(replace(plan, builder="layered-0"), venv),
        make_recipe_key(replace(plan, bytecode=True), venv),
    }

    assert len(keys) == 5
    assert make_recipe_key(replace(plan, source_repo_id=9, target_repository="example.com/x"), venv) in keys


def test_manifest_holds_labels_and_layers_only(tmp_path):
    """Facts of the base once made it 174 kB; pullers read a manifest before anything else."""
    bench = Bench(tmp_path)
    bench.add_base()
    for number in range(40):
        bench.add_package(f"package-{number}")
    bench.build()
    manifest = json.loads(bench.images.fetch_manifest(TARGET).body)
    config = json.loads(bench.images.blobs[TARGET.name, manifest["config"]["digest"]])

    assert manifest.keys() == {"annotations", "config", "layers", "mediaType", "schemaVersion"}
    assert manifest["annotations"] == config["config"]["Labels"]
    assert {key for layer in manifest["layers"] for key in layer} == {"mediaType", "digest", "size"}
