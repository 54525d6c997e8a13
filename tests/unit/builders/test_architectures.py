"""Images for another architecture than this machine's: nothing of them is run, so nothing stands in the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.wheels.bytecode import can_compile_for
from hublish.core.locks.lockfile import LockedPackage
from hublish.core.plan import Plan
from hublish.errors import BaseUnsupported
from hublish.oci.image import parse_spec
from hublish.oci.manifest import parse_manifest
from tests.sandbox.wheels import make_wheel, wheel_filename
from tests.unit.builders.samples import TARGET, Bench

SITE = "/opt/hublish/venv/lib/python3.11/site-packages"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def make_bench(folder: Path, architecture: str) -> Bench:
    """A base of an architecture, a package with a wheel for each, and a pure one."""
    bench = Bench(folder)
    bench.add_base(architecture=architecture)
    hashes = []
    for machine in MACHINES.values():
        tag = f"cp311-cp311-manylinux_2_17_{machine}"
        files = {"alpha/__init__.py": f"machine = '{machine}'\n", f"alpha/fast.{machine}.so": machine.encode()}
        body = make_wheel("alpha", "1.0", files, tag=tag)
        hashes.append(bench.index.add(wheel_filename("alpha", "1.0", tag=tag), body))
    bench.packages = [LockedPackage(name="alpha", version="1.0", hashes=tuple(sorted(hashes)), source="index")]
    bench.add_package("beta", files={"beta/__init__.py": "x = {'a', 'b'}\n"})
    return bench


def make_plan(bench: Bench, architecture: str) -> Plan:
    return replace(bench.plan(), platform=f"linux/{architecture}", bytecode=can_compile_for((3, 11)))


def read_diff_ids(bench: Bench) -> dict[str, str]:
    """Diff IDs of an image by what the history says of each layer."""
    manifest = parse_manifest(bench.images.fetch_manifest(TARGET).body)
    spec = parse_spec(bench.images.blobs[TARGET.name, manifest.config.digest])
    return {entry.created_by: diff_id for entry, diff_id in zip(spec.history, spec.diff_ids, strict=True)}


@pytest.mark.parametrize("architecture", sorted(MACHINES))
def test_base_decides_which_wheels_are_chosen(tmp_path, architecture):
    """One lock holds the wheels of both; the image gets those of its base, and says its architecture."""
    bench = make_bench(tmp_path, architecture)
    machine = MACHINES[architecture]

    first = bench.build(make_plan(bench, architecture))
    second = bench.build(make_plan(bench, architecture), workspace="another", workers=2)
    manifest = parse_manifest(bench.images.fetch_manifest(TARGET).body)
    spec = parse_spec(bench.images.blobs[TARGET.name, manifest.config.digest])
    found = {path for path in bench.images.files(TARGET) if path.startswith(f"{SITE}/alpha/fast.")}

    assert first.digest == second.digest
    assert spec.architecture == architecture
    assert found == {f"{SITE}/alpha/fast.{machine}.so"}


def test_layers_of_pure_packages_are_the_same_on_both(tmp_path):
    """Byte-code holds no machine code; only the base and the layer with compiled code differ."""
    diff_ids = {}
    for architecture in MACHINES:
        bench = make_bench(tmp_path / architecture, architecture)
        bench.build(make_plan(bench, architecture))
        diff_ids[architecture] = read_diff_ids(bench)
    amd64, arm64 = diff_ids["amd64"], diff_ids["arm64"]

    assert amd64.keys() == arm64.keys()
    assert {title for title in amd64 if amd64[title] != arm64[title]} == {"hublish: alpha 1.0"}


def test_base_of_another_architecture_than_planned_is_refused(tmp_path):
    """A plan names its platform; a base for another is a mistake, not a choice."""
    bench = make_bench(tmp_path, "arm64")

    with pytest.raises(BaseUnsupported, match="expected an image for linux/amd64, got one for linux/arm64"):
        bench.build(make_plan(bench, "amd64"))
