"""Layered builds that stop: what is refused, cancelled or missing, with nothing published."""

from __future__ import annotations

import errno
import hashlib

import pytest

from hublish.builders.layered import build as layered_build
from hublish.core.plan import Environment
from hublish.errors import (
    BaseUnsupported,
    BuildCancelled,
    BuildFailed,
    DiskFull,
    ImageInvalid,
    SourceInvalid,
    WheelInvalid,
    WheelMissing,
)
from tests.fakes import TINY_BASE, make_tar
from tests.unit.builders.layered.parts import SITE, add_big_packages
from tests.unit.builders.samples import BASE, TARGET


def test_no_more_is_pushed_ahead_than_the_image_may_hold(bench):
    """A build that is over its limit leaves no more than the limit in the registry, and no manifest."""
    add_big_packages(bench, "gamma", "delta", "epsilon")

    with pytest.raises(BuildFailed, match="the limit is"):
        bench.build(bench.plan(size_bytes=5 << 20), workers=2)

    pushed_bytes = sum(len(bench.images.blobs[place]) for place in bench.images.pushed)
    assert (2 << 20) < pushed_bytes <= (5 << 20)
    assert bench.images.fetch_manifest(TARGET) is None


def test_base_of_too_many_layers_is_refused(bench):
    """Said before a wheel is installed."""
    layers = [make_tar({**TINY_BASE, f"/opt/{number}": b""}) for number in range(116)]
    bench.images.add_image(BASE, layers)

    with pytest.raises(BaseUnsupported, match="the base has 116 layers"):
        bench.build()

    assert bench.images.pushed == []


def test_bytecode_for_another_python_is_refused(bench, monkeypatch):
    """A builder of another version would make other bytes under the same plan."""
    monkeypatch.setattr(layered_build, "can_compile_for", lambda _: False)

    with pytest.raises(BuildFailed, match=r"byte-code for Python 3\.11\.2"):
        bench.build(bench.plan(bytecode=True))


def test_two_wheels_with_one_path_and_other_bytes_are_refused(bench):
    """What pip would silently overwrite ends the build, with both names."""
    bench.add_package("gamma", files={"shared.py": "x = 1\n"})
    bench.add_package("delta", files={"shared.py": "x = 2\n"})

    with pytest.raises(BuildFailed) as caught:
        bench.build()

    assert caught.value.message == (
        f"gamma-1.0-py3-none-any.whl and delta-1.0-py3-none-any.whl both bring {SITE}/shared.py, with different bytes"
    )


def test_two_wheels_with_one_path_and_the_same_bytes_are_fine(bench):
    """Namespace packages ship the same empty file many times."""
    bench.add_package("gamma", files={"space/__init__.py": ""})
    bench.add_package("delta", files={"space/__init__.py": ""})

    bench.build()

    assert bench.images.read(TARGET, f"{SITE}/space/__init__.py") == b""


def test_file_of_one_wheel_that_is_a_folder_of_another_is_refused(bench):
    """No unpacker can have both."""
    bench.add_package("gamma", files={"thing": "x"})
    bench.add_package("delta", files={"thing/a.py": "x"})

    with pytest.raises(BuildFailed) as caught:
        bench.build()

    assert caught.value.message == (
        f"gamma-1.0-py3-none-any.whl brings {SITE}/thing as a file, "
        "delta-1.0-py3-none-any.whl brings files in a folder of that name"
    )


def test_wheel_that_brings_the_interpreter_is_refused(bench):
    """A data file over the environment's own python would replace what everything starts with."""
    bench.add_package("evil", files={"evil-1.0.data/scripts/python": "#!python\n"})

    with pytest.raises(BuildFailed, match="which the environment itself needs"):
        bench.build()


@pytest.mark.parametrize("environment", list(Environment))
@pytest.mark.parametrize("name", ["bin", "lib", "lib/python3.11"])
def test_wheel_that_brings_a_file_in_place_of_the_environments_folder_is_refused(bench, environment, name):
    """An unpacker would throw the whole folder away, the interpreter with it."""
    bench.add_package("evil", files={f"evil-1.0.data/data/{name}": "x"})

    with pytest.raises(BuildFailed, match=f"brings .*/{name}, which the environment itself needs"):
        bench.build(bench.plan(environment=environment))


def test_unmet_requirements_are_listed_before_a_layer_is_made(bench):
    """A lock made for another Python leaves packages out; all that is missing is said at once."""
    bench.add_package("gamma", requires=["missing>1", "alpha<1", "other; python_version < '3'", "broken requirement !"])

    with pytest.raises(BuildFailed) as caught:
        bench.build()

    assert caught.value.message == (
        "the locked packages do not fit together: "
        "gamma 1.0 requires missing>1, but missing is not among them for Python 3.11.2; "
        "gamma 1.0 requires alpha<1, but 1.0 is locked"
    )
    assert "Python 3.11.2" in caught.value.hint
    assert not (bench.folder / "workspace" / "blobs").exists()


def test_too_large_image_is_refused_before_the_push(bench):
    """The limit counts compressed bytes; the largest layers are named and nothing is uploaded."""
    with pytest.raises(BuildFailed, match=r"the limit is 0\.0 MiB; base .* largest layers: home") as caught:
        bench.build(bench.plan(size_bytes=1000))

    assert "limits.size" in caught.value.hint
    assert bench.images.pushed == []


def test_cancelled_build_stops_and_pushes_nothing(bench):
    """The question is asked between units of work."""
    with pytest.raises(BuildCancelled):
        bench.build(cancelled=lambda: True)

    assert bench.images.pushed == []


def test_cancel_while_processes_work_stops_the_build(bench):
    """Units that have not started are dropped; no manifest names the layers that stand there already."""
    for name in ("gamma", "delta", "epsilon"):
        bench.add_package(name, files={f"{name}/data.bin": hashlib.shake_256(name.encode()).digest(2 << 20)})
    answers = iter([False] * 10)

    with pytest.raises(BuildCancelled):
        bench.build(cancelled=lambda: next(answers, True))

    assert bench.images.fetch_manifest(TARGET) is None


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [
        (errno.ENOSPC, DiskFull, "no space left in the workspace for the build"),
        (errno.EIO, BuildFailed, "the build failed: .*cable"),
    ],
)
def test_error_of_the_disk_is_told_as_what_it_is(bench, number, error, message):
    """A full disk may be retried; another error of the system ends the build with its text."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, "cable")

    bench.images.ensure_blob = fail

    with pytest.raises(error, match=message):
        bench.build()


def test_other_digest_reported_by_the_registry_is_refused(bench):
    """What was pushed must be what stands there."""
    bench.images.ensure_manifest = lambda *_, **__: "sha256:" + "0" * 64

    with pytest.raises(ImageInvalid, match=r"expected the digest sha256:.* back, got sha256:000"):
        bench.build()


def test_source_that_changes_while_it_is_packed_is_refused(bench):
    """The plan names a tree; other bytes are never packed under its name."""
    bench.source.bodies["README.md"] = b"HELLO\n"

    with pytest.raises(SourceInvalid, match=r"README\.md changed while the image was built"):
        bench.build()


def test_plan_without_a_base_is_refused(bench):
    """A layered plan always has one."""
    with pytest.raises(BuildFailed, match="without a base"):
        bench.build(bench.plan(base=None))


def test_missing_wheel_stops_the_build(bench):
    """A file that is gone from the index is said by name."""
    bench.index.gone.add("alpha-1.0-py3-none-any.whl")

    with pytest.raises(WheelMissing, match=r"alpha-1\.0-py3-none-any\.whl is gone"):
        bench.build()


def test_broken_wheel_stops_the_build(bench):
    """An archive that is none is said by name."""
    digest = bench.index.add("broken-1.0-py3-none-any.whl", b"no zip")
    bench.add_package("broken")
    bench.packages = [
        package if package.name != "broken" else type(package)(**{**_fields(package), "hashes": (digest,)})
        for package in bench.packages
    ]
    bench.index.wheels["broken-1.0-py3-none-any.whl"] = b"no zip"

    with pytest.raises(WheelInvalid, match=r"broken-1\.0-py3-none-any\.whl: not a wheel that can be installed"):
        bench.build()


def _fields(package: object) -> dict:
    return {name: getattr(package, name) for name in package.__dataclass_fields__}
